"""A moment in the past, and events of an engine that come while a run is under way."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.cli import main as cli
from fhir_remission.effects.http.transport import Request
from fhir_remission.effects.process.clock import timestamp
from fhir_remission.effects.state.lock import only_run
from fhir_remission.fhir.writing.identity import identifier_value
from fhir_remission.jobs.sync.write_to_sinks import How
from fhir_remission.rehearsal.cohort.cohort import amendment
from tests.crash.world import World, WorldClock

Make = Callable[..., World]
CR, AMENDED = "demo-01-cr", "demo-18-amended"
# Between the marrow of the amended patient and the day on which her counts had come back.
PAST = "2026-02-25T00:00:00Z"
DAILY = How()


def command(world: World, *arguments: str) -> int:
    """One command on this world's site."""
    return cli.main([*arguments, "--config", str(world.config)])


def hashes(world: World) -> dict[str, list[str]]:
    """On what evidence each result stands, and whether it does."""
    system = "https://w3id.org/fhir-remission/id/evidence-hash"
    withdrawn = "entered-in-error"
    return {
        one["id"]: [identifier_value(one, system), str(one["status"] == withdrawn)]
        for one in stands(world)
    }


def stands(world: World) -> list[dict[str, Any]]:
    """All results with their versions."""
    return [one for name in (CR, AMENDED) for one in world.results(name)]


@pytest.fixture
def world(make_world: Make) -> World:
    """Two patients, after the first run."""
    made = make_world(patients=(CR, AMENDED))
    assert made.sync().code == 0
    return made


# A moment in the past ---------------------------------------------------------------------------


