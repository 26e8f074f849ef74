"""Results that vanish, files that are read and written, and changes that only reading made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhir_remission.cli import main as cli
from fhir_remission.jobs.sync.write_to_sinks import How
from fhir_remission.rehearsal.cohort.cohort import amendment
from tests.crash.settings import SETTINGS
from tests.crash.test_crash import SERVERS
from tests.crash.test_write_back import AMENDED, CR, recount, two
from tests.crash.world import World, WorldClock

Make = Callable[..., World]
DAILY = How()


@pytest.fixture(params=["put", "search"])
def world(request: pytest.FixtureRequest, make_world: Make) -> World:
    """Two patients after the first run."""
    made = make_world(habits=SERVERS[request.param], patients=(CR, AMENDED))
    assert made.sync().code == 0
    return made


def forget(world: World, *, since: int = 10**6, kind: str = "") -> None:
    """The server is restored to how it was after so many versions, or loses a type."""
    kept = [version for version in list(world.server.store.log)[:since] if version.type != kind]
    world.server.store.rollback(0)
    world.server.store._serial = 0
    for version in kept:
        world.server.store._append(version)


def test_what_a_restored_server_has_lost_is_written_again(make_world: Make) -> None:
    """The next run finds it in its sample, though nothing of the evidence has changed."""
    for habits in ("put", "search"):
        world = make_world(habits=SERVERS[habits], patients=(CR, AMENDED))
        before = len(world.server.store.log)
        assert world.sync().code == 0
        forget(world, since=before)
        assert world.results(CR) == []

        ran = world.sync(how=DAILY)

        assert (ran.code, ran.summary["vanished"]) == (0, 4)
        assert len(world.results(CR)) == len(world.results(AMENDED)) == 2
        assert world.doubles() == []
        idle = world.sync(how=DAILY)
        assert (idle.summary["vanished"], idle.summary["unsafe_requests"]) == (0, 0)


def test_an_older_version_that_stands_again_is_brought_up_to_date(world: World) -> None:
    """The backup had the answer of before the correction."""
    before = len(world.server.store.log)
    recount(world, "platelets", 62)
    evidence = [v for v in world.server.store.log[before:] if v.type == "Observation"]
    assert world.sync().line(CR)["write"] == "updated"
    forget(world, since=before)
    for version in evidence:
        world.server.store._append(version)

    ran = world.sync(how=DAILY)

    assert ran.summary["vanished"] == 2
    assert "CRh" in two(world, CR)[0]["summary"]


def test_a_withdrawn_result_that_stands_again_is_withdrawn_again(world: World) -> None:
    """Nobody may take it for an answer."""
    kept = two(world, CR)
    world.retract_marrow(CR)
    assert world.sync().line(CR)["write"] == "retracted"
    for resource in kept:
        world.edit(resource)

    ran = world.sync(how=DAILY)

    assert ran.summary["vanished"] == 2
    assert {one["status"] for one in two(world, CR)} == {"entered-in-error"}


def test_an_edit_is_no_loss(world: World) -> None:
    """What a person wrote over ours, on the same evidence, is nobody's trouble."""
    world.edit(two(world, CR)[0], status="completed", note=[{"text": "Signed."}])

    ran = world.sync(how=DAILY)

    assert (ran.code, ran.summary["vanished"]) == (0, 0)


