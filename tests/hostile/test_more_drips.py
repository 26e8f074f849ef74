"""More ways to keep a client: a proxy, a resolver, floods, what is packed twice, redirects."""

from __future__ import annotations

import gc
import gzip
import resource
import signal
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from fhir_remission.effects.http.auth import Credentials, Fixed
from fhir_remission.effects.http.origin import read_base
from fhir_remission.effects.http.transport import (
    Limits,
    NoAnswer,
    Request,
    RequestsExchange,
    Tls,
)
from fhir_remission.effects.process.clock import SystemClock
from tests.hostile.crossing import cold
from tests.hostile.evil import (
    Asked,
    Behaviour,
    Evil,
    Wire,
    drip_headers,
    drip_status,
    raw,
    say,
    silent,
    waited,
)
from tests.hostile.processes import SOON, HostileSite, ran, side_by_side

LIMITS = Limits(connect_seconds=0.5, read_seconds=0.4, max_bytes=8 << 20)
MIB = 1 << 20


def asked(evil: Evil, url: str = "", proxy: str = "") -> tuple[float, object]:
    """One read with little patience, how long it took and what came of it."""
    place = url or f"{evil.base_url}/Observation"
    one = RequestsExchange(
        read_base(url or evil.base_url),
        Credentials(Fixed({}), None),
        clock=SystemClock(),
        limits=LIMITS,
        tls=Tls(proxy=proxy),
    )
    try:
        return waited(lambda: one.send(Request("GET", place, "search")))
    finally:
        one.close()


def flood(piece: bytes) -> Behaviour:
    """The same again and again, as fast as it is taken."""

    def behave(_: Asked, wire: Wire) -> None:
        while True:
            wire.send(piece * 100)

    return behave


def unsized(_: Asked, wire: Wire) -> None:
    """HTTP/1.0: a body that ends with the connection, which does not end."""
    wire.send(b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"a":1}')
    wire.hold()


def unsized_flood(_: Asked, wire: Wire) -> None:
    """The same, and it is never done."""
    wire.send(b"HTTP/1.0 200 OK\r\n\r\n")
    while True:
        wire.send(b" " * 65536)


def packed(times: int, how: str) -> Behaviour:
    """Much of nothing, packed so often."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join(packer.compress(bytes(MIB)) for _ in range(96)) + packer.flush()
    for _ in range(times - 1):
        body = gzip.compress(body)
    return say(body, 200, [("Content-Encoding", ", ".join([how] * times))])


def round_and_round(asked: Asked, wire: Wire) -> None:
    """Two addresses that send the reader to each other."""
    other = "b" if asked.target.endswith("a") else "a"
    wire.send(b"HTTP/1.1 302 F\r\nLocation: /fhir/%s\r\nContent-Length: 0\r\n\r\n" % other.encode())


MORE: dict[str, Callable[[], Behaviour]] = {
    "a flood of 100 Continue": lambda: flood(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a flood of 103 Early Hints": lambda: flood(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    "a flood of 102 Processing": lambda: flood(b"HTTP/1.1 102 Processing\r\n\r\n"),
    "a flood of headers": lambda: flood(b"X-Evil: a\r\n"),
    "a flood of nothing": lambda: flood(b"\r\n"),
    "no length and no end": lambda: unsized,
    "no length and no bound": lambda: unsized_flood,
    "packed twice": lambda: packed(2, "gzip"),
    "packed three times": lambda: packed(3, "gzip"),
    "packed by an old name": lambda: packed(2, "x-gzip"),
    "round and round": lambda: round_and_round,
    "an upgrade": lambda: raw(b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n" + b"\0" * 99),
    "HTTP/0.9": lambda: raw(b'{"resourceType":"Bundle"}'),
    "HTTP/2": lambda: raw(b"\0\0\x12\x04\0\0\0\0\0" * 20),
    "a trailer of a megabyte": lambda: raw(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: "
        + b"y" * MIB
        + b"\r\n\r\n"
    ),
    "a chunk of many gigabytes": lambda: raw(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n{}"
    ),
}


@pytest.mark.parametrize("name", MORE)
def test_more_ways_to_keep_a_reader_end_in_time_and_memory(name: str) -> None:
    """No answer that anybody could use, in seconds, and no memory to speak of."""
    behave = MORE[name]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Evil(lambda _: behave) as evil:
        seconds, outcome = asked(evil)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    usable = not isinstance(outcome, NoAnswer) and getattr(outcome, "status", 0) == 200
    assert not usable or name == "a trailer of a megabyte"
    assert not isinstance(outcome, BaseException), outcome
    assert seconds < 6
    assert grown < 200 << 10  # KiB


def test_a_proxy_that_drips_in_its_connect_is_cut(tmp_path: Path) -> None:
    """Before there is any TLS: silent, a status line, headers, a flood, words of its own."""
    behaviours = {
        "silence": silent,
        "status line": drip_status,
        "headers": drip_headers,
        "a flood of headers": flood(b"X-Evil: a\r\n"),
        "100 Continue": flood(b"HTTP/1.1 100 Continue\r\n\r\n"),
        "a login": say(b"x" * MIB, 407, [("Proxy-Authenticate", "Basic realm=" + "y" * 9000)]),
        "a redirect": say(b"", 302, [("Location", "http://127.0.0.1:9/")]),
    }

    def one(behave: Behaviour) -> tuple[float, object]:
        with Evil(lambda _: behave) as evil:
            return asked(evil, "https://fhir.example/r4", proxy=evil.origin)

    with warnings.catch_warnings():
        # A tunnel that was cut looks like one that stands to the library, which then leaves its
        # socket to the collector.
        warnings.simplefilter("ignore", ResourceWarning)
        found = side_by_side([lambda behave=behave: one(behave) for behave in behaviours.values()])
        gc.collect()

    for name, (seconds, outcome) in zip(behaviours, found, strict=True):  # type: ignore[misc]
        assert isinstance(outcome, NoAnswer), name
        assert seconds < 6, name


SLOW_NAMES = """\
import pathlib, signal, socket, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # tests started with nohup hand on that it is ignored
def wait(*_, **__):
    pathlib.Path("asked").touch()
    time.sleep(3600)
socket.getaddrinfo = wait
sys.argv = ["fhir-remission", *sys.argv[1:]]
from fhir_remission.__main__ import start
start()
"""


@pytest.mark.parametrize("how", ["SIGTERM", "SIGHUP"])
def test_a_resolver_that_never_answers_keeps_nobody(how: str, tmp_path: Path) -> None:
    """No socket is there to be cut, and the thread that waits hears nothing."""
    site = HostileSite(
        tmp_path,
        "https://slow.example/fhir",
        'run: max_runtime = "10m"\nsource: allow_insecure = true',
    )
    ready = threading.Event()

    def look() -> None:
        while not (tmp_path / "asked").exists():
            time.sleep(0.1)
        ready.set()

    threading.Thread(target=look, daemon=True).start()
    command = [sys.executable, "-c", SLOW_NAMES, "sync", "--config", str(site.config)]

    ended = ran(command, tmp_path, ready, [getattr(signal, how)])

    assert ended.seconds < SOON + 2
    assert ended.code in (128 + getattr(signal, how), -getattr(signal, how)), ended
    assert "Traceback" not in ended.stderr
    assert cold(["state", "check", "--config", str(site.config)], tmp_path).code == 0
