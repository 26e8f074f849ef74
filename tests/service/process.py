"""`fhir-remission serve` as a process of its own, and connections to it."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from fhir_remission.effects.files.site_key import new_site_key

LINE = {"Accept": "application/vnd.fhir-remission+json", "Content-Type": "application/fhir+json"}


class Process:
    """`fhir-remission serve` on a free port."""

    def __init__(self, folder: Path, settings: str = "", *flags: str) -> None:
        self.folder = folder
        if not (folder / "site.key").exists():
            new_site_key(folder / "site.key")
        config = folder / "site.toml"
        config.write_text(f'[site]\nid = "st-e"\n{settings}')
        self.errors = folder / "stderr"
        command = [sys.executable, "-m", "fhir_remission", "serve", "--config", str(config)]
        with self.errors.open("wb") as errors:
            self.running = subprocess.Popen(
                [*command, "--port", "0", *flags],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self.running.stdout is not None
        self.port = int(self.running.stdout.readline().rpartition(":")[2])
        for _ in range(100):
            try:
                if self.ask("GET", "/health/live")[0] == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(self.errors.read_text())

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """One request on a connection of its own."""
        connection = self.connection()
        try:
            connection.request(method, path, body, headers or LINE)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def connection(self) -> http.client.HTTPConnection:
        """A connection that nobody has used."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def raw(self, *parts: bytes) -> socket.socket:
        """A connection on which these bytes were sent."""
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        for part in parts:
            sock.sendall(part)
        return sock

    def stop(self) -> int:
        """End it as a scheduler does; its exit code."""
        self.running.send_signal(signal.SIGTERM)
        code = self.running.wait(timeout=40)
        assert self.running.stdout is not None
        self.running.stdout.close()
        return code
