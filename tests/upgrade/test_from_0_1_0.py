"""What version 0.1.0 left on servers and in states stays ours, and becomes marked as it changes."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.cli import main as cli
from fhir_remission.jobs.sync.write_to_sinks import How
from tests.crash.test_two_sites import everything, lose_state, results
from tests.crash.world import Killed, World
from tests.upgrade.record import AS_OF, KEY, PATIENTS, SERVERS, SETTINGS

Make = Callable[..., World]
CR, AMENDED = PATIENTS
ACCEPTED = How(everybody=True, accept=("eln-2022@2",))
FOLDER = Path(__file__).parents[2] / "fixtures" / "upgrade" / "0.1.0"


@pytest.fixture(params=SERVERS)
def recorded(request: pytest.FixtureRequest) -> dict[str, Any]:
    """One server as version 0.1.0 left it."""
    found: dict[str, Any] = json.loads((FOLDER / f"{request.param}.json").read_text())
    return found


@pytest.fixture
def old(recorded: dict[str, Any], make_world: Make) -> World:
    """The server, the state and the key, before this version has seen them."""
    return opened(recorded, make_world)


def opened(recorded: dict[str, Any], make_world: Make, **changes: Any) -> World:
    """The same under other circumstances."""
    settings = SETTINGS.replace("{site}", "{name}").replace("{kind}", recorded["kind"])
    asked = {"persona": recorded["persona"], "habits": recorded["habits"], "settings": settings}
    world = make_world(patients=(), **{**asked, **changes})
    world.patients = PATIENTS
    (world.folder / "cohort.csv").write_text("patient\n" + "\n".join(PATIENTS) + "\n")
    (world.folder / "site.key").write_text(KEY)
    if changes.get("beside") is None:
        world.server.store.load(recorded["resources"])
    fill(world.folder / "state.db", list(_moved(recorded, world)))
    return world


def _moved(recorded: dict[str, Any], world: World) -> Iterator[dict[str, Any]]:
    """The rows of the state, with this server's address for the recorded one."""
    here, there = world.server.base_url, recorded["base_url"]
    hashed = hashlib.sha256(there.encode()).hexdigest()
    text = json.dumps(recorded["state"]).replace(there, here)
    text = text.replace(hashed, hashlib.sha256(here.encode()).hexdigest())
    # It ran by the clock of the day; the worlds of the tests stand at their own.
    text = re.sub(r"2026-1[12]-\d\dT", "2026-09-30T", text)
    yield from json.loads(text)


def fill(path: Path, lines: list[dict[str, Any]]) -> None:
    """The state file as 0.1.0 has it: its schema, its rows, the lease of its last run."""
    script = resources.files("fhir_remission.effects.state") / "migrations" / "0001_tables.sql"
    with sqlite3.connect(path) as state:
        state.executescript(script.read_text(encoding="utf-8"))
        check = lines[0]["row"]["check"]
        at = "2026-10-01T00:00:00Z"
        state.execute("INSERT INTO schema_version VALUES (1, ?, ?)", (at, check))
        state.execute("INSERT INTO lease VALUES ('crash', 'here', 3, '')")
        for line in lines[1:]:
            names, values = zip(*line["row"].items(), strict=True)
            places = ", ".join("?" * len(values))
            state.execute(
                f"INSERT INTO {line['table']} ({', '.join(names)}) VALUES ({places})", values
            )


def recount(world: World, value: int = 300) -> None:
    """Platelets of the patient in CR are corrected."""
    for resource in world.source.store.resources("Observation"):
        if resource["id"].startswith(CR) and resource["id"].endswith("platelets"):
            held = {**resource["valueQuantity"], "value": value}
            world.source.store.put({**resource, "valueQuantity": held})


def marks(world: World) -> list[bool]:
    """Whether each result says whose it is."""
    return ["crash:" in json.dumps(result) for result in results(world).values()]


def test_the_record_is_of_0_1_0(recorded: dict[str, Any]) -> None:
    """It has results, a Device where there can be one, and no mark of a site."""
    text = json.dumps(recorded["resources"])
    assert "/id/site" not in text
    assert " site=" not in text
    assert recorded["state"][0]["row"].keys() == {"check"}


