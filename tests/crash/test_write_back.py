"""The table of superseding end to end, on servers of every write mode; people always win."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhir_remission.effects.http.transport import Request
from fhir_remission.rehearsal.cohort.cohort import amendment
from tests.crash.settings import SETTINGS
from tests.crash.test_crash import SERVERS
from tests.crash.world import RESULTS, Killed, World

Make = Callable[..., World]
CR, AMENDED = "demo-01-cr", "demo-18-amended"


@pytest.fixture(params=SERVERS)
def world(request: pytest.FixtureRequest, make_world: Make) -> World:
    """Two patients on a server of one write mode, after the first run."""
    made = make_world(habits=SERVERS[request.param], patients=(CR, AMENDED))
    assert made.sync().code == 0
    return made


def two(world: World, patient: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """ClinicalImpression and Observation of a patient with one evaluation."""
    impression, observation = world.results(patient)
    assert [impression["resourceType"], observation["resourceType"]] == list(RESULTS)
    return impression, observation


def recount(world: World, analyte: str, value: float) -> None:
    """The laboratory corrects one count of the patient in CR."""
    for resource in world.server.store.resources("Observation"):
        if resource["id"].startswith(CR) and resource["id"].endswith(analyte):
            world.edit(resource, valueQuantity={**resource["valueQuantity"], "value": value})


def test_same_evidence_no_request(world: World) -> None:
    """Neither read back nor written."""
    again = world.sync()

    assert again.summary["unsafe_requests"] == 0
    assert {line["write"] for line in again.lines} == {"none"}


def test_other_evidence_same_category_is_a_new_version(world: World) -> None:
    """With the new hash, exactly one, and a note of why."""
    recount(world, "platelets", 140)
    before = two(world, CR)

    ran = world.sync()

    after = two(world, CR)
    assert ran.line(CR)["write"] == "updated"
    for old, new in zip(before, after, strict=True):
        assert old["id"] == new["id"]
        assert int(new["meta"]["versionId"]) == int(old["meta"]["versionId"]) + 1
        hashes = [i for i in new["identifier"] if i["system"].endswith("evidence-hash")]
        assert len(hashes) == 1
        assert hashes[0] not in old["identifier"]
    assert after[0]["statusReason"]["coding"][0]["code"] == "evidence-changed"
    assert "stays CR" in after[0]["note"][-1]["text"]


def test_twice_changed_still_one_hash(world: World) -> None:
    """Nothing is carried over from version to version."""
    for value in (140, 150):
        recount(world, "platelets", value)
        assert world.sync().line(CR)["write"] == "updated"
    for resource in two(world, CR):
        systems = [i["system"] for i in resource["identifier"]]
        assert len(systems) == len(set(systems)) == 4


def test_other_category_says_old_and_new(world: World) -> None:
    """In the note, in the reason, in the Provenance."""
    recount(world, "platelets", 62)

    world.sync()

    impression, observation = two(world, CR)
    assert impression["statusReason"]["coding"][0]["code"] == "category-changed"
    assert "was CR, now CRh" in impression["note"][-1]["text"]
    assert observation["valueCodeableConcept"]["coding"][0]["code"] == "CRh"
    activities = [p["activity"]["coding"][0]["code"] for p in provenances(world, impression)]
    assert sorted(activities) == ["CREATE", "UPDATE"]


@pytest.mark.parametrize(("platelets", "becomes"), [(140, "amended"), (62, "corrected")])
def test_what_had_been_final_is_amended_or_corrected(
    make_world: Make, platelets: int, becomes: str
) -> None:
    """By whether the category stays; a third version stays what the second became, or worse."""
    signed = SETTINGS.replace("[write]", 'signer = "Practitioner/p1"\n[write]')
    world = make_world(patients=(CR, AMENDED), settings=signed)
    assert world.sync().code == 0
    assert [r["status"] for r in two(world, CR)] == ["completed", "final"]

    recount(world, "platelets", platelets)

    assert world.sync().line(CR)["write"] == "updated"
    assert [r["status"] for r in two(world, CR)] == ["completed", becomes]


def test_a_new_evaluation_skips_what_was_withdrawn(make_world: Make) -> None:
    """`previous` is the last one in force, not the last one."""
    world = make_world(patients=(CR,))
    assert world.sync().code == 0
    world.retract_marrow(CR)
    assert world.sync().line(CR)["write"] == "retracted"
    _second_marrow(world, "2026-08-03", 40)

    assert world.sync().line(CR)["write"] == "created"

    stands = [r for r in world.results(CR) if r["status"] != "entered-in-error"]
    assert len(stands) == 2
    assert all("previous" not in r for r in stands)
    assert world.doubles() == []


def _second_marrow(world: World, day: str, blasts: float) -> None:
    marrow = next(
        r for r in world.server.store.resources("Observation") if r["id"] == f"{CR}-3-marrow"
    )
    kept = {k: v for k, v in marrow.items() if k not in ("meta", "id", "effectiveDateTime")}
    value = {**marrow["valueQuantity"], "value": blasts}
    new = {**kept, "id": f"{CR}-9-marrow", "effectiveDateTime": day, "status": "final"}
    world.server.store.load([{**new, "valueQuantity": value}])


def test_evidence_gone_is_entered_in_error_and_back_again(world: World) -> None:
    """Summary kept, Provenance says so; the evidence returns, and so does the result."""
    summary = two(world, CR)[0]["summary"]
    world.retract_marrow(CR)

    gone = world.sync()

    impression, observation = two(world, CR)
    assert gone.line(CR)["write"] == "retracted"
    assert {impression["status"], observation["status"]} == {"entered-in-error"}
    assert impression["summary"] == summary
    assert "NULLIFY" in [p["activity"]["coding"][0]["code"] for p in provenances(world, impression)]
    for resource in world.server.store.resources("Observation"):
        if resource["id"].startswith(CR):
            world.edit(resource, status="final")
    assert world.sync().line(CR)["write"] == "updated"
    assert two(world, CR)[0]["status"] == "in-progress"
    assert world.sync().summary["unsafe_requests"] == 0


@pytest.mark.parametrize("persona", ["generic", "hapi", "blaze"])
def test_deleted_evidence_is_as_good_as_withdrawn(make_world: Make, persona: str) -> None:
    """Also where every link must lead somewhere: what is gone is named, what stands is linked."""
    world = make_world(patients=(CR, AMENDED), persona=persona)
    assert world.sync().code == 0
    cited = two(world, CR)[1]["derivedFrom"]
    deleted = {item["reference"].partition("/")[2] for item in cited}
    for name in deleted:
        world.server.store.delete("Observation", name)

    ran = world.sync()

    assert (ran.code, ran.line(CR)["write"]) == (0, "retracted")
    impression, observation = two(world, CR)
    assert {impression["status"], observation["status"]} == {"entered-in-error"}
    assert impression["problem"][0]["reference"].startswith("Condition/")
    assert {item["display"] for item in observation["derivedFrom"]} == {
        f"Observation/{name}" for name in deleted
    }
    assert world.sync().summary["unsafe_requests"] == 0
    assert world.unfinished() == []


def test_a_new_evaluation_points_at_the_last_one_in_force(world: World) -> None:
    """Another marrow, another key, another resource; the old one stays."""
    first = two(world, CR)[0]
    _second_marrow(world, "2026-08-03", 40)

    ran = world.sync()

    new = [r for r in world.results(CR) if r["resourceType"] == "ClinicalImpression"]
    assert ran.line(CR)["write"] == "created"
    assert len(new) == 2
    later = next(r for r in new if r["id"] != first["id"])
    assert later["previous"] == {"reference": f"ClinicalImpression/{first['id']}"}
    assert next(r for r in new if r["id"] == first["id"])["meta"] == first["meta"]
    assert world.sync().summary["unsafe_requests"] == 0


@pytest.mark.parametrize("which", [0, 1], ids=RESULTS)
def test_a_persons_edit_is_parked(world: World, which: int) -> None:
    """It is reported each time, and each run ends with 3; ours beside it says so, once."""
    edited = world.edit(two(world, AMENDED)[which], note=[{"text": "I disagree"}])
    other = two(world, AMENDED)[1 - which]
    world.server.store.load([amendment()])

    for again in (False, True):
        ran = world.sync()
        assert (ran.code, ran.line(AMENDED)["write"]) == (3, "parked")
        assert ran.line(AMENDED)["reason"] == "edited by somebody"
        assert (ran.summary["unsafe_requests"] == 0) is again
    assert two(world, AMENDED)[which] == edited
    kept = ("finding", "valueCodeableConcept", "summary", "component", "derivedFrom")
    beside = two(world, AMENDED)[1 - which]
    assert {name: beside.get(name) for name in kept} == {name: other.get(name) for name in kept}
    assert "a person has to look" in beside["note"][-1]["text"]


def test_a_reindexed_resource_is_ours(world: World) -> None:
    """Another version of the same content."""
    for resource in two(world, AMENDED):
        world.edit(resource)
    world.server.store.load([amendment()])

    assert world.sync().line(AMENDED)["write"] == "updated"


def test_a_lost_state_finds_its_own(world: World) -> None:
    """Nothing is written anew, and a change is still a change."""
    stood = world.ours()
    (world.folder / "state.db").unlink()

    assert world.sync().summary["unsafe_requests"] == 0
    assert world.ours() == stood
    (world.folder / "state.db").unlink()
    world.server.store.load([amendment()])
    assert world.sync().line(AMENDED)["write"] == "updated"
    assert world.doubles() == []


def test_what_stands_twice_stops_its_patient(world: World) -> None:
    """It is reported, the run goes on with the others and ends with 5."""
    impression = two(world, AMENDED)[0]
    copy = {k: v for k, v in impression.items() if k not in ("id", "meta")}
    world.server.store.put(copy, method="POST")
    (world.folder / "state.db").unlink()
    recount(world, "platelets", 62)
    world.server.store.load([amendment()])

    ran = world.sync()

    assert ran.code == 5
    assert "more than once" in ran.line(AMENDED)["reason"]
    assert ran.line(AMENDED)["write"] == "none"
    assert ran.line(CR)["write"] == "updated"


def test_a_deleted_result_stays_deleted(world: World) -> None:
    """A person deleted it; where the server tells, nothing is written again."""
    impression = two(world, AMENDED)[0]
    world.server.store.delete("ClinicalImpression", impression["id"])
    world.server.store.load([amendment()])

    ran = world.sync()

    if world.server.service.persona.update_create:
        assert (ran.code, ran.line(AMENDED)["write"]) == (3, "parked")
    assert world.doubles() == []


@pytest.mark.parametrize("fault", ["409", "412", "500-after-commit:{n}", "lost-response:{n}"])
def test_one_bad_moment_costs_nothing(world: World, fault: str) -> None:
    """Read again, decide again: written once."""
    world.server.store.load([amendment()])
    world.server.faults.set([fault.format(n=1)])

    ran = world.sync()

    assert sum(world.server.faults.fired.values()) == 1
    assert (ran.code, ran.line(AMENDED)["write"]) == (0, "updated")
    assert sorted(world.versions().values()) == [1, 1, 2, 2]
    world.server.faults.stop()
    assert world.sync().summary["unsafe_requests"] == 0


def test_waiting_for_a_person_sends_nothing(make_world: Make) -> None:
    """Half of a patient is written, the rest lost, and then edited: no run repeats the half."""
    world = make_world(habits=SERVERS["conditional-create-one-by-one"], patients=(AMENDED,))
    world.drops = {"ClinicalImpression": ("description",)}
    assert world.sync().code == 0
    world.server.store.load([amendment()])
    world.refuse_at = 3

    def edited(request: Request) -> None:
        if request.label == "create Provenance":
            world.between = lambda _: None
            world.edit(two(world, AMENDED)[0], summary="I disagree")

    world.between = edited

    for _ in range(3):
        ran = world.sync()
        assert (ran.code, ran.line(AMENDED)["write"]) == (3, "parked")
    assert ran.summary["unsafe_requests"] == 0


def test_a_lost_first_answer_and_then_a_conflict_is_nobodys_edit(make_world: Make) -> None:
    """The server drops elements, so our first version is known by what was read back of it."""
    asked: dict[str, Any] = {"habits": SERVERS["put-one-by-one"], "patients": (AMENDED,)}
    dropped = {"ClinicalImpression": ("description",)}
    undisturbed = make_world(**asked)
    undisturbed.drops = dropped
    undisturbed.effects.arm()
    assert undisturbed.sync().code == 0
    sent = undisturbed.effects.names.index("send update ClinicalImpression") + 1
    world = make_world(**asked)
    world.drops = dropped
    world.killed_sync(sent, "after")
    world.server.store.load([amendment()])
    world.server.faults.set(["409"])

    ran = world.sync()

    assert sum(world.server.faults.fired.values()) == 1
    assert (ran.code, ran.line(AMENDED)["write"]) == (0, "updated")


def test_what_never_arrived_and_lost_its_evidence_is_not_waited_for(make_world: Make) -> None:
    """The run died before it sent; by the next one there is nothing to say."""
    world = make_world(patients=(CR,))

    def dies(request: Request) -> None:
        if request.label == "transaction":
            world.effects.dead = True
            raise Killed

    world.between = dies
    with pytest.raises(Killed):
        world.sync()
    world.between = lambda _: None
    world.effects.arm()
    world.a_minute_later()
    assert world.unfinished() != []
    world.retract_marrow(CR)

    assert world.sync().code == 0
    assert world.unfinished() == []


def test_always_in_conflict_is_left_for_later(world: World) -> None:
    """Three attempts in all, then the backlog; the next run goes on from there."""
    world.server.store.load([amendment()])
    world.server.faults.set(["412@*"])

    ran = world.sync()

    assert (ran.code, ran.summary["unsafe_requests"]) == (3, 3)
    assert ran.line(AMENDED)["disposition"] == "failed"
    world.server.faults.stop()
    assert world.sync().line(AMENDED)["write"] == "updated"


def test_a_server_that_drops_elements_is_told_and_not_mistaken_for_a_person(
    make_world: Make,
) -> None:
    """What was dropped is found by reading back; the next change is still ours."""
    world = make_world(patients=(CR, AMENDED))
    world.drops = {"ClinicalImpression": ("description", "note")}

    first = world.sync()

    assert "ClinicalImpression.description:dropped" in first.summary["not_kept"]
    world.server.store.load([amendment()])
    assert world.sync().line(AMENDED)["write"] == "updated"
    assert world.sync().summary["unsafe_requests"] == 0
    world.edit(two(world, AMENDED)[0], summary="I disagree")
    recount(world, "platelets", 62)
    world.server.store.load([{**amendment(), "valueQuantity": {"value": 20, "unit": "10*9/L"}}])
    assert world.sync().line(AMENDED)["write"] == "parked"


def test_a_server_that_drops_our_identifier_gets_no_second_resource(make_world: Make) -> None:
    """Nothing could be found again: stop, now and in every later run."""
    world = make_world(patients=(CR, AMENDED), habits=SERVERS["search"])
    world.drops = {"Observation": ("identifier",), "ClinicalImpression": ("identifier",)}

    for _ in range(2):
        ran = world.sync()
        assert ran.code == 5
        written = [
            r
            for kind in RESULTS
            for r in world.server.store.resources(kind)
            if any(t["code"] == "algorithmic" for t in r["meta"].get("tag", []))
        ]
        assert len(written) == 2


def test_too_many_changes_at_once_write_nothing(make_world: Make) -> None:
    """The run ends with 5 and every patient stays due."""
    world = make_world(
        patients=(CR, AMENDED), settings=SETTINGS.replace('share = "1"', 'share = "0.2"')
    )
    assert world.sync().code == 0
    recount(world, "platelets", 62)
    world.server.store.load([amendment()])

    for _ in range(2):
        ran = world.sync()
        assert (ran.code, ran.summary["unsafe_requests"]) == (5, 0)
        assert "2 of 2 patients would change category" in ran.line(CR)["reason"]
        assert ran.line(CR)["write"] == "none"


def provenances(world: World, about: dict[str, Any]) -> list[dict[str, Any]]:
    """The Provenances of a resource."""
    name = f"{about['resourceType']}/{about['id']}"
    return [
        p
        for p in world.server.store.resources("Provenance")
        if any(t["reference"] == name for t in p["target"])
    ]
