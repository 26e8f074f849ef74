"""A little evil server on raw sockets: it says what no library would let a server say.

A rule looks at each request and names a behaviour, or nothing: then the request is handed to a
good server behind it, so that a run gets as far as the place where the evil begins.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

EVERY = 0.3
"""Seconds between two drops; shorter than any time limit, so that no single read runs out."""


@dataclass(frozen=True)
class Asked:
    """One request as it came; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


class Wire:
    """The other end's way back: whole, drop by drop, or silent."""

    def __init__(self, sock: socket.socket, closing: threading.Event) -> None:
        self._sock, self._closing = sock, closing

    def send(self, data: bytes) -> None:
        """Send at once."""
        self._sock.sendall(data)

    def drip(self, data: Iterable[bytes], every: float = EVERY) -> None:
        """Send one drop after the other until the client goes away or the server is closed."""
        for drop in data:
            self._sock.sendall(drop)
            if self._closing.wait(every):
                return

    def hold(self) -> None:
        """Say nothing until the server is closed."""
        self._closing.wait()

    def reset(self) -> None:
        """Break the connection off without a farewell."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


Behaviour = Callable[[Asked, Wire], None]
Rule = Callable[[Asked], Behaviour | None]
Header = tuple[str | bytes, str | bytes]


class Evil:
    """Serves on loopback for as long as the `with` block lasts."""

    def __init__(
        self,
        rule: Rule,
        *,
        behind: str = "",
        on_connect: Callable[[Wire], None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._rule, self._on_connect, self._tls = rule, on_connect, tls
        self._behind = urlsplit(behind).netloc
        self._path = urlsplit(behind).path
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self.asked: list[Asked] = []
        """Every request so far."""
        self.first = threading.Event()
        """Set when something evil has begun."""
        self.connections = 0
        scheme = "https" if tls else "http"
        self.origin = f"{scheme}://127.0.0.1:{self._listening.getsockname()[1]}"
        self.base_url = f"{self.origin}{self._path or '/fhir'}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(5)

    def count(self, method: str = "", part: str = "") -> int:
        """How many requests of that method had this in their target."""
        return sum(method in ("", one.method) and part in one.target for one in self.asked)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._start(lambda sock=sock: self._serve(sock))  # type: ignore[misc]

    def _serve(self, sock: socket.socket) -> None:
        # The client hangs up, in the middle or before its first line: what most tests are about.
        gone = (OSError, http.client.HTTPException, ValueError, StopIteration)
        with contextlib.suppress(*gone), sock:
            if self._on_connect is not None:
                self.first.set()
                self._on_connect(Wire(sock, self._closing))
                return
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
            with sock, sock.makefile("rb") as stream:
                self._answer(_read(stream), Wire(sock, self._closing))  # type: ignore[arg-type]

    def _answer(self, asked: Asked, wire: Wire) -> None:
        self.asked.append(asked)
        behave = self._rule(asked)
        if behave is not None:
            self.first.set()
            behave(asked, wire)
        elif self._behind:
            wire.send(self.handed_on(asked))
        else:
            say(b"{}", 404)(asked, wire)

    def handed_on(self, asked: Asked) -> bytes:
        """The good server's answer; its address in it becomes ours."""
        there = http.client.HTTPConnection(self._behind, timeout=30)
        kept = {name: value for name, value in asked.headers.items() if name not in _OF_HOP}
        there.request(asked.method, asked.target, body=asked.body, headers=kept)
        answer = there.getresponse()
        good, ours = self._behind.encode(), urlsplit(self.origin).netloc.encode()
        body = answer.read().replace(good, ours)
        headers: list[Header] = [
            (name, value.replace(self._behind, ours.decode()))
            for name, value in answer.getheaders()
            if name.lower() not in _OF_HOP
        ]
        there.close()
        return _message(body, answer.status, headers)


_OF_HOP = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding"}


def _read(stream: Iterator[bytes]) -> Asked:
    method, target, _ = next(stream).decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while (line := next(stream).strip()) != b"":
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    size = int(headers.get("content-length", "0"))
    return Asked(method, target, headers, stream.read(size))  # type: ignore[attr-defined]


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1", "replace")