def test_all_of_it_is_looked_for_on_schedule(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what no sample has hit."""
    from fhir_remission.jobs.sync import recheck

    monkeypatch.setattr(recheck, "SAMPLE", 0)
    assert world.sync(how=DAILY).code == 0
    forget(world, kind="ClinicalImpression")
    assert world.sync(how=DAILY).summary["vanished"] == 0
    WorldClock.time += recheck.timedelta(hours=25)

    assert world.sync(how=DAILY).summary["vanished"] == 2


def test_written_is_what_can_be_read_back(make_world: Make) -> None:
    """A server that says 201 and stores nothing: nothing counts as written, each run says so."""
    world = make_world(patients=(CR,))
    answer = world.server._answer

    def forgetting(method: str, target: str, headers: Any, body: bytes) -> Any:
        reply = answer(method, target, headers, body)
        forget(world, kind="ClinicalImpression")
        return reply

    world.server._answer = forgetting  # type: ignore[method-assign]
    for _ in range(2):
        ran = world.sync()
        assert (ran.code, ran.line(CR)["write"]) == (3, "none")
        assert "does not stand there: nothing counts as written" in ran.line(CR)["reason"]
    world.server._answer = answer  # type: ignore[method-assign]

    ran = world.sync()

    assert (ran.code, len(world.results(CR)), world.doubles()) == (0, 2, [])
    assert world.unfinished() == []


# Files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cohort.csv", "site.toml", "site.key", "state.db", "audit.jsonl"])
@pytest.mark.parametrize("flag", ["--output", "--summary"])
def test_an_input_is_never_an_output(world: World, name: str, flag: str) -> None:
    """2, every byte is still there, and nothing was asked of the server."""
    file = world.folder / name
    before, asked = file.read_bytes(), len(world.server.requests)

    code = cli.main(["sync", "--config", str(world.config), flag, str(file)])

    assert (code, file.read_bytes(), len(world.server.requests)) == (2, before, asked)


def test_a_plan_does_not_replace_what_it_was_made_from(world: World) -> None:
    """The same rule for `plan --out`."""
    file = world.folder / "cohort.csv"
    before = file.read_bytes()

    assert cli.main(["plan", "--config", str(world.config), "--out", str(file)]) == 2

    assert file.read_bytes() == before


# Too many changes at once -----------------------------------------------------------------------

GUARDED = SETTINGS.replace('share = "1"', 'share = "0.2"')


def test_a_stop_says_what_and_why_and_how_to_go_on(make_world: Make) -> None:
    """On stderr, with the changes counted and the two next commands."""
    world = make_world(patients=(CR, AMENDED), settings=GUARDED)
    assert world.sync().code == 0
    recount(world, "platelets", 62)
    world.server.store.load([amendment()])
    said: list[dict[str, Any]] = []
    world.told = lambda event, **fields: said.append(fields) if event == "held_back" else None

    assert world.sync().code == 5

    (stop,) = said
    assert "2 of 2 patients would change category" in stop["reason"]
    assert "CR to CRh (category-changed)" in stop["changes"]
    assert "plan --out plan.json" in stop["next"]
    assert "apply --plan plan.json" in stop["next"]


def test_what_only_a_refusal_changes_is_no_change(make_world: Make) -> None:
    """The diagnosis is refused from one day on: nothing is withdrawn, and that is what is said."""
    world = make_world(patients=(CR, AMENDED), settings=GUARDED)
    assert world.sync().code == 0
    before = [*two(world, CR), *two(world, AMENDED)]
    answer = world.server._answer

    def refusing(method: str, target: str, headers: Any, body: bytes) -> Any:
        reply = answer(method, target, headers, body)
        return type(reply)(403, b"", {}) if "/Condition" in target else reply

    world.server._answer = refusing  # type: ignore[method-assign]
    ran = world.sync()

    assert ran.code == 3
    assert [*two(world, CR), *two(world, AMENDED)] == before
    for line in ran.lines:
        if line["disposition"] == "incomplete":
            assert "Condition" in line["reason"]
    assert {line["write"] for line in ran.lines} == {"none"}


@pytest.mark.parametrize(
    "habits", ["conditional-update", "conditional-create-one-by-one", "search"]
)
def test_a_create_that_was_carried_out_twice_is_told_by_the_next_run(
    habits: str, make_world: Make
) -> None:
    """Two requests passed the same condition at once: no evidence has to change to see it."""
    world = make_world(habits=SERVERS[habits], patients=(CR, AMENDED))
    assert world.sync().code == 0
    for resource in world.results(CR):
        world.server.store.put({**resource, "id": f"twin-{resource['id']}"})

    ran = world.sync(how=DAILY)

    assert ran.code == 5
    assert "stands more than once" in ran.line(CR)["reason"]
    assert "reconcile --retract-duplicates" in ran.line(CR)["reason"]
    assert world.sync(how=How(everybody=True, undouble=True)).code == 0
    assert world.doubles() == []
    assert world.sync(how=DAILY).summary["unsafe_requests"] == 0
