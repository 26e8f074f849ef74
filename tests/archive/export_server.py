"""A bulk export server with faults, on loopback: what a real one does on a bad day."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "Bearer let-me-in"


class Export:
    """What it exports, what goes wrong, and what it saw."""

    def __init__(self, files: dict[str, list[dict[str, Any]]], **faults: Any) -> None:
        self.files = files
        self.faults = faults
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.tries: dict[str, int] = {}
        self.base = ""

    def kick_off(self) -> dict[str, list[str]]:
        """The query of the last kick-off."""
        urls = [url for _, url, _ in self.seen if "$export" in url]
        return parse_qs(urlsplit(urls[-1]).query)

    def count(self, method: str, part: str) -> int:
        """How often something was asked."""
        return sum(1 for one, url, _ in self.seen if one == method and part in url)

    def manifest(self, page: int = 1) -> dict[str, Any]:
        """What it exports; one page of it."""
        wrong, epic = self.faults.get("wrong_count", ""), "epic" in self.faults
        place = self.beside() if epic else self.faults.get("elsewhere", self.base)
        output: list[dict[str, Any]] = [
            {"type": name, "url": f"{place}/files/{name}"}
            | ({} if epic else {"count": len(lines) + (name == wrong)})
            for name, lines in self.files.items()
        ]
        error = [{"type": "OperationOutcome", "url": f"{self.base}/files/errors"}]
        deleted = [{"type": "Bundle", "url": f"{self.base}/files/deleted"}]
        pages = self.faults.get("pages", 1)
        return {
            "transactionTime": "2026-06-30T00:00:00Z",
            "request": f"{self.base}/Patient/$export",
            "requiresAccessToken": "true" if epic else bool(self.faults.get("token")),
            "output": output[page - 1 :: pages],
            "error": error if "errors" in self.faults and page == 1 else [],
            "deleted": deleted if "deleted" in self.faults and page == 1 else [],
            "link": [{"relation": "next", "url": f"{self.base}/pages/{page + 1}"}]
            if page < pages
            else [],
        }

    def beside(self) -> str:
        """An address of the same server that does not lie below its base."""
        return f"{self.base}/../BulkRequest".replace("/fhir/..", "")


@contextmanager
def serving(export: Export, port: int = 0) -> Iterator[str]:
    """Serve it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _get(self, export)

        def do_DELETE(self) -> None:
            export.seen.append(("DELETE", self.path, dict(self.headers)))
            _say(self, 403 if export.faults.get("undeletable") else 202)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    export.base = f"http://127.0.0.1:{server.server_port}/fhir"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield export.base
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _get(handler: BaseHTTPRequestHandler, export: Export) -> None:
    export.seen.append(("GET", handler.path, dict(handler.headers)))
    if "$export" in handler.path and export.faults.get("unable"):
        _say(handler, export.faults["unable"])
    elif "$export" in handler.path:
        place = export.beside() if "epic" in export.faults else export.base
        _say(handler, 202, headers={"Content-Location": f"{place}/status/1"})
    elif "/pages/" in handler.path:
        page = int(handler.path.rpartition("/")[2])
        _say(handler, 200, json.dumps(export.manifest(page)).encode())
    elif handler.path.endswith("/status/1"):
        _status(handler, export)
    else:
        _file(handler, export, handler.path.rpartition("/")[2])


def _status(handler: BaseHTTPRequestHandler, export: Export) -> None:
    tries = export.tries["status"] = export.tries.get("status", 0) + 1
    if export.faults.get("expired"):
        _say(handler, 404)
    elif tries <= export.faults.get("busy", 0):
        _say(handler, 429, headers={"Retry-After": "9"})
    elif tries <= export.faults.get("slow", 0):
        _say(handler, 202, headers={"Retry-After": "7", "X-Progress": "half"})
    elif export.faults.get("torn"):
        _say(handler, 200, json.dumps(export.manifest()).encode()[:-30])
    elif export.faults.get("failed"):
        _say(handler, 500)
    else:
        _say(handler, 200, json.dumps(export.manifest()).encode())


def _file(handler: BaseHTTPRequestHandler, export: Export, name: str) -> None:
    tries = export.tries[name] = export.tries.get(name, 0) + 1
    if export.faults.get("token") and handler.headers.get("Authorization") != TOKEN:
        _say(handler, 401)
        return
    if name == export.faults.get("gone"):
        _say(handler, 404)
        return
    if name == export.faults.get("busy_file") and tries == 1:
        _say(handler, 503, headers={"Retry-After": "11"})
        return
    lines = export.faults[name] if name in ("errors", "deleted") else export.files[name]
    told = "".join(f"{json.dumps(one)}\n" for one in lines) if isinstance(lines, list) else lines
    body = told.encode()
    cut = name == export.faults.get("cut") and tries == 1
    _say(handler, 200, body, sent=len(body) // 2 if cut else len(body))


def _say(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes = b"",
    *,
    headers: dict[str, str] | None = None,
    sent: int | None = None,
) -> None:
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body if sent is None else body[:sent])
