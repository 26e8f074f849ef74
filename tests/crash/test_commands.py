"""The commands around write-back: each does what it says and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fhir_remission.cli import main as cli
from fhir_remission.effects.files.site_key import read_site_key
from fhir_remission.jobs.sync.write_to_sinks import How
from fhir_remission.jobs.write_back.plan_file import read_plan
from fhir_remission.rehearsal.cohort.cohort import amendment
from fhir_remission.rehearsal.server.merge import merge_patient
from tests.crash.settings import SETTINGS
from tests.crash.test_crash import SERVERS, points
from tests.crash.test_write_back import AMENDED, CR, recount, two
from tests.crash.world import Killed, Ran, World

Make = Callable[..., World]
GUARDED = SETTINGS.replace('share = "1"', 'share = "0.2"')


@pytest.fixture(params=["put", "search"])
def world(request: pytest.FixtureRequest, make_world: Make) -> World:
    """Two patients after the first run, at a site that holds mass changes back."""
    made = make_world(habits=SERVERS[request.param], patients=(CR, AMENDED), settings=GUARDED)
    assert made.sync().code == 0
    return made


def run(world: World, *arguments: str) -> int:
    """One command."""
    name, *rest = arguments
    return cli.main([name, *rest, "--config", str(world.config)])


def planned(world: World) -> Path:
    """A plan of what is due now."""
    file = world.folder / "plan.json"
    assert run(world, "plan", "--out", str(file)) == 0
    return file


def unsafe(world: World) -> int:
    """How many requests could have changed something."""
    return len(world.server.requests.unsafe)


def test_plan_writes_nothing_and_apply_does_exactly_that(world: World) -> None:
    """Also where a run on its own would hold back."""
    recount(world, "platelets", 62)
    world.server.store.load([amendment()])
    before = unsafe(world)
    assert world.sync().code == 5

    file = planned(world)

    plan = json.loads(file.read_text())
    assert unsafe(world) == before
    assert [e["operation"] for e in plan["entries"]] == ["update"] * 4
    assert {(e["before"], e["after"]) for e in plan["entries"]} >= {("CR", "CRh")}
    assert run(world, "apply", "--plan", str(file)) == 0
    assert unsafe(world) > before
    after = unsafe(world)
    assert run(world, "apply", "--plan", str(file)) == 0
    assert world.sync().code == 0
    assert unsafe(world) == after


def test_a_plan_about_merged_records_can_be_applied(world: World) -> None:
    """What stands under the former record is taken back, the survivor's written; then silence."""
    merge_patient(world.server.store, CR)

    file = planned(world)

    plan = json.loads(file.read_text())
    assert f"Patient/{CR}-merged" in {e["patient"] for e in plan["entries"]}
    assert run(world, "apply", "--plan", str(file)) == 0
    living = [r for r in world.results(f"{CR}-merged") if r["status"] != "entered-in-error"]
    assert [r["resourceType"] for r in living] == ["ClinicalImpression", "Observation"]
    assert world.doubles() == []
    assert world.sync().summary["unsafe_requests"] == 0


def test_apply_killed_anywhere_is_applied_again(world: World, quick_path: Path) -> None:
    """The plan still holds for what is left, and its end is that of one undisturbed apply."""
    recount(world, "platelets", 62)
    world.server.store.load([amendment()])
    plan = read_plan(planned(world), read_site_key(world.folder / "site.key"))
    log = world.snapshot(quick_path / "kept")

    def applied() -> Ran:
        return world.sync(how=How(plan=plan))

    world.effects.arm()
    assert applied().code == 0
    names = list(world.effects.names)
    expected = world.by_identifier(), world.counted(), world.file()
    for at, when in points(len(names)):
        place = f"{when} effect {at} ({names[at - 1]})"
        world.restore(quick_path / "kept", log)
        world.effects.arm(at, when)
        with pytest.raises(Killed):
            applied()
        world.effects.arm()
        world.a_minute_later()
        assert applied().code == 0, place
        assert (world.by_identifier(), world.counted(), world.file()) == expected, place
        assert world.unfinished() == [], place