@pytest.mark.parametrize("lost", [False, True], ids=["state", "no state"])
def test_a_step_of_the_criteria_waits_for_a_person(old: World, lost: bool) -> None:
    """Nothing is written; the line and the log name the step and the changes by category."""
    if lost:
        lose_state(old)
    before = results(old)
    said: list[dict[str, Any]] = []
    old.told = lambda event, **fields: said.append(fields) if event == "held_back" else None

    ran = old.sync()

    assert ran.code == 5, ran
    assert results(old) == before
    assert {line["write"] for line in ran.lines} == {"none"}
    (stop,) = said
    assert "eln-2022: version 1 stands on the server, this is version 2" in stop["reason"]
    assert stop["changes"] == "CR to CR: 2"
    assert "--accept-criteria eln-2022@2" in stop["reason"]
    assert all("version 1 stands" in line["reason"] for line in ran.lines)
    assert old.sync().code == 5


def test_an_accepted_step_is_remembered(old: World) -> None:
    """The run that goes on needs no flag; each result says by which version it was made."""
    assert old.sync(patients=(CR,), how=ACCEPTED).code == 0

    ran = old.sync()

    assert ran.code == 0, ran
    assert "eln-2022|1" not in json.dumps(list(results(old).values()))
    assert old.sync().summary["unsafe_requests"] == 0


