"""Exports of a server that means harm: every file has limits, and nothing leaves the base path."""

from __future__ import annotations

import json
import shutil
import time
import zlib
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from fhir_remission.effects.http.transport import Limits
from fhir_remission.effects.process.clock import Stop, SystemClock
from fhir_remission.effects.server import download
from fhir_remission.effects.server.bulk import Exporter
from fhir_remission.effects.server.bulk_manifest import MOST_FILES, ExportFile, Manifest
from fhir_remission.effects.server.connect import connect
from fhir_remission.errors import (
    CapabilityMissing,
    LoginRefused,
    ReadIncomplete,
    RemissionError,
    RequestRefused,
    Unreachable,
)
from fhir_remission.jobs.archive.archive import Order, Report
from fhir_remission.jobs.bulk.bulk import run
from fhir_remission.jobs.bulk.order import Asked as Wanted
from fhir_remission.jobs.judging.request import Request
from fhir_remission.settings import Auth, Source
from tests.hostile.evil import (
    Asked,
    Behaviour,
    Evil,
    Wire,
    drip_body,
    drip_gzip,
    raw,
    say,
    silent,
    waited,
)

TOKEN = "Bearer let-me-in"
PATIENT = b'{"resourceType":"Patient","id":"p1"}\n'


def manifest(base: str, **changed: Any) -> dict[str, Any]:
    """One file of one Patient, unless something is changed."""
    return {
        "transactionTime": "2026-06-30T00:00:00Z",
        "requiresAccessToken": True,
        "output": [{"type": "Patient", "url": f"{base}/files/1"}],
        "error": [],
        **changed,
    }


Made = Callable[[str], Any]


def exporter_of(base_url: str) -> Exporter:
    """Exports of that server, with a token for it."""
    clock = SystemClock()
    source = Source(
        base_url=base_url, auth=Auth(mode="header", secret=SecretStr(TOKEN)), rate="9999/s"
    )
    return connect(source, clock=clock, stop=Stop(clock), draw=lambda: 0.0).exporter()


def exported(
    folder: Path,
    *,
    file: Behaviour | None = None,
    body: Made = manifest,
    status: Made = lambda base: f"{base}/status/1",
    kick_off: Behaviour | None = None,
) -> tuple[Report | Exception, Evil, float]:
    """Run an export against an evil server; what came of it, what it saw, and how long it took."""

    def rule(asked: Asked) -> Behaviour | None:
        if "$export" in asked.target:
            place = [("Content-Location", status(evil.base_url))]
            return kick_off or say(b"", 202, place)
        if "/status/" in asked.target and asked.method == "GET":
            told = body(evil.base_url)
            return say(told if isinstance(told, bytes) else json.dumps(told).encode())
        if "/files/" in asked.target:
            return file or say(PATIENT)
        return say(b"", 202) if asked.method == "DELETE" else None

    clock = SystemClock()
    with Evil(rule) as evil:
        exporter = exporter_of(evil.base_url)
        order = Order((), folder / "out", Request(as_of="2026-10-01T12:00:00Z"), workers=1)
        began = time.monotonic()
        try:
            found: Report | Exception = run(
                Wanted(),
                order,
                exporter,
                clock=clock,
                stop=Stop(clock),
                keep=False,
                progress=lambda *_: None,
            )
        except Exception as error:
            found = error
        finally:
            exporter.close()
        return found, evil, time.monotonic() - began


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """One attempt for a file, no waiting in between, and little patience."""
    limits = Limits(connect_seconds=0.3, read_seconds=0.5)
    monkeypatch.setattr("fhir_remission.effects.server.connect._limits", lambda _: limits)
    monkeypatch.setattr("fhir_remission.effects.server.bulk.ATTEMPTS", 1)
    monkeypatch.setattr("fhir_remission.effects.server.bulk.FIRST_WAIT", 0.01)


# Files ----------------------------------------------------------------------------------------


