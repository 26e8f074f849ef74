"""The service as a process: slow and rude clients, a stop that loses nothing, what it logs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import OPERATION, case
from tests.service.process import LINE, Process

BODY = json.dumps(case("complete-remission")).encode()


LITTLE = '[service]\nthreads = 2\nbody_time = "1s"\nmax_body_mib = 1\nrate = "1000/s"\n'


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A service with two threads and little patience."""
    running = Process(tmp_path_factory.mktemp("served"), LITTLE)
    yield running
    if running.running.poll() is None:
        running.stop()


def head(length: int, *, path: str = OPERATION) -> bytes:
    """A request line with headers."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/fhir+json\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def test_slow_and_rude_clients_cost_the_others_nothing(process: Process) -> None:
    """Drips of headers and bodies, silence, rubbish, and clients that go away: no thread is lost.

    The body of a drip ends after its second, whatever still comes: it is 408.
    """
    status, before = process.ask("POST", OPERATION, BODY, **LINE)
    assert status == 200
    held = [
        process.raw(b"POST / HTTP/1.1\r\nX-Slow: "),
        process.raw(head(len(BODY)), BODY[:100]),
        process.raw(head(len(BODY)), BODY[:100]),
        process.raw(b""),
    ]
    process.raw(head(10**6), b"{").close()
    process.raw(b"\x16\x03\x01\x02\x00\x01\x00").close()
    dripping = process.raw(head(len(BODY)))
    ended = threading.Event()

    def drip() -> None:
        while not ended.is_set():
            try:
                dripping.send(b" ")
            except OSError:
                return
            time.sleep(0.1)

    threading.Thread(target=drip, daemon=True).start()
    try:
        began = time.monotonic()
        assert dripping.recv(64).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - began < 15
        status, after = process.ask("POST", OPERATION, BODY, **LINE)
    finally:
        ended.set()
        for one in (*held, dripping):
            one.close()
    assert status == 200
    assert _without_time(after) == _without_time(before)


def test_busy_connections_leave_no_other_one_waiting(process: Process) -> None:
    """Three times as many connections as threads, each asking again at once: all go on alike."""
    answered = [0] * 6
    ended = threading.Event()

    def ask(number: int) -> None:
        connection = process.connection()
        while not ended.is_set():
            connection.request("POST", OPERATION, BODY, LINE)
            answer = connection.getresponse()
            answer.read()
            answered[number] += answer.status == 200
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for one in threads:
        one.start()
    time.sleep(2)
    ended.set()
    for one in threads:
        one.join()
    assert min(answered) > 0.3 * max(answered), answered


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (head(2 << 20), b"413"),
        (head(10**30), b"4"),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n",
            b"4",
        ),
        (b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"4"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", b"4"),
    ],
)
def test_what_is_too_much_is_refused_before_it_is_read(
    process: Process, sent: bytes, status: bytes
) -> None:
    """Sizes, lengths that contradict each other, headers without end."""
    with process.raw(sent) as sock:
        answer = sock.recv(4096)
    assert answer.split(b" ")[1].startswith(status), answer
    assert process.ask("GET", "/health/live")[0] == 200


def test_a_chunked_body_counts_like_any_other(process: Process) -> None:
    """It is read to its end, and to no more than the limit."""
    start = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    whole = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    with process.raw(start, whole) as sock:
        assert b" 200 " in sock.recv(64)
    piece = b"%x\r\n%s\r\n" % (1 << 16, b" " * (1 << 16))
    with process.raw(start) as sock:
        try:
            for _ in range(40):
                sock.sendall(piece)
        except OSError:
            pass
        assert b" 413 " in sock.recv(64)


def test_the_log_names_no_patient(process: Process) -> None:
    """Neither the path nor the query nor a header stands in it, only the route."""
    canary = "Zebulon-Canary-77"
    process.ask("GET", f"/Patient/{canary}/$classify-remission?asOf={canary}", **LINE)
    process.ask("GET", f"/{canary}", Referer=f"http://x/{canary}")
    process.ask("POST", OPERATION, BODY, **LINE)
    log = process.errors.read_text()

    assert canary not in log
    assert "frida" not in log
    lines = [json.loads(line) for line in log.splitlines() if line.endswith("}")]
    routes = {line["route"] for line in lines if line["event"] == "request"}
    assert "/Patient/{patient}/$classify-remission" in routes
    assert all(line["correlation_id"] for line in lines if line["event"] == "request")


def test_a_stop_loses_no_request(process: Process) -> None:
    """Every connection that was made is answered, those too that waited in the queue of the socket
    when SIGTERM came; then there is nobody to connect to, and the process has ended with 0."""
    statuses: list[Any] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            try:
                statuses.append(process.ask("POST", OPERATION, BODY, **LINE)[0])
            except ConnectionRefusedError:
                return
            except OSError as error:
                statuses.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for one in threads:
        one.start()
    time.sleep(1)
    code = process.stop()
    ended.set()
    for one in threads:
        one.join()

    assert code == 0
    assert len(statuses) > 10
    assert set(statuses) == {200}


def test_two_workers_share_their_counts(tmp_path: Path) -> None:
    """/metrics is that of all of them, and a rolling reload answers everybody."""
    running = Process(tmp_path, "[service]\nworkers = 2\n")
    try:
        for _ in range(20):
            assert running.ask("POST", OPERATION, BODY, **LINE)[0] == 200
        _, page = running.ask("GET", "/metrics")
        told = page.decode()
        route = 'route="/$classify-remission"'
        counted = [line for line in told.splitlines() if route in line and 'status="200"' in line]
        assert sum(float(line.rpartition(" ")[2]) for line in counted) == 20
        assert 'fhir_remission_patients_total{disposition="classified"} 20' in told
        assert "fhir_remission_judging_seconds_bucket" in told
        assert "fhir_remission_lease_held" in told
        assert "frida" not in told
        os.kill(running.running.pid, signal.SIGHUP)
        for _ in range(20):
            assert running.ask("POST", OPERATION, BODY, **LINE)[0] == 200
            time.sleep(0.05)
    finally:
        assert running.stop() == 0


def test_the_command_line_without_the_extra_imports_none_of_it() -> None:
    """No command but `serve` loads a server."""
    code = (
        "import sys; from fhir_remission.cli.main import main; main(['version']);"
        "extra = ('falcon', 'gunicorn', 'prometheus_client', 'waitress');"
        "print([one for one in extra if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def _without_time(line: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line)
    return {name: value for name, value in found.items() if name not in ("as_of",)}
