"""Servers with manners of their own: nothing doubled, nobody's edit lost, and never in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhir_remission.cli import main as cli
from fhir_remission.effects.server.writer import WritingClient
from fhir_remission.errors import Interrupted, Unreachable
from fhir_remission.jobs.sync.retract_run import retract_run
from fhir_remission.jobs.sync.write_to_sinks import How
from tests.crash.manners import MANNERS, Manner, deaf, live_with, no_history, short_history
from tests.crash.test_crash import SERVERS
from tests.crash.test_write_back import recount
from tests.crash.world import RESULTS, World

Make = Callable[..., World]
CR = "demo-01-cr"
NOTE = [{"authorString": "Dr. House", "text": "I disagree"}]
REFUSED = ("upper-case values", "values cut", "systems renamed")
"""Nothing written there could be known again as ours."""
OF_A_PERSON = ("an identifier added", "use and type added", "extended")
"""Without our state, what such a server adds is a person's for all that we can know."""


def living(world: World) -> list[dict[str, Any]]:
    """Results that stand, by whatever is left of their names."""
    found = [one for kind in RESULTS for one in world.server.store.resources(kind)]
    ours = [one for one in found if "/id/" in str(one.get("identifier", ""))]
    return [one for one in ours if one["status"] != "entered-in-error"]


def says(resource: dict[str, Any]) -> str:
    """The category of a result."""
    if resource["resourceType"] == "Observation":
        return str(resource["valueCodeableConcept"]["coding"][0]["code"])
    return str(resource["finding"][0]["itemCodeableConcept"]["coding"][0]["code"])


@pytest.fixture(params=["put", "conditional-update", "search"])
def mode(request: pytest.FixtureRequest) -> str:
    """How such a server is written to."""
    return str(request.param)


@pytest.mark.parametrize("manner", [name for name in MANNERS if name not in REFUSED])
def test_a_server_of_its_own_manner_has_one_result_of_each_kind(
    manner: str, mode: str, make_world: Make
) -> None:
    """First, changed, with a lost state, beside an edit: one of each, and the edit as it was."""
    world = make_world(habits=SERVERS[mode], patients=(CR,))
    live_with(world, MANNERS[manner])

    def settled() -> None:
        # A receipt that says too little is told (3), and looked after by the next run.
        codes = [world.sync().code for _ in range(2)]
        assert codes in ([0, 0], [3, 0]), codes
        assert world.sync().summary["unsafe_requests"] == 0
        assert len(living(world)) == 2

    settled()
    recount(world, "platelets", 62)
    settled()
    assert {says(one) for one in living(world)} == {"CRh"}
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        (world.folder / name).unlink(missing_ok=True)
    lost = world.sync()
    assert lost.code == (3 if manner in OF_A_PERSON else 0), lost
    assert len(living(world)) == 2

    theirs = world.edit(living(world)[0], note=NOTE)
    recount(world, "platelets", 20)
    for _ in range(3):
        assert world.sync().code == 3
    stands = world.server.store.resource(theirs["resourceType"], theirs["id"])
    assert stands == theirs
    assert len(living(world)) == 2


@pytest.mark.parametrize("manner", REFUSED)
def test_a_server_that_changes_our_names_is_refused_at_the_first_write(
    manner: str, mode: str, make_world: Make
) -> None:
    """Exit 5 with what to do, one result of each at most, and nothing more by any later run."""
    world = make_world(habits=SERVERS[mode], patients=(CR,))
    live_with(world, MANNERS[manner])

    first = world.sync()

    assert first.code == 5
    assert "drops or changes our identifiers" in first.lines[0]["reason"]
    stood = len(world.server.store.log)
    for value in (62, 20):
        recount(world, "platelets", value)
        assert world.sync().code == 5
    assert len(world.server.store.log) == stood + 2  # the laboratory's


def test_a_server_that_was_mended_is_written_to_once_reconcile_has_tried_it(
    mode: str, make_world: Make
) -> None:
    """No daily run tries it again; what stands there unrecognised must go first."""
    world = make_world(habits=SERVERS[mode], patients=(CR,))
    put = world.server.store.put
    live_with(world, MANNERS["systems renamed"])
    assert world.sync().code == 5
    world.server.store.put = put  # type: ignore[method-assign]
    for kind in (*RESULTS, "Device"):
        for one in world.server.store.resources(kind):
            if "/id/" in str(one.get("identifier", "")):
                world.server.store.delete(kind, one["id"])
    daily = world.sync()
    assert daily.code == 5
    assert "run reconcile" in daily.lines[0]["reason"]

    tried = world.sync(how=How(thorough=True))

    if mode == "put":  # under our own ids a deletion is a person's, as ever
        assert (tried.code, tried.line(CR)["reason"]) == (3, "deleted by somebody")
        return
    assert tried.code == 0
    assert len(world.results(CR)) == 2
    assert world.sync(how=How()).summary["unsafe_requests"] == 0


def test_a_result_that_lands_with_another_patient_stops_the_run(
    mode: str, make_world: Make
) -> None:
    """Exit 5 with where it stands: nobody may read it as hers."""
    world = make_world(habits=SERVERS[mode], patients=(CR,))
    world.server.store.put({"resourceType": "Patient", "id": "somebody"})
    hers = {"reference": "Patient/somebody"}
    filed = Manner(stores=lambda one: {**one, "subject": hers} if "subject" in one else one)
    live_with(world, filed)

    ran = world.sync()

    assert ran.code == 5
    assert "in the record of another patient" in ran.line(CR)["reason"]
    assert world.sync().code in (3, 5)


