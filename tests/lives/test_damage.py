"""A state that was damaged: one patient's row costs one patient, and what is mended is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from fhir_remission.cli import main as cli
from fhir_remission.jobs.sync import state_files
from tests.crash.world import WorldClock
from tests.lives.world import Site

MakeSite = Callable[..., Site]
PARKED = (
    "INSERT INTO parked SELECT key, source, patient, sink, '', '', '', '', '', '', '', '{}' "
    "FROM assessment LIMIT 1"
)
OF_A = "(SELECT key FROM assessment WHERE patient = 'Patient/a' AND key LIKE '%Impression%')"


def command(site: Site, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """One `state` command, at the time of this world."""
    monkeypatch.setattr(state_files, "SystemClock", WorldClock)
    return cli.main(["state", *words, "--config", str(site.config)])


DAMAGE = {
    "outbox that cannot be read": (
        f"INSERT INTO outbox VALUES ({OF_A}, 99, 1, '[{{', 'sending')",
        f"UPDATE assessment SET status = 'pending' WHERE key = {OF_A}",
    ),
    "outbox of no resources": (
        f"INSERT INTO outbox VALUES ({OF_A}, 99, 1, '[{{}}]', 'sending')",
        f"UPDATE assessment SET status = 'pending' WHERE key = {OF_A}",
    ),
    "outbox in no state": (
        f"INSERT INTO outbox VALUES ({OF_A}, 99, 1, '[]', 'banana')",
        f"UPDATE assessment SET status = 'pending' WHERE key = {OF_A}",
    ),
    "a result that is no text": (f"UPDATE assessment SET etag = x'ff00' WHERE key = {OF_A}",),
}
NOBODYS = {
    "junk marks": ("UPDATE watermark SET value = 'banana'",),
    "marks of bytes": ("UPDATE watermark SET value = x'ff'",),
    "marks that are no time": ("UPDATE watermark SET value = '2026-99-99T99:99:99.000000Z'",),
    "a text that is no UTF-8": ("UPDATE watermark SET value = CAST(x'ff41' AS TEXT)",),
    "the highest fence": ("UPDATE lease SET fence = 9223372036854775807",),
    "a fence of words": ("UPDATE lease SET fence = 'banana'",),
    "a lease for ever": ("UPDATE lease SET expires_at = '9999-01-01T00:00:00.000000Z'",),
    "a lease of words": ("UPDATE lease SET expires_at = 'banana'",),
    "evidence of bytes": ("UPDATE evidence SET ref = x'ff' WHERE rowid = 1",),
    "a backlog of words": ("INSERT INTO backlog VALUES ('s', 'p', 'many', 'x', 'y')",),
    "a wait for nobody": (PARKED.format("banana"),),
    "a run of words": ("INSERT INTO run VALUES ('r', 'banana', '', 'x', '')",),
    "a mark for bytes": (
        "INSERT INTO dirty SELECT source, x'ff', 'r', 'w' FROM assessment LIMIT 1",
    ),
}


@pytest.mark.parametrize("what", [*DAMAGE, *NOBODYS])
def test_a_damaged_row_costs_whom_it_is_about(
    make_site: MakeSite,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    what: str,
) -> None:
    """Others are read and written; the check names it, the repair says what it did, all is well."""
    site = make_site("a", "b")
    assert site.run().code == 0
    before = site.answers()
    site.execute(*(DAMAGE | NOBODYS)[what])
    for name in ("a", "b"):
        site.change("Observation", f"{name}-3-marrow", status="corrected")

    ran = site.run("source.reread=0s")

    expected = 3 if what in DAMAGE else 0
    assert ran.code == expected, (ran.error, ran.lines)
    assert ran.line("b")["write"] == "updated"
    if what in DAMAGE:
        assert ran.line("a")["disposition"] == "failed"
        assert "state check --repair" in ran.line("a")["reason"]
        assert command(site, monkeypatch, "check") == 3
        assert "state check --repair mends it" in capsys.readouterr().out
        command(site, monkeypatch, "check", "--repair")
        assert "mended" in capsys.readouterr().out
        assert site.run().code == 0
        assert command(site, monkeypatch, "check") == 0
    assert (site.answers(), site.doubles()) == (before, [])
    assert site.idle()


def test_the_check_names_what_no_run_has_met(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And is content after the repair."""
    site = make_site("a")
    assert site.run().code == 0
    assert command(site, monkeypatch, "check") == 0
    whole = (site.folder / "state.db").read_bytes()
    for what, statements in NOBODYS.items():
        (site.folder / "state.db").write_bytes(whole)
        site.execute(*statements)

        assert command(site, monkeypatch, "check") == 3, what
        capsys.readouterr()
        assert command(site, monkeypatch, "check", "--repair") == 0, what
        assert "mended" in capsys.readouterr().out
        assert command(site, monkeypatch, "check") == 0, what
    assert site.run().code == 0
    assert site.idle()