def _message(
    body: bytes, status: int, headers: Iterable[Header], length: int | None = None
) -> bytes:
    lines = [b"HTTP/1.1 %d Evil" % status]
    lines += [_bytes(name) + b": " + _bytes(value) for name, value in headers]
    lines.append(b"Content-Length: %d" % (len(body) if length is None else length))
    return b"\r\n".join([*lines, b"Connection: close", b"", body])


# Behaviours -----------------------------------------------------------------------------------


def say(body: bytes = b"{}", status: int = 200, headers: Iterable[Header] = ()) -> Behaviour:
    """Answer whole; headers may hold any bytes."""

    def behave(_: Asked, wire: Wire) -> None:
        wire.send(_message(body, status, headers))

    return behave


def raw(data: bytes) -> Behaviour:
    """Answer with exactly these bytes and close."""

    def behave(_: Asked, wire: Wire) -> None:
        wire.send(data)

    return behave


def silent(_: Asked, wire: Wire) -> None:
    """Take the request and never answer."""
    wire.hold()


def drip_status(_: Asked, wire: Wire) -> None:
    """A status line of which there is always more."""
    wire.send(b"HTTP/1.1 200 ")
    wire.drip(_endless(b"O"))


def drip_headers(_: Asked, wire: Wire) -> None:
    """A header that never ends."""
    wire.send(b"HTTP/1.1 200 OK\r\nX-Evil: ")
    wire.drip(_endless(b"a"))


def drip_continue(_: Asked, wire: Wire) -> None:
    """`100 Continue` for ever."""
    wire.drip(_endless(b"HTTP/1.1 100 Continue\r\n\r\n"))


def drip_body(_: Asked, wire: Wire) -> None:
    """A body that comes byte by byte."""
    wire.send(_message(b'{"resourceType":"Bundle",', 200, [], 1_000_000))
    wire.drip(_endless(b" "))


def drip_gzip(_: Asked, wire: Wire) -> None:
    """The same, packed: a byte of it may hold nothing yet."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = packer.compress(bytes(range(256)) * 1000) + packer.flush()
    wire.send(_message(b"", 200, [("Content-Encoding", "gzip")], 1_000_000))
    wire.drip(packed[at : at + 1] for at in range(len(packed)))


def drip_chunks(_: Asked, wire: Wire) -> None:
    """Chunks of one byte."""
    wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    wire.drip(_endless(b"1\r\n \r\n"))


def drip_chunk_size(_: Asked, wire: Wire) -> None:
    """The size of a chunk that never ends."""
    wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    wire.drip(_endless(b"0"))


def drip_trailers(_: Asked, wire: Wire) -> None:
    """A body that has ended, but for its trailers."""
    wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
    wire.drip(_endless(b"X-Evil: a\r\n"))


DRIPS: dict[str, Behaviour] = {
    "silence": silent,
    "status line": drip_status,
    "headers": drip_headers,
    "100 Continue": drip_continue,
    "body": drip_body,
    "gzip body": drip_gzip,
    "chunks": drip_chunks,
    "chunk size": drip_chunk_size,
    "trailers": drip_trailers,
}
"""A name of each phase in which a server can keep a client waiting, and how."""


def no_handshake(wire: Wire) -> None:
    """Accept a connection and begin a TLS record that never ends."""
    wire.send(b"\x16\x03\x03\x40\x00")
    wire.drip(_endless(b"\x00"))


def _endless(drop: bytes) -> Iterator[bytes]:
    while True:
        yield drop


def at(part: str, behave: Behaviour, *, method: str = "", after: int = 0) -> Rule:
    """Behave so where this stands in the target, from the request after the first `after` on."""
    seen = 0

    def rule(asked: Asked) -> Behaviour | None:
        nonlocal seen
        if part not in asked.target or method not in ("", asked.method):
            return None
        seen += 1
        return behave if seen > after else None

    return rule


def waited(work: Callable[[], object]) -> tuple[float, object]:
    """How many seconds something took, and what it came to: its result or its exception."""
    began = time.monotonic()
    try:
        result: object = work()
    except Exception as error:
        result = error
    return time.monotonic() - began, result