def test_a_plan_that_was_touched_is_refused(world: World) -> None:
    """The seal is over all of it."""
    recount(world, "platelets", 62)
    file = planned(world)
    plan = json.loads(file.read_text())
    plan["entries"][0]["after"] = "CR"
    file.write_text(json.dumps(plan))
    before = unsafe(world)

    assert run(world, "apply", "--plan", str(file)) == 5
    assert unsafe(world) == before


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("an unknown field", 2),
        ("an unknown field of an entry", 2),
        ("a seal of other letters", 5),
        ("a seal that is a number", 2),
        ("no seal", 5),
        ("an OperationOutcome", 2),
        ("nothing", 2),
    ],
)
def test_a_plan_that_is_none_is_refused(
    world: World, how: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A clear line, and nothing written."""
    recount(world, "platelets", 62)
    file = planned(world)
    plan = json.loads(file.read_text())
    if how == "an unknown field":
        plan["more"] = 1
    elif how == "an unknown field of an entry":
        plan["entries"][0]["more"] = 1
    elif how == "a seal of other letters":
        plan["hmac"] = "é" * 64
    elif how == "a seal that is a number":
        plan["hmac"] = 5
    elif how == "no seal":
        del plan["hmac"]
    elif how == "an OperationOutcome":
        plan = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}
    file.write_text("" if how == "nothing" else json.dumps(plan, ensure_ascii=False))
    before = unsafe(world)
    capsys.readouterr()

    assert run(world, "apply", "--plan", str(file)) == code
    assert unsafe(world) == before
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("moved", ["evidence", "edit", "back"])
def test_a_moved_world_is_refused(world: World, moved: str) -> None:
    """New evidence, an edit, or evidence that is what it was again."""
    recount(world, "platelets", 62)
    file = planned(world)
    if moved == "evidence":
        recount(world, "platelets", 61)
    elif moved == "back":
        recount(world, "platelets", 128)
    else:
        world.edit(two(world, CR)[0], summary="I disagree")
    before = unsafe(world)

    assert run(world, "apply", "--plan", str(file)) == 5
    assert unsafe(world) == before


def test_retry_takes_the_backlog(world: World) -> None:
    """And only that."""
    assert run(world, "retry") == 0
    world.server.store.load([amendment()])
    world.server.faults.set(["412@*"])
    assert world.sync().code == 3
    world.server.faults.stop()

    assert run(world, "retry") == 0
    assert two(world, AMENDED)[0]["statusReason"]["coding"][0]["code"] == "category-changed"
    assert world.unfinished() == []


@pytest.mark.parametrize("command", ["sync", "retry", "reconcile", "plan"])
def test_a_second_run_of_any_kind_sends_nothing(world: World, command: str) -> None:
    """Counted at the server."""
    sent = unsafe(world)
    for _ in range(2):
        assert run(world, command) == 0
    assert unsafe(world) == sent


def test_reconcile_finds_an_edit_that_no_change_uncovered(world: World) -> None:
    """A daily run asks nothing about it; a full re-check reports it."""
    world.edit(two(world, CR)[0], summary="I disagree")
    assert world.sync().code == 0

    assert run(world, "reconcile") == 3
    assert two(world, CR)[0]["summary"] == "I disagree"


def test_duplicates_are_reported_and_taken_back_on_request(world: World) -> None:
    """One stays; the daily run then has nothing to do."""
    impression = two(world, CR)[0]
    copy = {k: v for k, v in impression.items() if k not in ("id", "meta")}
    world.server.store.put(copy, method="POST")

    assert run(world, "reconcile") == 5
    assert len(world.doubles()) == 1
    assert run(world, "reconcile", "--retract-duplicates") == 0
    assert world.doubles() == []
    assert run(world, "reconcile") == 0
    assert world.sync().summary["unsafe_requests"] == 0


def test_a_run_taken_back(world: World) -> None:
    """What it changed gets its former content, what it created is entered in error."""
    first = [_content(r) for r in two(world, CR)]
    recount(world, "platelets", 62)
    second = world.sync()
    assert second.line(CR)["write"] == "updated"

    assert run(world, "retract", "--run", second.summary["run_id"]) == 0

    assert [_content(r) for r in two(world, CR)] == first
    assert [r["meta"]["versionId"] for r in two(world, CR)] == ["3", "3"]
    sent = unsafe(world)
    assert run(world, "retract", "--run", second.summary["run_id"]) == 0
    assert unsafe(world) == sent
    assert world.sync().line(CR)["write"] == "parked"
    assert [_content(r) for r in two(world, CR)] == first
    assert run(world, "retract", "--run", "nonsense") == 2


def test_a_run_taken_back_after_the_server_reindexed(make_world: Make) -> None:
    """More versions, the same content: what was created is entered in error all the same."""
    world = make_world(patients=(CR, AMENDED))
    first = world.sync()
    world.server.store.load([amendment()])
    second = world.sync()
    for resource in (*two(world, CR), *two(world, AMENDED)):
        world.edit(resource)

    assert run(world, "retract", "--run", second.summary["run_id"]) == 0
    assert {r["status"] for r in two(world, AMENDED)} == {"in-progress", "preliminary"}
    assert two(world, AMENDED)[1]["valueCodeableConcept"]["coding"][0]["code"] == "CR"
    assert run(world, "retract", "--run", first.summary["run_id"]) == 0
    assert {r["status"] for r in two(world, CR)} == {"entered-in-error"}


def test_a_first_run_taken_back(make_world: Make) -> None:
    """Everything is entered in error; an edit stays."""
    world = make_world(patients=(CR, AMENDED))
    first = world.sync()
    edited = world.edit(two(world, CR)[0], summary="I disagree")

    assert run(world, "retract", "--run", first.summary["run_id"]) == 3

    stand = [
        r for r in (*two(world, CR), *two(world, AMENDED)) if r["status"] != "entered-in-error"
    ]
    assert stand == [edited]


def test_purge_forgets_here(world: World) -> None:
    """State and file; the audit keeps the hash, the server keeps its resources."""
    assert run(world, "purge", "--patient", CR) == 0

    state = (world.folder / "results.ndjson").read_text()
    assert CR not in state
    assert AMENDED in state
    assert '"purge"' in (world.folder / "audit.jsonl").read_text()
    assert len(world.results(CR)) == 2
    assert world.sync().summary["unsafe_requests"] == 0


def test_the_state_moves_and_is_looked_at(world: World, capfdbinary: Any) -> None:
    """Out, into a new database, and on as if nothing had happened."""
    world.server.store.load([amendment()])
    capfdbinary.readouterr()
    assert cli.main(["state", "export", "--config", str(world.config)]) == 0
    lines = capfdbinary.readouterr().out
    (world.folder / "state.ndjson").write_bytes(lines)
    assert cli.main(["state", "check", "--config", str(world.config)]) == 0
    kept = world.folder / "state.ndjson"
    assert cli.main(["state", "import", str(kept), "--config", str(world.config)]) == 5
    (world.folder / "state.db").unlink()
    assert cli.main(["state", "import", str(kept), "--config", str(world.config)]) == 0
    ran = world.sync()
    assert (ran.code, ran.line(AMENDED)["write"], ran.line(CR)["write"]) == (0, "updated", "none")
    assert msgspec.json.decode(lines.splitlines()[0])["table"] == "key"


def _content(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name != "meta"}
