"""A double of OpenHIM's core: what it asks of a mediator, and what it makes of an answer.

By openhim-core's `src/api/mediators.js` and `src/model/channels.js`: login by name and password,
a urn, a version by semver, one endpoint or more whose route has name, host and port.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

LOGIN = ("remission@example.org", "not-a-secret")
SEMVER = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
ROUTE = {
    *("name", "host", "port", "type", "secured", "primary", "path", "pathTransform"),
    *("username", "password", "cert", "status", "forwardAuthHeader"),
}


class Core:
    """What a core remembers, and how it routes."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.mediators: dict[str, dict[str, Any]] = {}
        self.beats: list[tuple[str, float]] = []
        self.asked: list[int] = []
        self.down = False

    def answer(self, path: str, login: str, body: Any) -> tuple[int, bytes]:
        """The status of one call of the API, and its body."""
        if self.down:
            return 502, b""
        if login != "Basic " + base64.b64encode(":".join(LOGIN).encode()).decode():
            return 401, b""
        if path == "/mediators":
            return (201, b"") if self._fits(body) else (400, b"Could not add Mediator")
        found = re.fullmatch(r"/mediators/([^/]+)/heartbeat", path)
        urn = unquote(found[1]) if found else ""
        if urn not in self.mediators:
            return 404, b""
        if "uptime" not in body:
            return 400, b""
        self.beats.append((urn, body["uptime"]))
        return 200, b""

    def _fits(self, body: Any) -> bool:
        routes = [*body["endpoints"]]
        for channel in body["defaultChannelConfig"]:
            assert channel["name"]
            assert channel["allow"]
            assert re.compile(channel["urlPattern"])
            routes += channel["routes"]
        fits = bool(body["urn"] and body["name"] and routes and SEMVER.fullmatch(body["version"]))
        fits &= all(set(one) <= ROUTE and one["name"] and one["host"] for one in routes)
        fits &= all(0 < one["port"] < 65536 and one["type"] == "http" for one in routes)
        if fits:
            self.mediators[body["urn"]] = body
        return fits

    def route(
        self, method: str, path: str, body: bytes, **headers: str
    ) -> tuple[int, dict[str, str], str, bool]:
        """A client's request through the first channel: status, headers, body, to be sent again."""
        (mediator,) = self.mediators.values()
        (channel,) = mediator["defaultChannelConfig"]
        assert re.search(channel["urlPattern"], path)
        assert method in channel["methods"]
        (route,) = channel["routes"]
        _, search, put, _ = re.split(r"(?<!\\)/", route["pathTransform"])
        there = re.sub(search, put.replace("\\/", "/"), path)
        connection = http.client.HTTPConnection(route["host"], route["port"], timeout=30)
        given = {**headers, "X-OpenHIM-TransactionID": "5f1a2b3c4d5e6f7a8b9c0d1e"}
        connection.request(method, there, body, given)
        answer = connection.getresponse()
        whole = answer.read()
        connection.close()
        assert answer.headers["Content-Type"].startswith("application/json+openhim")
        told = json.loads(whole)
        assert told["x-mediator-urn"] == mediator["urn"]
        assert isinstance(told["response"]["body"], str)
        inner = told["response"]
        return inner["status"], inner["headers"], inner["body"], bool(told.get("error"))


@contextmanager
def core() -> Iterator[Core]:
    """A core on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = json.loads(self.rfile.read(length))
            status, said = held.answer(self.path, self.headers.get("Authorization", ""), body)
            held.asked.append(status)
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        held = Core(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield held
        server.shutdown()
        thread.join()
