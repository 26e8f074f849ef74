"""What waits for a person: one state per result, and nothing of theirs is ever written over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhir_remission.cli import main as cli
from fhir_remission.effects.state.state import State
from fhir_remission.jobs.sync.retract_run import retract_run
from tests.crash.settings import SETTINGS
from tests.crash.test_crash import SERVERS
from tests.crash.test_write_back import CR, recount, two
from tests.crash.world import World

Make = Callable[..., World]
NOTE = [{"authorString": "Dr. House", "text": "I disagree"}]


@pytest.fixture(params=["put", "search"])
def world(request: pytest.FixtureRequest, make_world: Make) -> World:
    """One patient in CR after the first run."""
    made = make_world(habits=SERVERS[request.param], patients=(CR,))
    assert made.sync().code == 0
    return made


def command(world: World, *arguments: str) -> int:
    """One command on this world's site."""
    return cli.main([*arguments, "--config", str(world.config)])


def place(resource: dict[str, Any]) -> str:
    """Where it stands."""
    return f"{resource['resourceType']}/{resource['id']}"


def category(observation: dict[str, Any]) -> str:
    """What an Observation of ours says."""
    return str(observation["valueCodeableConcept"]["coding"][0]["code"])


def warned(world: World) -> list[dict[str, Any]]:
    """What the log says of parked results."""
    said: list[dict[str, Any]] = []
    world.told = lambda event, **fields: said.append(fields) if event == "parked" else None
    return said


# The sibling ------------------------------------------------------------------------------------


@pytest.mark.parametrize("edited", [0, 1])
def test_the_other_half_of_what_was_edited_says_so(world: World, edited: int) -> None:
    """A note and preliminary on ours, once; not a letter of theirs."""
    theirs = world.edit(two(world, CR)[edited], note=NOTE)
    recount(world, "platelets", 62)

    ran = world.sync()

    ours = two(world, CR)[1 - edited]
    assert (ran.code, ran.line(CR)["write"]) == (3, "parked")
    assert two(world, CR)[edited] == theirs
    assert ours["status"] == ("preliminary" if edited == 0 else "in-progress")
    said = [one["text"] for one in ours["note"]]
    assert said[-1].startswith(f"Not up to date: a person has to look at {place(theirs)} first")
    assert "the evidence now gives CRh" in said[-1]
    version = ours["meta"]["versionId"]
    for _ in range(2):
        assert world.sync().summary["unsafe_requests"] == 0
    assert two(world, CR)[1 - edited]["meta"]["versionId"] == version


def test_another_answer_is_another_note(world: World) -> None:
    """One note at a time, always the present one."""
    world.edit(two(world, CR)[0], note=NOTE)
    for value, says in ((62, "CRh"), (20, "CRi")):
        recount(world, "platelets", value)
        assert world.sync().code == 3
        said = [one["text"] for one in two(world, CR)[1]["note"] if "Not up to date" in one["text"]]
        assert len(said) == 1
        assert f"gives {says}," in said[0]


def test_withdrawn_evidence_is_said_beside_an_edit_too(world: World) -> None:
    """What a person wrote stays; what is ours no longer looks like an answer."""
    theirs = world.edit(two(world, CR)[0], status="completed", note=NOTE)
    world.retract_marrow(CR)

    assert world.sync().code == 3

    impression, observation = two(world, CR)
    assert impression == theirs
    assert observation["status"] == "preliminary"
    assert "the evidence was withdrawn" in observation["note"][-1]["text"]


def test_what_waits_is_told_also_where_the_state_has_this_very_evidence(make_world: Make) -> None:
    """A state of yesterday knows the answer, not what became of it: told until acknowledged."""
    world = make_world(habits=SERVERS["conditional-create-one-by-one"], patients=(CR,))
    first = world.sync()
    kept = (world.folder / "state.db").read_bytes()
    theirs = world.edit(two(world, CR)[0], status="completed", note=NOTE)
    retract_run(world.config, (), first.summary["run_id"])
    for name in ("state.db-wal", "state.db-shm"):
        (world.folder / name).unlink(missing_ok=True)
    (world.folder / "state.db").write_bytes(kept)

    assert [world.sync().code for _ in range(3)] == [3, 3, 3]
    assert command(world, "parked", "acknowledge", "all") == 0
    assert [world.sync().code for _ in range(2)] == [0, 0]
    assert two(world, CR)[0] == theirs


def test_what_had_been_final_becomes_preliminary(make_world: Make) -> None:
    """Signed or not: it is not up to date."""
    signed = SETTINGS.replace("[write]", 'signer = "Practitioner/p1"\n[write]')
    world = make_world(patients=(CR,), settings=signed)
    assert world.sync().code == 0
    world.edit(two(world, CR)[0], note=NOTE)
    recount(world, "platelets", 62)

    assert world.sync().code == 3

    assert two(world, CR)[1]["status"] == "preliminary"


# What a person says of it -----------------------------------------------------------------------


