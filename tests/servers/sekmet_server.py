"""A real FHIR server from PyPI for tests: sekmet-fhir, pinned, in its own virtual environment.

`python -m tests.servers.sekmet_server --port 8090` makes `.venv-sekmet` if needed, prints
`ready URL` and serves until stopped. `--install-only` just makes the environment.
"""

import argparse
import contextlib
import fcntl
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv-sekmet"
# 0.1 of a single project: another version may be another server.
REQUIREMENT = "sekmet-fhir==0.1.1"
SERVE = Path(__file__).parent / "sekmet" / "serve.py"
READY_SECONDS = 60.0


class SekmetUnavailable(Exception):
    """The sekmet lane could not be installed or started; the message says what to do."""


def install() -> Path:
    """Make the environment if it is not there, and return its Python."""
    python = ENVIRONMENT / "bin" / "python"
    stamp = ENVIRONMENT / ".installed"
    ENVIRONMENT.mkdir(exist_ok=True)
    with (ENVIRONMENT / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (stamp.is_file() and stamp.read_text() == REQUIREMENT):
            venv.create(ENVIRONMENT, with_pip=True)
            command = [str(python), "-m", "pip", "install", "--quiet", REQUIREMENT]
            if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
                raise SekmetUnavailable(f"`{' '.join(command)}` failed; see its output")
            stamp.write_text(REQUIREMENT)
    return python


@contextlib.contextmanager
def running(port: int = 0, *, smart_clients: Sequence[dict[str, Any]] = ()) -> Iterator[str]:
    """Start a server with an empty store, yield its base URL, and stop it at the end."""
    python = install()
    port = port or _free_port()
    with tempfile.TemporaryDirectory(prefix="sekmet-") as folder:
        command = [str(python), str(SERVE), str(port), folder]
        if smart_clients:
            clients = Path(folder) / "clients.json"
            clients.write_text(json.dumps(list(smart_clients)))
            command.append(str(clients))
        log = Path(folder) / "server.log"
        with _process(command, log=log, folder=folder) as server:
            yield _await_ready(server, port, log)


@contextlib.contextmanager
def _process(command: list[str], *, log: Path, folder: str) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=output, cwd=folder
        )
        with server:
            try:
                yield server
            finally:
                server.terminate()


def _await_ready(server: "subprocess.Popen[bytes]", port: int, log: Path) -> str:
    base_url = f"http://127.0.0.1:{port}/fhir"
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if _answers(f"{base_url}/metadata"):
            return base_url
        time.sleep(0.1)
    raise SekmetUnavailable(f"not ready; the end of its log:\n{log.read_text()[-2000:]}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> int:
    """Install, or install and serve until stopped."""
    parser = argparse.ArgumentParser(prog="tests.servers.sekmet_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--install-only", action="store_true")
    chosen = parser.parse_args()
    # Stopped by `kill` as by Ctrl-C: the server and its folder go too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if chosen.install_only:
            install()
            return 0
        with running(chosen.port) as base_url:
            print(f"ready {base_url}", flush=True)
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        return 130
    except SekmetUnavailable as problem:
        print(f"sekmet server: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
