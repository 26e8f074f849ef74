"""Runs with one chain and with several: nobody can tell them apart, whatever goes wrong."""

from __future__ import annotations

import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.rehearsal.server.personas import persona_names
from tests.matrix.cells import DAMAGED, DONE, REFUSED, STOPPED, TROUBLES, calm
from tests.matrix.world import Ran, World, world

MANY = 4
KEPT = ("evidence", "assessment")
# About writes; tokens for so few requests that chains take them from each other; and two ways in
# which this persona cannot go wrong.
OTHERS = (
    "empty-201",
    "token-expires:1",
    "token-expires:7",
    "drop-field:total",
    "ignore-param:code",
)
# Faults that never stop, on the source: how they end does not hang on which request is which.
LASTING = [
    trouble
    for trouble in TROUBLES
    if trouble.always is not None and "write" not in trouble.at and trouble.fault not in OTHERS
]


def state_of(hospital: World) -> dict[str, list[tuple[Any, ...]]]:
    """What the state remembers, without clocks and ports."""
    # Digests are over what names the source, and its port is another one each time.
    left_out = {"run", "since_run", "digest", "content_digest"}
    found: dict[str, list[tuple[Any, ...]]] = {}
    with sqlite3.connect(hospital.folder / "state.db") as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master")]
        for table in set(names) & {"dirty", "evidence", "assessment", "outbox", "backlog"}:
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            kept = [column for column in columns if column not in left_out]
            rows = database.execute(f"SELECT {', '.join(kept)} FROM {table}")
            plain = [tuple(_plain(cell, hospital) for cell in row) for row in rows]
            # Which server a sink wrote to is remembered by a hash of its address.
            found[table] = sorted(row for row in plain if not row[0].endswith("|server"))
    return found


def _plain(cell: object, hospital: World) -> str:
    text = str(cell)
    for server in (hospital.source, hospital.sink):
        text = text.replace(server.base_url, "BASE")
    return text


def told(ran: Ran, hospital: World) -> list[str]:
    """The lines, without ports."""
    return [_plain(json.dumps(line, sort_keys=True), hospital) for line in ran.lines]


@pytest.mark.parametrize("persona", persona_names())
def test_the_number_of_chains_shows_nowhere(persona: str, tmp_path: Path) -> None:
    """The same lines in the same order, the same writes, the same state, then nothing to do."""
    seen = []
    for count in (1, MANY):
        with world(persona, tmp_path / str(count), connections=count) as hospital:
            first = hospital.run()
            lines, versions = told(first, hospital), hospital.versions()
            idle = hospital.run(as_of="")
            seen.append((lines, versions, hospital.content(), state_of(hospital)))
            assert idle.code == first.code == DONE
            assert idle.summary["unsafe_requests"] == 0
            assert all(len(rows) for name, rows in seen[-1][-1].items() if name in KEPT)

    assert seen[0] == seen[1]


@pytest.mark.parametrize("trouble", LASTING, ids=lambda trouble: trouble.name)
def test_a_lasting_fault_ends_the_same_and_heals(trouble: Any, tmp_path: Path) -> None:
    """Nothing wrong is judged or written by any chain, and the next run makes up for it."""
    quiet = calm("epic", login=trouble.login)
    with world("epic", tmp_path, login=trouble.login, connections=MANY) as hospital:
        hospital.faults(f"{trouble.fault}@1+")
        ran = hospital.run()
        hospital.heal()
        again = hospital.run()
        content = hospital.content()

    told = quiet.ran.categories()
    assert ran.code == trouble.always, ran.error
    if trouble.fault != "drop-field:Observation.status":
        assert all(told[p] == category for p, category in ran.categories().items())
    if trouble.fault == "drop-field:Observation.status":
        # Everybody was undecided and is not any more: so many changes at once are for a person.
        assert again.code == STOPPED
        return
    assert again.code == DONE
    assert content == quiet.content


@pytest.mark.parametrize("request_number", [3, 9, 15, 25])
@pytest.mark.parametrize(
    ("fault", "codes"),
    [
        ("foreign-patient", {STOPPED, DONE}),
        ("outcome-in-200", {DAMAGED, DONE}),
        ("429:30", {DONE}),
        ("truncate:1", {DONE}),
        ("token-expires:5", {DONE}),
        ("expire-page:2", {DONE}),
    ],
)
def test_a_fault_in_one_chain_leaves_the_others_alone(
    fault: str, codes: set[int], request_number: int, tmp_path: Path
) -> None:
    """Wherever it strikes: no other answer, and after it the same as without."""
    login = "token" in fault
    quiet = calm("generic", login=login)
    with world("generic", tmp_path, login=login, connections=MANY) as hospital:
        hospital.faults(f"{fault}@{request_number}")
        ran = hospital.run()
        categories = ran.categories()
        hospital.heal()
        again = hospital.run()
        content = hospital.content()

    assert ran.code in codes, ran.error
    assert all(quiet.ran.categories()[p] == c for p, c in categories.items())
    assert again.code == DONE
    assert content == quiet.content


def test_tokens_that_end_in_mid_run_are_renewed_once_for_all_chains(tmp_path: Path) -> None:
    """Whoever meets the 401 first."""
    with world("epic", tmp_path, login=True, connections=MANY) as hospital:
        hospital.faults("token-expires:40")
        ran = hospital.run()
        asked = [one for one in ran.requests if one.target.endswith("/token")]
        bearer = [one for one in ran.requests if "authorization" in one.headers]
        used = [one for one in bearer if one.status == 200]

    assert ran.code == DONE, ran.error
    assert len(asked) == -(-len(used) // 40) == 2


def test_a_refused_login_is_asked_for_once(tmp_path: Path) -> None:
    """Four chains, one login, one refusal: exit 4."""
    with world("epic", tmp_path, login=True, connections=MANY) as hospital:
        hospital.faults("clock-skew:7200")
        ran = hospital.run()
        asked = [one for one in ran.requests if one.target.endswith("/token")]

    assert ran.code == REFUSED
    assert len(asked) == 1


def test_no_chain_logs_a_patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At debug level, with errors on every chain; each line knows the run."""
    captured = io.StringIO()
    with world("generic", tmp_path, level="debug", connections=MANY) as hospital:
        hospital.faults("429:1@14-15", "truncate:1@18", "outcome-in-200@20-24")
        with monkeypatch.context() as patch:
            patch.setattr("sys.stderr", captured)
            ran = hospital.run(assign=["source.profile=google"])
        audit = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]

    lines = [json.loads(line) for line in captured.getvalue().splitlines()]
    assert ran.lines
    assert sum(line["event"] == "request" for line in lines) > 20
    assert {line["run_id"] for line in lines} == {audit[0]["run_id"]}
    assert "demo-" not in captured.getvalue()


@pytest.mark.parametrize("connections", [1, MANY])
def test_whoever_was_asked_about_is_in_the_audit_even_if_nobody_judged_them(
    connections: int, tmp_path: Path
) -> None:
    """Links are asked for first and chains read ahead: a run sees more patients than it tells."""
    with world("generic", tmp_path, connections=connections) as hospital:
        hospital.faults("foreign-patient@1+")
        ran = hospital.run()
        audit = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
        bodies = b" ".join(one.body for one in ran.requests)

    asked = {name for name in calm("generic").ran.categories() if name[8:].encode() in bodies}
    assert ran.code == STOPPED
    assert len(audit) == len({line["entity"] for line in audit}) == len(asked) > 1
    assert {line["outcome"] for line in audit} == {"broken off"}