def test_an_accepted_step_that_is_broken_off_goes_on(
    recorded: dict[str, Any], make_world: Make
) -> None:
    """Killed at any effect, the next runs bring it to the same end, each result once."""
    whole = opened(recorded, make_world)
    whole.effects.arm()
    assert whole.sync(how=ACCEPTED).code == 0
    many = len(whole.effects.names)
    end = results(whole)
    for at in range(1, many + 1, max(1, many // 4)):
        world = opened(recorded, make_world)
        world.effects.arm(at, "after")
        with pytest.raises(Killed):
            world.sync(how=ACCEPTED)
        world.effects.arm()
        world.a_minute_later()
        if world.sync().code:  # It died before it had remembered that a person said yes.
            assert world.sync(how=ACCEPTED).code == 0
        assert results(world).keys() == end.keys()
        assert world.sync().summary["unsafe_requests"] == 0


def test_a_plan_that_is_applied_accepts_the_step(old: World, tmp_path: Path) -> None:
    """A person has seen each line of it."""
    plan = tmp_path / "plan.json"
    assert (
        cli.main(["plan", "--config", str(old.config), "--as-of", AS_OF, "--out", str(plan)]) == 0
    )
    assert (
        cli.main(["apply", "--config", str(old.config), "--plan", str(plan), "--write-as-of"]) == 0
    )

    assert old.sync().code == 0


def test_another_version_cannot_be_accepted(old: World) -> None:
    """Only one that this site judges by; the message says which."""
    before = results(old)

    ran = old.sync(how=How(accept=("eln-2022@3",)))

    assert (ran.code, "judges by eln-2022@2" in ran.error) == (2, True), ran
    assert results(old) == before


@pytest.mark.parametrize("lost", [False, True], ids=["state", "no state"])
def test_an_upgrade_writes_no_result_a_second_time(old: World, lost: bool) -> None:
    """The state knows them, or the key proves them; newer tables may write them anew in place."""
    before = results(old)
    assert before
    if lost:
        lose_state(old)

    ran = old.sync(how=ACCEPTED)

    assert ran.code == 0, ran
    assert results(old).keys() == before.keys()
    assert "entered-in-error" not in {result["status"] for result in results(old).values()}
    assert ran.summary["foreign_results"] == 0
    assert {line["write"] for line in ran.lines} <= {"none", "updated"}
    assert old.sync().summary["unsafe_requests"] == 0


@pytest.mark.parametrize("lost", [False, True], ids=["state", "no state"])
def test_changed_evidence_changes_them_in_place_and_marks_them(old: World, lost: bool) -> None:
    """The same resources, now with the mark."""
    before = results(old)
    if lost:
        lose_state(old)
    recount(old)

    ran = old.sync(how=ACCEPTED)

    assert (ran.code, ran.line(CR)["write"]) == (0, "updated"), ran
    after = results(old)
    assert after.keys() == before.keys()
    assert sum(marks(old)) >= len(after) // 2
    lose_state(old)
    stands = everything(old)
    assert old.sync().code == 0
    assert everything(old) == stands


@pytest.mark.parametrize("lost", [False, True], ids=["state", "no state"])
def test_withdrawn_evidence_takes_them_back(old: World, lost: bool) -> None:
    """An EHR keeps no evidence in them, so that without a state nothing proves whose they are."""
    if lost:
        lose_state(old)
    for resource in old.source.store.resources("Observation"):
        if resource["id"].startswith(CR):
            old.source.store.put({**resource, "status": "entered-in-error"})

    ran = old.sync(how=ACCEPTED)

    if "oracle" not in old.server.service.persona.name:
        assert (ran.code, ran.line(CR)["write"]) == (0, "retracted"), ran
        statuses = sorted(r["status"] for r in results(old).values())
        assert statuses.count("entered-in-error") == len(statuses) // 2
    elif lost:
        assert ran.code == 5
        assert "nothing proves by whom" in ran.error
    else:
        assert (ran.code, "by hand" in ran.line(CR)["reason"]) == (3, True), ran


@pytest.mark.parametrize("lost", [False, True], ids=["state", "no state"])
def test_a_person_s_edit_of_one_stays(old: World, lost: bool) -> None:
    """Parked, as before the upgrade."""
    for resource in results(old).values():
        old.edit(resource, note=[{"text": "seen"}, *resource.get("note", [])])
    edited = everything(old)
    if lost:
        lose_state(old)
    recount(old)
    edited = everything(old)

    ran = old.sync()

    assert ran.code == 3, ran
    kept = [raw for raw in everything(old) if b'"resourceType":"Device"' not in raw]
    assert kept == [raw for raw in edited if b'"resourceType":"Device"' not in raw]


@pytest.mark.parametrize("key", ["own key", "copied key"])
def test_another_site_never_touches_them(
    recorded: dict[str, Any], make_world: Make, key: str
) -> None:
    """It refuses to write beside 0.1.0; told that it may, it leaves them alone and says so."""
    first = opened(recorded, make_world)
    before = everything(first)
    second = opened(recorded, make_world, beside=first, name="ward-2")
    lose_state(second)
    if key == "own key":
        (second.folder / "site.key").write_text(KEY.replace("MDEy", "OTg3"))

    ran = second.sync()
    assert ran.code == 5, ran
    assert "beside_old_sites" in ran.error
    assert everything(first) == before

    text = second.config.read_text()
    second.config.write_text(text.replace("[write]", "[write]\nbeside_old_sites = true"))
    theirs = results(first)
    ran = second.sync()
    assert ran.code == 0, ran
    assert {name: results(first)[name] for name in theirs} == theirs
    assert ran.summary["foreign_results"] == len(theirs)
    # The first is upgraded: its old results are still its own.
    stands = results(first)
    recount(first)
    ran = first.sync(how=ACCEPTED)
    assert ran.line(CR)["write"] == "updated", ran
    mine = {name: results(first)[name] for name in stands if name not in theirs}
    assert mine == {name: stands[name] for name in stands if name not in theirs}


def test_an_old_state_under_a_corrected_id_stops(old: World, recorded: dict[str, Any]) -> None:
    """Its lease tells its id; a state that was moved has no lease, but the name of its Device."""
    text = old.config.read_text()
    old.config.write_text(text.replace('id = "crash"', 'id = "crash-2"'))
    before = everything(old)
    ran = old.sync()
    assert (ran.code, "rename-site" in ran.error) == (5, True), ran
    lose_state(old)
    fill(old.folder / "state.db", list(_moved(recorded, old)))
    with sqlite3.connect(old.folder / "state.db") as state:
        state.execute("DELETE FROM lease")
    if "oracle" not in old.server.service.persona.name:
        ran = old.sync()
        assert (ran.code, "rename-site" in ran.error) == (5, True), ran
    assert everything(old) == before
    old.config.write_text(text)
    assert old.sync(how=ACCEPTED).code == 0


def test_the_run_is_as_of_the_recorded_moment() -> None:
    """Or the answers would differ by the clock alone."""
    from tests.crash import settings

    assert settings.AS_OF == AS_OF
