"""A socket unit of systemd listens, and the service takes the socket over: sd_listen_fds(3)."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from fhir_remission.effects.files.site_key import new_site_key

# systemd starts the program with the socket as its third descriptor and its own number.
AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-m", "fhir_remission", "serve", "--config", sys.argv[2]])
"""


def started(folder: Path, held: socket.socket) -> subprocess.Popen[str]:
    """The service of a folder, with a socket that somebody listens on already."""
    new_site_key(folder / "site.key")
    (folder / "site.toml").write_text('[site]\nid = "st-e"\n')
    line = [sys.executable, "-c", AS_SYSTEMD, str(held.fileno()), str(folder / "site.toml")]
    return subprocess.Popen(
        line, pass_fds=[held.fileno()], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "COLUMNS": "300"},
    )  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="systemd is of Linux")
def test_the_first_caller_is_answered(tmp_path: Path) -> None:
    """Who called before the service was there waits in the socket."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        caller = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        caller.request("GET", "/health/live")
        running = started(tmp_path, held)
        try:
            assert caller.getresponse().status == 200
            assert running.stdout is not None
            assert running.stdout.readline() == f"http://127.0.0.1:{port}\n"
        finally:
            running.send_signal(signal.SIGTERM)
            running.communicate(timeout=40)
            caller.close()


@pytest.mark.skipif(sys.platform == "win32", reason="systemd is of Linux")
def test_a_socket_open_to_others_needs_a_login(tmp_path: Path) -> None:
    """What `service.bind` may not be, a socket unit may not bring about either."""
    with socket.create_server(("0.0.0.0", 0)) as held:
        running = started(tmp_path, held)
        _, said = running.communicate(timeout=40)

    assert running.returncode == 2
    assert "is open to others and nobody has to log in" in said
