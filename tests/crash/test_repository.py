"""A repository of its own: who the patient is there, one way or not at all, whatever goes down."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.cli import main as cli
from fhir_remission.rehearsal.cohort.cohort import amendment
from tests.crash.test_crash import SCENES, SERVERS, points
from tests.crash.world import World, cohort

Make = Callable[..., World]
AMENDED = "demo-18-amended"
MRN = "https://example.org/synthetic-mrn"
NUMBER = AMENDED.upper()
SAME = 'references = "logical"'
MATCH = f'{SAME}\npatients = "match"\npatient_system = "{MRN}"'
STUB = MATCH.replace("match", "stub")
MODES = ("put", "conditional-update", "conditional-create-one-by-one", "search")


def registered(own: str = "77", **fields: Any) -> dict[str, Any]:
    """The patient as the repository has them."""
    known = [{"system": MRN, "value": NUMBER}]
    return {"resourceType": "Patient", "id": own, "identifier": known, **fields}


def at_source(world: World, *identifiers: dict[str, Any]) -> None:
    """The source's record with other identifiers."""
    record = world.source.store.resource("Patient", AMENDED)
    assert record
    world.source.store.put({**record, "identifier": list(identifiers)})


def impressions(world: World) -> list[dict[str, Any]]:
    """What stands at the repository, withdrawn or not."""
    return world.server.store.resources("ClinicalImpression")