def test_told_until_it_is_acknowledged(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """3 and a warning with the next command; then 0, until the answer beside it is another one."""
    theirs = world.edit(two(world, CR)[0], note=NOTE)
    recount(world, "platelets", 62)
    said = warned(world)
    assert [world.sync().code for _ in range(2)] == [3, 3]
    assert [one["next"] for one in said] == ["fhir-remission parked list"] * 2
    assert "edited by somebody" in said[0]["reason"]

    assert command(world, "parked", "list") == 0
    listed = capsys.readouterr().out
    for word in (place(theirs), CR, "edited by somebody by Dr. House", "2026-10-01", "CRh"):
        assert word in listed
    assert f"parked release {place(theirs)}" in listed
    assert command(world, "parked", "acknowledge", place(theirs)) == 0
    told = len(said)
    ran = world.sync()

    assert (ran.code, ran.line(CR)["write"], ran.summary["acknowledged"]) == (0, "parked", 1)
    assert len(said) == told
    assert world.unfinished() == []
    recount(world, "platelets", 20)
    assert world.sync().code == 3
    assert two(world, CR)[0] == theirs


def test_a_new_edit_is_told_again(world: World) -> None:
    """Acknowledged was what stood there then."""
    theirs = world.edit(two(world, CR)[0], note=NOTE)
    recount(world, "platelets", 62)
    assert world.sync().code == 3
    assert command(world, "parked", "acknowledge", "all") == 0
    assert world.sync().code == 0

    world.edit(theirs, summary="And again")

    assert world.sync().code == 3


def test_released_is_written_and_the_other_half_with_it(world: World) -> None:
    """The next run, the daily one too, writes the answer of now; nothing waits any more."""
    theirs = world.edit(two(world, CR)[0], note=NOTE)
    recount(world, "platelets", 62)
    assert world.sync().code == 3

    assert command(world, "parked", "release", place(theirs)) == 0
    assert world.unfinished() != []
    ran = world.sync()

    assert (ran.code, ran.line(CR)["write"]) == (0, "updated")
    impression, observation = two(world, CR)
    assert "CRh" in impression["summary"]
    assert category(observation) == "CRh"
    assert not any("Not up to date" in one["text"] for one in observation.get("note", []))
    assert command(world, "parked", "release", "all") == 0
    assert world.sync().summary["unsafe_requests"] == 0


def test_what_was_edited_after_the_release_is_not_written_over(world: World) -> None:
    """A release is about what was found, not about what came later."""
    theirs = world.edit(two(world, CR)[0], note=NOTE)
    recount(world, "platelets", 62)
    assert world.sync().code == 3
    assert command(world, "parked", "release", "all") == 0
    theirs = world.edit(theirs, summary="And again")

    assert world.sync().code == 3

    assert two(world, CR)[0] == theirs


def test_what_was_deleted_stays_so_until_released(world: World) -> None:
    """Somebody meant it; and then somebody means the other thing."""
    gone = two(world, CR)[0]
    world.server.store.delete("ClinicalImpression", gone["id"])
    recount(world, "platelets", 62)
    if world.sync().code == 0:
        pytest.skip("a server that gives ids itself tells nobody that something was deleted")

    assert world.server.store.resource("ClinicalImpression", gone["id"]) is None
    assert command(world, "parked", "release", place(gone)) == 0
    assert world.sync().code == 0

    assert "CRh" in two(world, CR)[0]["summary"]


def test_nobody_waits_for_a_name_that_is_not_parked(world: World) -> None:
    """2, and where to look."""
    assert command(world, "parked", "acknowledge", "Observation/none") == 2


def test_what_no_longer_waits_is_forgotten(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """The person took the edit back."""
    before = two(world, CR)[0]
    world.edit(before, note=NOTE)
    recount(world, "platelets", 62)
    assert world.sync().code == 3
    world.edit(before)

    assert world.sync().code == 0

    capsys.readouterr()
    assert command(world, "parked", "list") == 0
    assert "nothing waits" in capsys.readouterr().out


# A retraction -----------------------------------------------------------------------------------


def living(world: World) -> list[dict[str, Any]]:
    """What stands."""
    return [one for one in world.results(CR) if one["status"] != "entered-in-error"]


def run_id(world: World) -> str:
    """The run that wrote the results."""
    import sqlite3

    with sqlite3.connect(world.folder / "state.db") as connection:
        found = connection.execute("SELECT run FROM assessment WHERE sink = 'main' AND run <> ''")
        return str(found.fetchall()[-1][0])


def test_a_retraction_holds(world: World) -> None:
    """However often and in whatever way the patient is read again; exit 0."""
    assert command(world, "retract", "--run", run_id(world)) == 0
    assert living(world) == []

    from fhir_remission.jobs.sync.write_to_sinks import How

    for how in (How(everybody=True), How(thorough=True), How()):
        ran = world.sync(how=how)
        assert (ran.code, ran.summary["unsafe_requests"]) == (0, 0)
    assert world.sync(patients=(CR,)).line(CR)["write"] == "parked"
    assert living(world) == []
    assert world.unfinished() == []


def test_other_evidence_ends_a_retraction(world: World) -> None:
    """It was retracted for what it rested on."""
    assert command(world, "retract", "--run", run_id(world)) == 0
    recount(world, "platelets", 62)

    ran = world.sync()

    assert (ran.code, ran.line(CR)["write"]) == (0, "updated")
    assert [category(one) for one in living(world) if "value" in str(one.keys())] == ["CRh"]


def test_a_released_retraction_comes_back(world: World) -> None:
    """One or all of it."""
    assert command(world, "retract", "--run", run_id(world)) == 0
    assert command(world, "parked", "release", "all") == 0

    assert world.sync().line(CR)["write"] == "updated"

    assert len(living(world)) == 2
    assert world.sync().summary["unsafe_requests"] == 0


def test_redo_is_what_it_was_before(make_world: Make) -> None:
    """It comes back when the patient is read again for any reason, which is why it holds."""
    redo = SETTINGS.replace("[write]", '[write]\nretracted = "redo"')
    world = make_world(patients=(CR,), settings=redo)
    assert world.sync().code == 0
    assert command(world, "retract", "--run", run_id(world)) == 0

    assert world.sync(how=_daily()).lines == [] or living(world) != []
    assert world.sync().code == 0

    assert len(living(world)) == 2


def _daily() -> Any:
    from fhir_remission.jobs.sync.write_to_sinks import How

    return How()


def test_an_update_that_was_taken_back_is_not_made_again(world: World) -> None:
    """The former content stands, and goes on standing."""
    recount(world, "platelets", 62)
    assert world.sync().line(CR)["write"] == "updated"
    assert command(world, "retract", "--run", run_id(world)) == 0
    assert category(two(world, CR)[1]) == "CR"

    for _ in range(2):
        assert world.sync().code == 0

    assert category(two(world, CR)[1]) == "CR"


# A server without versions ----------------------------------------------------------------------

UNVERSIONED = "drop-field:meta.versionId"


@pytest.fixture
def unversioned(make_world: Make) -> World:
    """A server that keeps no versions, after the first run."""
    world = make_world(habits=SERVERS["put-one-by-one"], patients=(CR,))
    world.server.faults.set([UNVERSIONED])
    assert world.sync().code == 0
    return world


def test_without_versions_nothing_is_written_over_what_stands(unversioned: World) -> None:
    """Said, with the setting that decides; what is new is written as ever."""
    world = unversioned
    assert len(living(world)) == 2
    before = two(world, CR)
    recount(world, "platelets", 62)

    ran = world.sync()

    assert (ran.code, ran.line(CR)["write"]) == (3, "parked")
    assert "write.unversioned" in ran.line(CR)["reason"]
    assert two(world, CR) == before
    assert command(world, "parked", "acknowledge", "all") == 0
    assert world.sync().code == 0
    assert command(world, "parked", "release", "all") == 0
    assert world.sync().line(CR)["write"] == "updated"


def comparing(world: World) -> None:
    """The site has decided."""
    text = world.config.read_text().replace("[write]", '[write]\nunversioned = "compare"')
    world.config.write_text(text)


def test_compared_right_before_writing(unversioned: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit between our look and our write is seen, and stays."""
    world, plan = unversioned, State.plan_send
    comparing(world)
    recount(world, "platelets", 62)
    edits: list[dict[str, Any]] = []

    def edited(self: State, *args: Any, **rest: Any) -> Any:
        if not edits:
            edits.append(world.edit(two(world, CR)[0], note=NOTE))
        return plan(self, *args, **rest)

    monkeypatch.setattr(State, "plan_send", edited)
    ran = world.sync()

    assert (ran.code, ran.line(CR)["write"]) == (3, "parked")
    assert two(world, CR)[0] == edits[0]


def test_nobody_there_it_is_written(unversioned: World) -> None:
    """The same site, without anybody in between."""
    comparing(unversioned)
    recount(unversioned, "platelets", 62)

    assert unversioned.sync().line(CR)["write"] == "updated"
    assert unversioned.sync().summary["unsafe_requests"] == 0


def test_who_wrote_right_after_us_is_told(unversioned: World) -> None:
    """Read back: what stands is theirs, so it waits for a person."""
    world = unversioned
    comparing(world)
    recount(world, "platelets", 62)
    put, edits = world.server.store.put, []

    def putting(resource: dict[str, Any], **rest: Any) -> Any:
        done = put(resource, **rest)
        if resource["resourceType"] == "ClinicalImpression" and not edits:
            edits.append(put({**done.resource, "note": NOTE}).resource)
        return done

    world.server.store.put = putting  # type: ignore[method-assign]
    ran = world.sync()

    assert (ran.code, ran.line(CR)["write"]) == (3, "parked")
    assert two(world, CR)[0] == edits[0]