def zeros(packed: int, line: bytes = b"\0") -> bytes:
    """A small body that is a thousand times its size."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    found = []
    size = 0
    while size < packed:
        found.append(packer.compress(line * (1 << 20)))
        size += len(found[-1])
    return b"".join([*found, packer.flush()])


def endless_line(_: Asked, wire: Wire) -> None:
    """No end of a line, as fast as it goes."""
    wire.send(b"HTTP/1.1 200 OK\r\n\r\n")
    wire.drip(iter(lambda: b" " * (1 << 20), None), every=0)


FILES: dict[str, tuple[Behaviour, str]] = {
    "a bomb": (say(zeros(1 << 20), 200, [("Content-Encoding", "gzip")]), "compressed over"),
    "a bomb of lines": (
        say(zeros(1 << 18, b"{}\n"), 200, [("Content-Encoding", "gzip")]),
        "compressed over",
    ),
    "a line without end": (endless_line, "a line longer than"),
    "drops": (drip_body, "no whole answer in time"),
    "packed drops": (drip_gzip, "no whole answer in time"),
    "silence": (silent, "no answer in time"),
    "cut": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), "broke"),
    "bad packing": (say(b"\x1f\x8bnonsense", 200, [("Content-Encoding", "gzip")]), "broke off"),
    "a redirect elsewhere": (say(b"", 302, [("Location", "http://127.0.0.1:9/x")]), "status 302"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_limits(name: str, tmp_path: Path) -> None:
    """It does not come, in good time, and nothing is left of it on the disk."""
    behave, words = FILES[name]
    with Evil(lambda _: behave) as evil:
        exporter = exporter_of(evil.base_url)
        file = ExportFile("Patient", f"{evil.base_url}/files/1")
        seconds, reason = waited(lambda: exporter.fetch(file, tmp_path / "1", with_token=True))
        exporter.close()

    assert isinstance(reason, str), reason
    assert words in reason
    assert seconds < 10
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_did_not_come_is_everybodys_doubt(tmp_path: Path) -> None:
    """The rest goes on: exit 3 and a summary that names the file and the reason."""
    found, _, _ = exported(tmp_path, file=FILES["a bomb"][0])

    assert isinstance(found, Report), found
    assert found.exit_code == 3
    read = json.loads((tmp_path / "out/summary.json").read_text())
    assert "compressed over" in read["damage"][0]["reason"]


def test_a_disk_without_room_is_seen_before_a_file_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others on this machine need some of it; the same command goes on where it was."""
    usage = namedtuple("usage", "total used free")
    room = 2 * download.RESERVE
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(room, 0, room))

    def large(asked: Asked, wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (room - download.RESERVE + 1))

    found, evil, _ = exported(tmp_path, file=large)

    assert isinstance(found, Unreachable)
    assert found.exit_code == 75
    assert "MiB are free" in str(found)
    assert evil.count("DELETE") == 0


# The manifest ---------------------------------------------------------------------------------