def test_what_if_writes_nothing_and_says_so(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines as of then, not one write, the state as before, and why on stderr."""
    before, state = stands(world), (world.folder / "state.db").read_bytes()
    audit = (world.folder / "audit.jsonl").read_text().count("update")
    said: list[str] = []
    world.told = lambda event, **fields: said.append(f"{event} {fields.get('reason')}")

    ran = world.sync(as_of=PAST)

    assert (ran.code, ran.summary["unsafe_requests"]) == (0, 0)
    assert ran.line(CR)["as_of"].startswith("2026-02-25")
    assert stands(world) == before
    assert (world.folder / "state.db").read_bytes() == state
    assert (world.folder / "audit.jsonl").read_text().count("update") == audit
    assert any("--write-as-of" in one for one in said)


def test_written_as_of_the_past_the_daily_run_repairs_it(world: World) -> None:
    """The patients stay due, so the next run says again what is true now."""
    before = hashes(world)

    ran = world.sync(as_of=PAST, write_as_of=True)

    assert ran.code == 0
    assert hashes(world) != before
    assert sorted(world.unfinished()) == [f"dirty ('Patient/{name}',)" for name in (CR, AMENDED)]
    again = world.sync(how=DAILY)
    assert (again.code, len(again.lines)) == (0, 2)
    assert hashes(world) == before
    assert world.unfinished() == []
    assert world.sync(how=DAILY).summary["unsafe_requests"] == 0


def test_now_is_not_the_past(world: World) -> None:
    """A moment that has not passed is written as ever."""
    world.server.store.load([amendment()])

    ran = world.sync(as_of="2027-01-01T00:00:00Z")

    assert ran.line(AMENDED)["write"] == "updated"
    assert world.unfinished() == []


def test_a_plan_of_the_past_is_not_applied_by_mistake(world: World) -> None:
    """Its file says of when it is; carried out on purpose, the patients stay due."""
    file = world.folder / "plan.json"
    assert command(world, "plan", "--as-of", PAST, "--out", str(file)) == 0
    before = stands(world)

    assert command(world, "apply", "--plan", str(file)) == 2
    assert stands(world) == before
    assert command(world, "apply", "--plan", str(file), "--write-as-of") == 0
    assert stands(world) != before
    assert world.unfinished() == [f"dirty ('Patient/{AMENDED}',)"]


def test_a_plan_of_its_present_needs_no_flag_and_leaves_its_patients_due(world: World) -> None:
    """What came in between plan and apply is read by the next run."""
    world.server.store.load([amendment()])
    file = world.folder / "plan.json"
    assert command(world, "plan", "--out", str(file)) == 0

    assert command(world, "apply", "--plan", str(file)) == 0

    assert world.unfinished() == [f"dirty ('Patient/{AMENDED}',)"]
    assert world.sync(how=DAILY).summary["unsafe_requests"] == 0
    assert world.unfinished() == []


# Events while a run is under way ----------------------------------------------------------------


def test_three_events_at_once_lose_none(make_world: Make) -> None:
    """Two of three runs end with 6, and all three patients have their results."""
    world = make_world()
    codes: list[int] = []

    def others(_: Request) -> None:
        world.between = lambda _: None
        codes.extend(command(world, "sync", "--patient", name) for name in world.patients[1:])

    world.between = others
    ran = world.sync(patients=world.patients[:1])

    assert (ran.code, codes) == (0, [6, 6])
    assert sorted(line["patient"] for line in ran.lines) == [
        f"Patient/{name}" for name in sorted(world.patients)
    ]
    assert all(world.results(name) for name in world.patients)
    assert world.unfinished() == []


def test_an_event_about_the_patient_who_is_just_being_read_is_not_lost(world: World) -> None:
    """What changed after the reading is read before the run ends."""
    world.server.store.load([amendment()])

    def event(_: Request) -> None:
        world.between = lambda _: None
        corrected = {**amendment(), "valueQuantity": {"value": 20, "unit": "10*9/L"}}
        world.server.store.load([corrected])
        assert command(world, "sync", "--patient", AMENDED) == 6

    world.between = event
    ran = world.sync(how=DAILY)

    told = [line["write"] for line in ran.lines if line["patient"] == f"Patient/{AMENDED}"]
    assert told == ["updated", "updated"]
    assert world.unfinished() == []


def test_who_waits_gets_the_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--wait` outlasts a run that ends in time, and no longer."""
    holding = ExitStack()
    holding.enter_context(only_run(world.folder / ".crash.lock"))
    slept = WorldClock.passed
    asked = {"patients": (CR,), "how": DAILY}
    assert world.sync(wait=timedelta(seconds=60), **asked).code == 6
    assert 60 <= WorldClock.passed - slept < 65
    assert world.unfinished() == [f"dirty ('Patient/{CR}',)"]

    monkeypatch.setattr(WorldClock, "sleep", lambda *_: holding.close())
    ran = world.sync(wait=timedelta(seconds=60), **asked)

    assert (ran.code, len(ran.lines)) == (0, 1)
    assert world.unfinished() == []


def test_the_lease_of_another_machine_is_waited_for_too(world: World) -> None:
    """A minute at most: then it has ended, or its owner has renewed it."""
    with sqlite3.connect(world.folder / "state.db") as connection:
        ends = timestamp(WorldClock.time + timedelta(seconds=100))
        connection.execute("UPDATE lease SET expires_at = ?", (ends,))

    ran = world.sync(patients=(CR,), how=DAILY, wait=timedelta(seconds=60))

    assert (ran.code, world.unfinished()) == (6, [f"dirty ('Patient/{CR}',)"])
    assert "1 patient asked for stays due" in ran.error
    world.a_minute_later()
    assert world.sync(how=DAILY).code == 0
    assert world.unfinished() == []


def test_somebody_outside_the_cohort_is_told_and_forgotten(world: World) -> None:
    """An engine may ask for anybody; the list says who is ours."""
    said: list[str] = []
    world.told = lambda event, **_: said.append(event)

    ran = world.sync(patients=("somebody-else",), how=DAILY)

    assert (ran.code, ran.lines) == (0, [])
    assert "not_in_cohort" in said
    assert world.unfinished() == []


def test_a_dry_run_marks_nobody(world: World) -> None:
    """It remembers nothing, so it must not make others read."""
    assert world.sync(patients=(CR,), dry_run=True).code == 0
    assert world.sync(patients=(CR,), as_of=PAST).code == 0

    assert world.unfinished() == []


def test_a_wait_that_is_no_duration_is_named(world: World, tmp_path: Path) -> None:
    """Exit 2 with what would do."""
    assert command(world, "sync", "--wait", "soon") == 2
