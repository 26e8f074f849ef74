"""An engine as a process of its own, and a service before it that hesitates."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

READY_SECONDS = 180.0


def free_port() -> int:
    """A port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until it is so."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not come to pass"
        time.sleep(0.1)


@contextmanager
def engine(command: list[str], folder: Path, port: int, **environment: str) -> Iterator[Path]:
    """Run it until the block ends; its log, once it listens."""
    log = folder / "engine.log"
    with log.open("wb") as out:
        running = subprocess.Popen(
            command, cwd=folder, stdout=out, stderr=subprocess.STDOUT, env=os.environ | environment
        )
        try:
            _await(running, port, log)
            yield log
        finally:
            running.terminate()
            try:
                running.wait(timeout=30)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


def _await(running: subprocess.Popen[bytes], port: int, log: Path) -> None:
    ends = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends:
        assert running.poll() is None, log.read_text()[-5000:]
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(log.read_text()[-5000:])


class Hesitant:
    """Before a service: answers 503 so often before it hands on; 1000 is for ever."""

    def __init__(self, port: int, behind: int) -> None:
        self.port, self.behind = port, behind
        self.left = 0
        self.asked: Counter[int] = Counter()
        self.headers: dict[str, str] = {}

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def begin(self, refusals: int) -> None:
        """From now on."""
        self.left, self.asked = refusals, Counter()

    def hand_on(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, str, bytes]:
        """Status, type and body of an answer."""
        self.headers = headers
        if self.left:
            self.left -= 1
            self.asked[503] += 1
            return 503, "application/fhir+json", b'{"resourceType":"OperationOutcome"}'
        connection = http.client.HTTPConnection("127.0.0.1", self.behind, timeout=60)
        try:
            sent = {name: headers[name] for name in ("Content-Type", "Accept") if name in headers}
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            self.asked[answer.status] += 1
            return answer.status, answer.headers["Content-Type"], answer.read()
        finally:
            connection.close()


@contextmanager
def hesitant(behind: int) -> Iterator[Hesitant]:
    """One on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, kind, said = held.hand_on(
                self.command, self.path, dict(self.headers.items()), body
            )
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        held = Hesitant(server.server_address[1], behind)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield held
        server.shutdown()
        thread.join()