MANIFESTS: dict[str, Made] = {
    "nested deeply": lambda _: b'{"output":' + b"[" * 100_000,
    "nested deeply beside": lambda _: b'{"x":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "not UTF-8": lambda _: b'{"transactionTime":"\xff\xfe"}',
    "not UTF-8 in a name": lambda _: b'{"\xff":1,"output":[{"type":"\xc3","url":"x"}]}',
    "a surrogate": lambda _: b'{"output":[{"type":"\\ud800","url":"\\udfff"}]}',
    "no JSON": lambda _: b"<html>",
    "nothing": lambda _: b"",
    "a list": lambda _: b"[]",
    "numbers": lambda _: b'{"output":[{"type":1,"url":2}]}',
    "an endless number": lambda _: b'{"output":[{"type":"Patient","url":"x","count":1e999999999}]}',
    "too many files": lambda base: manifest(
        base, output=[{"type": "Patient", "url": "x"}] * (MOST_FILES + 1)
    ),
    "an endless address": lambda base: manifest(
        base, output=[{"type": "Patient", "url": f"{base}/files/{'x' * 100_000}"}]
    ),
    "pages in a circle": lambda base: manifest(
        base, link=[{"relation": "next", "url": f"{base}/status/1"}]
    ),
    "a page elsewhere": lambda base: manifest(
        base, link=[{"relation": "next", "url": "http://127.0.0.1:9/fhir/status/2"}]
    ),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_that_cannot_be_read_is_an_export_that_is_not_whole(
    name: str, tmp_path: Path
) -> None:
    """Exit 3 and a line, never a bug; nothing was fetched."""
    found, evil, _ = exported(tmp_path, body=MANIFESTS[name])

    assert isinstance(found, ReadIncomplete), found
    assert evil.count(part="/files/") == 0


def test_a_type_of_any_letters_names_a_file_of_ours(tmp_path: Path) -> None:
    """Its letters are all that is taken of it, and not too many."""
    kinds = ["P" * 5000, "../../etc", "Pat\x00ient", "é" * 300, "", "💥" * 99, ".", "-", "a/b"]
    found, evil, _ = exported(
        tmp_path,
        body=lambda base: manifest(
            base, output=[{"type": kind, "url": f"{base}/files/1"} for kind in kinds]
        ),
    )

    assert isinstance(found, Report), found
    assert found.exit_code == 0
    assert evil.count(part="/files/") == len(kinds)


def endless_pages() -> Made:
    """Always one more page."""
    numbers = iter(range(2, 10**9))
    return lambda base: manifest(
        base, output=[], link=[{"relation": "next", "url": f"{base}/status/{next(numbers)}"}]
    )


def test_a_manifest_of_endless_pages_comes_to_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are only so many."""
    monkeypatch.setattr("fhir_remission.effects.server.bulk.MOST_PAGES", 20)

    found, evil, _ = exported(tmp_path, body=endless_pages())

    assert isinstance(found, ReadIncomplete)
    assert "over 20 pages" in str(found)
    assert evil.count("GET", "/status/") == 20


# Where a token goes, and what is deleted --------------------------------------------------------

OUT = [
    *("/admin/{}", "/fhirx/{}", "/fhir/..;/{}", "/fhir/%2e%2e/{}", "/fhir/%252e%252e/{}"),
    *("/fhir/..%2f{}", "/fhir//..;//..//{}", "/fhir/..%5c{}", "/fhir/x/..;a=b/..;/{}"),
]


@pytest.mark.parametrize("out", OUT)
def test_a_token_and_a_deletion_stay_below_the_base_path(out: str, tmp_path: Path) -> None:
    """The address of the status, of a file and of a page: refused where they climb."""

    def place(base: str, name: str) -> str:
        return base.removesuffix("/fhir") + out.format(name)

    status, first, _ = exported(tmp_path / "1", status=lambda base: place(base, "status/1"))
    file, second, _ = exported(
        tmp_path / "2",
        body=lambda base: manifest(
            base, output=[{"type": "Patient", "url": place(base, "files/1")}]
        ),
    )

    assert isinstance(status, RequestRefused)
    assert "export_paths" in str(status)
    assert first.count("DELETE") == 0
    assert isinstance(file, Report)
    assert file.exit_code == 3
    outside = [
        one for evil in (first, second) for one in evil.asked if not one.target.startswith("/fhir/")
    ]
    climbing = [one for evil in (first, second) for one in evil.asked if ".." in one.target]
    assert [one for one in (*outside, *climbing) if "authorization" in one.headers] == []


def test_what_the_disk_remembers_is_not_deleted_elsewhere(tmp_path: Path) -> None:
    """The address of an export lies in a file; somebody may have written another into it."""
    folder = tmp_path / "out/export"
    folder.mkdir(parents=True)
    begun = {
        "asked": json.loads(msgspec.json.encode(Wanted())),
        "status_url": "http://127.0.0.1:9/fhir/status/1",
        "manifest": json.loads(msgspec.json.encode(Manifest())),
    }
    (folder / ".export.json").write_text(json.dumps(begun))

    found, evil, _ = exported(tmp_path)

    assert isinstance(found, Report)
    assert evil.count(part="$export") == 1
    assert evil.count("DELETE", "/fhir/status/1") == 1


# The kick-off -----------------------------------------------------------------------------------

OUTCOME = json.dumps(
    {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "not-supported",
                "diagnostics": "type Medication\u001b[2J\r\nis \u202enot\u202c exported",
            }
        ],
    }
).encode()
CODES: list[tuple[int, type[RemissionError], int]] = [
    *((500, Unreachable, 75), (502, Unreachable, 75), (503, Unreachable, 75)),
    *((504, Unreachable, 75), (429, Unreachable, 75), (400, RequestRefused, 3)),
    *((422, RequestRefused, 3), (200, RequestRefused, 3), (401, LoginRefused, 4)),
    *((403, LoginRefused, 4), (404, CapabilityMissing, 7), (501, CapabilityMissing, 7)),
]


@pytest.mark.parametrize(("status", "kind", "code"), CODES)
def test_a_kick_off_that_fails_says_whether_to_come_again(
    status: int,
    kind: type[RemissionError],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that is busy is 75; what it said stands in the line, and obeys nobody."""
    monkeypatch.setattr(SystemClock, "sleep", lambda *_: None)

    found, _, _ = exported(tmp_path, kick_off=say(OUTCOME, status))

    assert isinstance(found, kind), found
    assert found.exit_code == code
    if status == 400:
        assert "type Medication [2J is not exported" in str(found).replace("  ", " ")
        assert "not-supported" in str(found)
        assert "asked for Patient,Observation" in str(found)
    assert str(found).isprintable()


def test_drops_do_not_keep_an_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The status of an export is a request like any other: cut, asked again, 75."""
    monkeypatch.setattr(SystemClock, "sleep", lambda *_: None)

    found, _, seconds = exported(tmp_path, kick_off=drip_body)

    assert isinstance(found, Unreachable)
    assert seconds < 20