@pytest.fixture(params=MODES)
def habits(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the repository can do."""
    found: dict[str, Any] = SERVERS[request.param]
    return found


def test_the_same_id_must_be_there(make_world: Make, habits: dict[str, Any]) -> None:
    """Nothing is written about somebody whom the repository does not know; then it is."""
    world = make_world(repository=SAME, patients=(AMENDED,), habits=habits)

    ran = world.sync()

    assert (ran.code, impressions(world)) == (3, [])
    assert "there is no Patient of this id" in ran.line(AMENDED)["reason"]
    world.server.store.load([cohort()[AMENDED][0]])
    assert world.sync().line(AMENDED)["write"] == "created"
    assert impressions(world)[0]["subject"] == {"reference": f"Patient/{AMENDED}"}


def test_matched_by_the_identifier(make_world: Make, habits: dict[str, Any]) -> None:
    """Another id, the same person; evidence is named, not linked; the second run is silent."""
    world = make_world(repository=MATCH, patients=(AMENDED,), habits=habits)
    world.server.store.load([registered()])

    assert world.sync().line(AMENDED)["write"] == "created"

    (impression,) = impressions(world)
    assert impression["subject"] == {"reference": "Patient/77"}
    cited = [item for held in impression["investigation"] for item in held["item"]]
    assert cited
    assert all("reference" not in item and "identifier" in item for item in cited)
    assert world.sync().summary["unsafe_requests"] == 0
    world.source.store.load([amendment()])
    assert world.sync().line(AMENDED)["write"] == "updated"
    assert len(impressions(world)) == 1
    assert world.doubles() == []


NOT_CERTAIN = {
    "nobody": ([], 3, "no Patient has the identifier"),
    "two": ([registered("1"), registered("2")], 5, "2 Patients have the same identifier"),
    "an-old-number": (
        [registered(identifier=[{"system": MRN, "value": NUMBER, "use": "old"}])],
        3,
        "no Patient has the identifier",
    ),
    "a-number-no-longer-in-force": (
        [registered(identifier=[{"system": MRN, "value": NUMBER, "period": {"end": "2020"}}])],
        3,
        "no Patient has the identifier",
    ),
    "another-system": (
        [registered(identifier=[{"system": "urn:other", "value": NUMBER}])],
        3,
        "no Patient has the identifier",
    ),
}


@pytest.mark.parametrize("case", NOT_CERTAIN)
def test_not_certain_who_it_is(make_world: Make, case: str) -> None:
    """Nothing is written; told what to do; two of them end the run with 5."""
    held, code, says = NOT_CERTAIN[case]
    world = make_world(repository=MATCH, patients=(AMENDED,))
    world.server.store.load(held)

    ran = world.sync()

    assert (ran.code, ran.line(AMENDED)["write"], impressions(world)) == (code, "none", [])
    assert says in ran.line(AMENDED)["reason"]
    assert NUMBER not in ran.line(AMENDED)["reason"]


@pytest.mark.parametrize("strategy", [MATCH, STUB])
@pytest.mark.parametrize(
    "known",
    [
        [],
        [{"system": "urn:other", "value": NUMBER}],
        [{"system": MRN, "value": NUMBER, "use": "old"}],
        [{"system": MRN, "value": NUMBER, "period": {"start": "2030-01-01"}}],
        [{"system": MRN, "value": NUMBER}, {"system": MRN, "value": "4711"}],
    ],
)
def test_the_source_does_not_say_who_it_is(
    make_world: Make, strategy: str, known: list[dict[str, Any]]
) -> None:
    """No identifier in force, or two: nobody is written, and no stub is made."""
    world = make_world(repository=strategy, patients=(AMENDED,))
    at_source(world, *known)
    world.server.store.load([registered()])

    ran = world.sync()

    assert (ran.code, impressions(world)) == (3, [])
    assert "the source's record has" in ran.line(AMENDED)["reason"]
    assert len(world.server.store.resources("Patient")) == 1


def test_an_old_number_beside_the_right_one_is_no_doubt(make_world: Make) -> None:
    """Only what is in force counts."""
    world = make_world(repository=MATCH, patients=(AMENDED,))
    at_source(
        world,
        {"system": MRN, "value": "1", "use": "old"},
        {"system": MRN, "value": NUMBER, "period": {"start": "2020-01-01", "end": "2099"}},
    )
    world.server.store.load([registered()])

    assert world.sync().line(AMENDED)["write"] == "created"


@pytest.mark.parametrize("survivor_has_the_number", [False, True])
def test_records_that_the_repository_merged(
    make_world: Make, habits: dict[str, Any], survivor_has_the_number: bool
) -> None:
    """The result goes with the person: the surviving record has it, once."""
    world = make_world(repository=MATCH, patients=(AMENDED,), habits=habits)
    world.server.store.load([registered("old")])
    assert world.sync().code == 0
    link = [{"other": {"reference": "Patient/new"}, "type": "replaced-by"}]
    back = [{"other": {"reference": "Patient/old"}, "type": "replaces"}]
    known = {} if survivor_has_the_number else {"identifier": []}
    world.server.store.load([registered("new", link=back, **known)])
    world.server.store.load([registered("old", active=False, link=link)])
    world.source.store.load([amendment()])

    assert world.sync().line(AMENDED)["write"] == "updated"

    (impression,) = impressions(world)
    assert impression["subject"] == {"reference": "Patient/new"}
    assert world.doubles() == []
    assert world.sync().summary["unsafe_requests"] == 0


def test_a_merge_that_moved_our_result_is_nobodys_edit(make_world: Make) -> None:
    """The server changed the subject, and nothing else."""
    world = make_world(repository=MATCH, patients=(AMENDED,))
    world.server.store.load([registered("old")])
    assert world.sync().code == 0
    link = [{"other": {"reference": "Patient/new"}, "type": "replaced-by"}]
    back = [{"other": {"reference": "Patient/old"}, "type": "replaces"}]
    world.server.store.load([registered("new", link=back), registered("old", link=link)])
    for resource in world.results("old"):
        world.edit(resource, subject={"reference": "Patient/new"})
    world.source.store.load([amendment()])

    assert world.sync().line(AMENDED)["write"] == "updated"


def test_a_person_who_moved_our_result_is_obeyed(make_world: Make) -> None:
    """Another record than the one it was merged into: that is somebody's correction."""
    world = make_world(repository=MATCH, patients=(AMENDED,))
    world.server.store.load([registered("77"), {"resourceType": "Patient", "id": "88"}])
    assert world.sync().code == 0
    back = [{"other": {"reference": "Patient/77"}, "type": "replaces"}]
    link = [{"other": {"reference": "Patient/99"}, "type": "replaced-by"}]
    world.server.store.load([registered("99", link=back), registered("77", link=link)])
    for resource in world.results("77"):
        world.edit(resource, subject={"reference": "Patient/88"})
    world.source.store.load([amendment()])

    ran = world.sync()

    assert (ran.code, ran.line(AMENDED)["write"]) == (3, "parked")
    assert impressions(world)[0]["subject"] == {"reference": "Patient/88"}


def test_a_number_given_to_another_record_takes_the_result_along(
    make_world: Make, habits: dict[str, Any]
) -> None:
    """A full re-check sees it though no evidence changed."""
    world = make_world(repository=MATCH, patients=(AMENDED,), habits=habits)
    world.server.store.load([registered("77")])
    assert world.sync().code == 0
    world.server.store.load([registered("77", identifier=[]), registered("88")])

    from fhir_remission.jobs.sync.write_to_sinks import How

    ran = world.sync(how=How(thorough=True))

    assert ran.line(AMENDED)["write"] == "updated"
    (impression,) = impressions(world)
    assert impression["subject"] == {"reference": "Patient/88"}
    assert impression["statusReason"]["coding"][0]["code"] == "subject-moved"
    assert world.sync().summary["unsafe_requests"] == 0


def test_a_stub_carries_the_number_and_nothing_else(
    make_world: Make, habits: dict[str, Any]
) -> None:
    """Made once; somebody who is registered already gets none."""
    world = make_world(repository=STUB, patients=(AMENDED, "demo-01-cr"), habits=habits)
    there = registered("88", identifier=[{"system": MRN, "value": "DEMO-01-CR"}])
    world.server.store.load([there])

    assert world.sync().code == 0

    patients = world.server.store.resources("Patient")
    (stub,) = [p for p in patients if p["id"] != "88"]
    assert {k: v for k, v in stub.items() if k not in ("id", "meta")} == {
        "resourceType": "Patient",
        "identifier": [{"system": MRN, "value": NUMBER}],
    }
    assert AMENDED not in stub["id"]
    about = {r["subject"]["reference"] for r in impressions(world)}
    assert about == {"Patient/88", f"Patient/{stub['id']}"}
    world.source.store.load([amendment()])
    assert world.sync().line(AMENDED)["write"] == "updated"
    assert len(world.server.store.resources("Patient")) == 2
    assert stub["meta"]["versionId"] == "1"


def test_a_plan_names_the_stub(make_world: Make, habits: dict[str, Any]) -> None:
    """It is a resource that would be created; apply creates it, once, and then all is there."""
    world = make_world(repository=STUB, patients=(AMENDED,), habits=habits)
    file = world.folder / "plan.json"
    planning = ["plan", "--out", str(file), "--config", str(world.config)]
    assert cli.main(planning) == 0

    entries = json.loads(file.read_text())["entries"]

    assert world.server.requests.unsafe == []
    named = [(e["reference"].partition("/")[0], e["operation"]) for e in entries]
    assert sorted(named) == [
        *(("ClinicalImpression", "create"), ("Observation", "create"), ("Patient", "create")),
    ]
    applying = ["apply", "--plan", str(file), "--config", str(world.config)]
    for _ in range(2):
        assert cli.main(applying) == 0
        assert len(world.server.store.resources("Patient")) == 1
        assert len(impressions(world)) == 1


def test_a_stub_that_somebody_deleted_stays_deleted(make_world: Make) -> None:
    """Also when there is something new to say."""
    world = make_world(repository=STUB, patients=(AMENDED,))
    assert world.sync().code == 0
    (stub,) = world.server.store.resources("Patient")
    world.server.store.delete("Patient", stub["id"])
    world.source.store.load([amendment()])

    ran = world.sync()

    assert ran.code == 3
    assert "our stub of the patient was deleted" in ran.line(AMENDED)["reason"]
    assert world.server.store.resources("Patient") == []


@pytest.mark.parametrize("fault", ["409", "500-after-commit:1", "lost-response:1", "412"])
def test_a_bad_moment_makes_no_second_stub(
    make_world: Make, habits: dict[str, Any], fault: str
) -> None:
    """Asked again, never sent again blindly."""
    world = make_world(repository=STUB, patients=(AMENDED,), habits=habits)
    at_source(world)
    assert world.sync().code == 3
    at_source(world, {"system": MRN, "value": NUMBER})
    world.server.faults.set([fault])

    world.sync()
    assert sum(world.server.faults.fired.values()) == 1
    world.server.faults.stop()
    assert world.sync().code == 0

    assert len(world.server.store.resources("Patient")) == 1
    assert len(impressions(world)) == 1


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("server", ["put", "search"])
def test_killed_anywhere(make_world: Make, quick_path: Path, server: str, scene: str) -> None:
    """One stub, one result, whatever effect was the last one."""
    patient = AMENDED if scene == "change" else "demo-01-cr"
    world = make_world(repository=STUB, patients=(patient,), habits=SERVERS[server])
    SCENES[scene](world)
    log = world.snapshot(quick_path / "kept")
    world.effects.arm()
    assert world.sync().code == 0
    names = list(world.effects.names)
    expected = world.by_identifier(), world.counted(), world.file()

    for at, when in points(len(names)):
        place = f"{when} effect {at} ({names[at - 1]})"
        world.restore(quick_path / "kept", log)
        world.killed_sync(at, when)
        assert world.sync().code == 0, place
        assert (world.by_identifier(), world.counted(), world.file()) == expected, place
        assert len(world.server.store.resources("Patient")) == 1, place
        assert world.unfinished() == [], place


def test_another_server_under_the_same_name_is_refused(make_world: Make) -> None:
    """It would never get what the old one has; under a name of its own it gets everything."""
    world = make_world(repository=SAME, patients=(AMENDED,))
    world.server.store.load([cohort()[AMENDED][0]])
    assert world.sync().code == 0
    stood = impressions(world)
    text = world.config.read_text()
    there = f'base_url = "{world.server.base_url}"'
    for same in (f'base_url = "{world.server.base_url}/"', there):
        world.config.write_text(text.replace(there, same))
        assert world.sync().code == 0
    world.config.write_text(text.replace(f'{there}\nreferences = "logical"', ""))

    ran = world.sync()

    assert (ran.code, world.source.requests.unsafe) == (2, [])
    assert "give the new server a sink of another name" in ran.error
    world.config.write_text(text.replace("[sink.main]", "[sink.other]"))
    assert world.sync().summary["unsafe_requests"] == 0
    assert impressions(world) == stood


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ('patients = "match"\nreferences = "logical"', "needs patient_system"),
        (f'patients = "stub"\npatient_system = "{MRN}"', "needs references = logical"),
    ],
)
def test_settings_that_cannot_work(make_world: Make, settings: str, says: str) -> None:
    """Exit 2 before anything is asked, with what to set."""
    world = make_world(repository=settings, patients=(AMENDED,))

    ran = world.sync()

    assert ran.code == 2
    assert says in ran.error
    assert world.server.requests == []


def test_matching_at_the_source_itself_is_a_mistake(make_world: Make) -> None:
    """Without a server of its own there is nobody to match."""
    world = make_world(patients=(AMENDED,))
    text = world.config.read_text()
    world.config.write_text(text.replace("[write]", f"{MATCH}\n[write]"))

    ran = world.sync()

    assert ran.code == 2
    assert "is for a server of its own" in ran.error