def test_an_update_that_was_answered_and_not_stored_is_tried_again(
    mode: str, make_world: Make
) -> None:
    """What stood before stands still: nothing of ours is lost, and no person has to come."""
    world = make_world(habits=SERVERS[mode], patients=(CR,))
    assert world.sync().code == 0
    recount(world, "platelets", 62)
    store, put = world.server.store, world.server.store.put

    def unmoved(resource: dict[str, Any], **rest: Any) -> Any:
        stands = store.current(resource["resourceType"], resource.get("id", ""))
        return stands or put(resource, **rest)

    store.put = unmoved  # type: ignore[method-assign]

    claimed = world.sync()

    assert claimed.code == 3
    assert "does not stand there" in claimed.line(CR)["reason"]
    store.put = put  # type: ignore[method-assign]
    assert world.sync().code == 0
    assert {says(one) for one in living(world)} == {"CRh"}
    assert len(living(world)) == 2


def test_a_server_that_changes_the_case_of_our_names_gets_no_second_ones(
    mode: str, make_world: Make
) -> None:
    """Also when the state was lost that knew what it does."""
    world = make_world(habits=SERVERS[mode], patients=(CR,))
    live_with(world, MANNERS["upper-case values"])
    world.sync()

    for _ in range(2):
        for name in ("state.db", "state.db-wal", "state.db-shm"):
            (world.folder / name).unlink(missing_ok=True)
        assert world.sync().code in (3, 5)

    assert len(living(world)) == 2


@pytest.mark.parametrize("manner", ["no history", "untagged", "sourced", "bare ETag", "no ETag"])
def test_a_run_is_taken_back_there_too(manner: str, make_world: Make) -> None:
    """What it created is entered in error; where there is no history, it says what it left."""
    world = make_world(patients=(CR,))
    live_with(world, MANNERS[manner])
    first = world.sync()

    found = retract_run(world.config, (), first.summary["run_id"])

    assert len(found) == 2
    if manner == "no history":
        assert {one.how for one in found} == {"left"}
        assert len(living(world)) == 2
    else:
        assert living(world) == []
    assert world.sync().code == 0


@pytest.mark.parametrize("manner", ["none", "deaf to If-Match", "no ETag", "an ETag of words"])
@pytest.mark.parametrize("which", [0, 1])
def test_an_edit_between_our_look_and_our_write_is_not_lost(
    manner: str, which: int, mode: str, make_world: Make
) -> None:
    """Where the server does not heed If-Match either: what was written over stands again."""
    world = make_world(habits=SERVERS[mode], patients=(CR,))
    live_with(world, MANNERS[manner])
    assert world.sync().code == 0
    recount(world, "platelets", 62)
    edits: list[dict[str, Any]] = []

    def meanwhile(_: Any) -> None:
        world.between = lambda _: None
        edits.append(world.edit(living(world)[which], note=NOTE, status="final"))

    world.between = meanwhile
    assert world.sync().code == 3
    (theirs,) = edits
    stands = world.server.store.resource(theirs["resourceType"], theirs["id"])
    assert stands is not None
    assert {**stands, "meta": {}} == {**theirs, "meta": {}}
    assert world.sync().code == 3
    assert len(living(world)) == 2


@pytest.mark.parametrize("history", [no_history, short_history])
@pytest.mark.parametrize("which", [0, 1])
def test_an_edit_that_nobody_can_bring_back_is_told(
    history: Callable[..., Any], which: int, mode: str, make_world: Make
) -> None:
    """A server deaf to If-Match that shows no history, or the last version only."""
    world = make_world(habits=SERVERS[mode], patients=(CR,))
    live_with(world, Manner(asked=deaf, answers=history))
    assert world.sync().code == 0
    recount(world, "platelets", 62)

    def meanwhile(_: Any) -> None:
        world.between = lambda _: None
        world.edit(living(world)[which], note=NOTE, status="final")

    world.between = meanwhile
    ran = world.sync()
    assert ran.code == 3
    assert "a version that we had not seen" in ran.lines[0]["reason"]
    assert world.sync().code == 0
    assert len(living(world)) == 2


@pytest.mark.parametrize("which", [0, 1])
def test_a_deletion_that_our_write_undid_is_told(which: int, make_world: Make) -> None:
    """Between our look and our write, where If-Match is not heeded: a person has to do it again."""
    world = make_world(habits=SERVERS["put"], patients=(CR,))
    live_with(world, MANNERS["deaf to If-Match"])
    assert world.sync().code == 0
    recount(world, "platelets", 62)

    def meanwhile(_: Any) -> None:
        world.between = lambda _: None
        one = living(world)[which]
        world.server.store.delete(one["resourceType"], one["id"])

    world.between = meanwhile
    ran = world.sync()
    assert ran.code == 3
    assert "was deleted by somebody just before we wrote" in ran.lines[0]["reason"]
    assert world.sync().code == 0


@pytest.mark.parametrize("error", [Interrupted("SIGTERM"), Unreachable("no answer"), KeyError("x")])
def test_a_retraction_that_is_cut_short_has_ended(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The state holds how: nobody takes it for a run that died, and it can be run again."""
    world = make_world(patients=(CR,))
    first = world.sync()

    def cut(*_: object, **__: object) -> None:
        raise error

    real = WritingClient.update
    monkeypatch.setattr(WritingClient, "update", cut)
    with pytest.raises(type(error)):
        retract_run(world.config, (), first.summary["run_id"])

    monkeypatch.setattr(WritingClient, "update", real)
    assert cli.main(["state", "check", "--config", str(world.config)]) == 0
    assert {one.how for one in retract_run(world.config, (), first.summary["run_id"])} == {
        "withdrawn"
    }
