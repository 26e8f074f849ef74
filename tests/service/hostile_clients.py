"""Many requests of rude clients beside good ones: `python -m tests.service.hostile_clients 24000`.

Clients drip, vanish, send rubbish, too much, other types and wrong tokens. Nothing may be answered
with 500, the workers stay the same processes, and the good answers stay the same.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from tests.conftest import new_seed
from tests.service.conftest import OPERATION, case
from tests.service.process import Process

KEY = "k" * 40
BODY = json.dumps(case("complete-remission")).encode()
GOOD = {
    "Accept": "application/vnd.fhir-remission+json",
    "Content-Type": "application/fhir+json",
    "Authorization": f"Bearer {KEY}",
}
KINDS = ("good", "rubbish", "cut", "large", "type", "token", "vanish", "drip", "headers", "path")
WEIGHTS = (30, 15, 15, 5, 10, 10, 8, 2, 3, 2)
THREADS = 6


def workers(running: Process) -> set[str]:
    """The processes that answer."""
    command = ["ps", "--ppid", str(running.running.pid), "-o", "pid="]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(found.stdout.split())


def _head(length: int) -> bytes:
    lines = [f"POST {OPERATION} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in GOOD.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _raw(running: Process, data: bytes, *, wait: bool) -> str:
    with running.raw(data) as sock:
        if not wait:
            return "gone"
        sock.settimeout(30)
        try:
            answer = sock.recv(64)
        except (TimeoutError, ConnectionError):
            return "closed"
        return answer.split(b" ")[1].decode() if b" " in answer else "closed"


def _spoiled(kind: str, draw: random.Random) -> tuple[dict[str, str], bytes, str]:
    """A whole request with one thing wrong, or none."""
    headers, body, path = dict(GOOD), BODY, OPERATION
    if kind == "rubbish":
        body = draw.randbytes(draw.randrange(1, 2000))
    elif kind == "cut":
        spoiled = bytearray(BODY)
        for _ in range(draw.randrange(1, 20)):
            spoiled[draw.randrange(len(spoiled))] = draw.randrange(256)
        body = bytes(spoiled)
    elif kind == "large":
        body = b" " * ((1 << 20) + draw.randrange(1, 1 << 18))
    elif kind == "type":
        headers["Content-Type"] = draw.choice(["text/xml", "a/b; charset=utf-16", "x", "image/png"])
        headers["Accept"] = draw.choice(["text/html", "*/*", "q;q=x", "application/json;q=0"])
    elif kind == "token":
        headers["Authorization"] = draw.choice(["Bearer x", "Basic eA==", "Bearer " + "k" * 39, ""])
    elif kind == "path":
        path = draw.choice(["/%00", "/Patient/%2e%2e/$classify-remission", "/notify", "/pages/x"])
    return headers, body, path


def one(running: Process, kind: str, draw: random.Random) -> tuple[str, bytes]:
    """One request of a kind: its status, and its body where it is a good one."""
    if kind == "vanish":
        return _raw(running, _head(len(BODY)) + BODY[: draw.randrange(len(BODY))], wait=False), b""
    if kind == "drip":
        return _raw(running, _head(len(BODY)) + BODY[:50], wait=draw.random() < 0.3), b""
    if kind == "headers":
        return _raw(running, draw.randbytes(draw.randrange(1, 400)), wait=False), b""
    headers, body, path = _spoiled(kind, draw)
    try:
        status, answer = running.ask("POST", path, body, **headers)
    except OSError:
        return "closed", b""
    return str(status), answer


def main(requests: int) -> int:
    """Send them, count, compare; 1 where anything is not as it must be."""
    seed = new_seed()
    statuses: Counter[tuple[str, str]] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "callers.keys"
        keys.write_text(f"good {KEY}\n")
        keys.chmod(0o600)
        settings = (
            '[service]\nkeys_file = "callers.keys"\nrate = "100000/s"\nmax_body_mib = 1\n'
            'body_time = "2s"\nthreads = 8\n[log]\nlevel = "error"\n'
        )
        running = Process(Path(folder), settings)
        before = workers(running)
        expected = _answer(running.ask("POST", OPERATION, BODY, **GOOD)[1])

        def ask(number: int) -> None:
            draw = random.Random(f"{seed} {number}")
            for _ in range(requests // THREADS):
                kind = draw.choices(KINDS, WEIGHTS)[0]
                try:
                    status, body = one(running, kind, draw)
                except OSError as error:
                    status, body = type(error).__name__, b""
                statuses[kind, status] += 1
                if status == "500" or (
                    kind == "good" and (status != "200" or _answer(body) != expected)
                ):
                    wrong.append(f"{kind}: {status}")

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        after = workers(running)
        code = running.stop()
        log = running.errors.read_text()
    for (kind, status), count in sorted(statuses.items()):
        print(f"{kind:8} {status:8} {count}")
    print(
        f"seed {seed}; workers {sorted(before)} -> {sorted(after)}; exit {code}; wrong {wrong[:5]}"
    )
    print(log[-2000:] if wrong else "")
    return 1 if wrong or before != after or code else 0


def _answer(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body)
    return {name: value for name, value in found.items() if name != "as_of"}


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 24_000))
