"""The socket: HTTP/1.1 in and out, and nothing that knows FHIR."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from fhir_remission.rehearsal.server.replies import FHIR_JSON, Reply, Request

# The largest body taken from a client; a hospital's proxy is rarely more generous.
MAX_BODY = 64 * 1024 * 1024

Answer = Callable[[str, str, Mapping[str, str], bytes], Reply]


class Listener(ThreadingHTTPServer):
    """Listens on loopback and gives every request to `answer`."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], answer: Answer) -> None:
        super().__init__(address, _Handler)
        self.answer = answer

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Stay quiet: a client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "fhir-remission-rehearsal"
    sys_version = ""
    # One write per answer, sent at once: otherwise Nagle and delayed ACK cost 40 ms a request.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Listener

    def _serve(self) -> None:
        body = self._body()
        if body is None:
            self.close_connection = True
            self._send(Reply(413))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(self.server.answer(self.command, self.path, headers, body))

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
        """Stay quiet: requests are kept in `EmbeddedServer.requests`."""

    def _body(self) -> bytes | None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks()
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY:
            return None
        return self.rfile.read(int(length))

    def _chunks(self) -> bytes | None:
        body = bytearray()
        while size := int(self.rfile.readline(1024).partition(b";")[0], 16):
            if len(body) + size > MAX_BODY:
                return None
            body += self.rfile.read(size)
            self.rfile.readline(8)
        self.rfile.readline(8)
        return bytes(body)

    def _send(self, reply: Reply) -> None:
        if reply.lost:
            self._hang_up()
            return
        self.send_response_only(reply.status)
        headers = {"Date": formatdate(usegmt=True), "Content-Type": FHIR_JSON} | reply.headers
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[: len(reply.body) - reply.cut])
        self.wfile.flush()
        if reply.cut:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def read_request(
    number: int, method: str, target: str, headers: Mapping[str, str], body: bytes, *, base: str
) -> Request | None:
    """Take a request apart; None where its path is not under the base."""
    parts = urlsplit(target)
    if parts.path != base and not parts.path.startswith(f"{base}/"):
        return None
    path = tuple(unquote(part) for part in parts.path[len(base) :].split("/") if part)
    query = tuple(parse_qsl(parts.query, keep_blank_values=True))
    return Request(number, method, path, query, dict(headers), body)