def test_a_run_that_died_is_told_until_the_next_one_ended(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a run of a time to come is not in the way for ever."""
    site = make_site("a")
    assert site.run().code == 0
    site.execute("INSERT INTO run VALUES ('dead', '2026-01-01T00:00:00.000000Z', '', -1, '{}')")
    site.execute("INSERT INTO run VALUES ('ahead', '2031-01-01T00:00:00.000000Z', '', 0, '{}')")

    assert command(site, monkeypatch, "check") == 3
    assert command(site, monkeypatch, "check", "--repair") == 0
    said = capsys.readouterr().out
    assert "1 run: runs that never ended: mended" in said
    assert "1 run: runs that began at no time or one to come: mended" in said


def exported(site: Site, capfdbinary: Any) -> list[bytes]:
    """The state as lines."""
    capfdbinary.readouterr()
    assert cli.main(["state", "export", "--config", str(site.config)]) == 0
    lines: bytes = capfdbinary.readouterr().out
    return lines.splitlines(keepends=True)


def _of(table: str) -> Callable[[list[bytes]], int]:
    return lambda lines: next(n for n, one in enumerate(lines) if f'"{table}"'.encode() in one)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("key", {"former": "["}),
        ("watermark", {"value": None}),
        ("watermark", {"value": 7}),
        ("watermark", {"banana": "x"}),
        ("assessment", {"etag": 1}),
        ("outbox", {"seq": "x"}),
        ("outbox", {"seq": 2**70}),
        ("outbox", {"state": "banana"}),
        ("outbox", {"state": "sending", "bundle": "[{"}),
        ("parked", {"word": "banana"}),
        ("run", {"exit": "0"}),
        ("run", None),
    ],
)
def test_a_bad_row_of_an_import_is_named_by_its_line(
    make_site: MakeSite, capfdbinary: Any, table: str, change: dict[str, Any] | None
) -> None:
    """2, and nothing of it is in the state; None stands for the same row once more."""
    site = make_site("a")
    assert site.run().code == 0
    site.execute(PARKED.format("parked"))
    lines = exported(site, capfdbinary)
    at = _of(table)(lines)
    row = json.loads(lines[at])
    if change is None:
        lines.insert(at + 1, lines[at])
    else:
        lines[at] = json.dumps({**row, "row": {**row["row"], **change}}).encode() + b"\n"
    file = site.folder / "state.ndjson"
    file.write_bytes(b"".join(lines))
    (site.folder / "state.db").unlink()

    assert cli.main(["state", "import", str(file), "--config", str(site.config)]) == 2
    number = at + 1 + (change is None)
    assert f"line {number}:".encode() in capfdbinary.readouterr().err
    assert site.rows("SELECT COUNT(*) FROM watermark") == [(0,)]


def test_a_lease_is_freed_by_hand(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a run that died a moment ago on another machine."""
    site = make_site("a")
    assert site.run().code == 0
    ends = (WorldClock.time).strftime("%Y-%m-%dT%H:%M:59.000000Z")
    site.execute(f"UPDATE lease SET owner = 'dead', expires_at = '{ends}'")
    before = site.rows("SELECT fence FROM lease")

    assert command(site, monkeypatch, "release-lease") == 0

    assert f"it was held until {ends}" in capsys.readouterr().err
    assert site.rows("SELECT fence - 1, expires_at FROM lease") == [(*before[0], "")]
    assert command(site, monkeypatch, "release-lease") == 0
    assert "nobody holds it" in capsys.readouterr().err
