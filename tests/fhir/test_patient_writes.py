"""A whole patient: what the assessments say against what stands on the server."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_remission.domain.nouns.assessment import Anchor, Assessment, Verdict
from fhir_remission.fhir.writing.checks import check_resource
from fhir_remission.fhir.writing.identity import identifier_value, resource_id
from fhir_remission.fhir.writing.patient_writes import Held, PatientWrites, plan_writes
from fhir_remission.fhir.writing.transaction import build_transaction
from tests.fhir.samples import (
    IDENTITY,
    authorship,
    complete_remission,
    criterion,
    not_evaluable,
    relapse,
    result,
)

BY = authorship()
SYSTEM = IDENTITY.identifier_system("assessment")


class Server:
    """The resources of one patient, as a server that takes every transaction."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {}

    def run(self, *assessments: Assessment, **options: Any) -> PatientWrites:
        """Plan and carry out."""
        plan = plan_writes(assessments, options.pop("by", BY), Held(self.held), **options)
        for write in plan.writes:
            assert check_resource(write.resource) == []
            self._put(write.resource)
        return plan

    def _put(self, resource: dict[str, Any]) -> None:
        if resource["resourceType"] == "Provenance":
            return
        own = identifier_value(resource, SYSTEM)
        before = self.held.get(own, {"meta": {"versionId": "0"}})
        stored = copy.deepcopy(resource)
        stored["meta"]["versionId"] = str(int(before["meta"]["versionId"]) + 1)
        self.held[own] = stored

    def impression(self, assessment: Assessment) -> dict[str, Any]:
        """The ClinicalImpression of an assessment."""
        return self.held[resource_id(IDENTITY, "impression", assessment)]


def old(assessment: Assessment) -> Assessment:
    """The same, no longer the latest."""
    return complete_remission(current=False) if assessment.category == "CR" else assessment


def kinds(plan: PatientWrites) -> list[str]:
    """What happens, one word per resource."""
    return [step.action.kind for step in plan.steps]


def types(plan: PatientWrites) -> list[str]:
    """What is written."""
    return [str(write.resource["resourceType"]) for write in plan.writes]


def test_first_run_writes_three_resources_and_the_second_none() -> None:
    """The promise."""
    server = Server()
    first = server.run(complete_remission())
    assert types(first) == ["ClinicalImpression", "Observation", "Provenance"]
    assert first.written == "created"
    second = server.run(complete_remission())
    assert (second.writes, second.written) == ((), "none")
    assert kinds(second) == ["none", "none"]


def test_nothing_to_assess_writes_nothing() -> None:
    """Anchor kind none."""
    plan = Server().run(not_evaluable())
    assert (plan.writes, plan.steps) == ((), ())


def test_only_the_current_one_unless_history_is_asked_for() -> None:
    """A site chooses."""
    both = (old(complete_remission()), relapse())
    assert len(Server().run(*both).writes) == 3
    assert len(Server().run(*both, which="history").writes) == 6


def test_what_was_written_follows_its_evidence_when_no_longer_current() -> None:
    """An old CR whose count was corrected must not stay as it was."""
    server = Server()
    server.run(complete_remission())
    corrected = complete_remission(current=False, category="CRi", code="CRi")
    plan = server.run(corrected, relapse())
    assert kinds(plan) == ["update", "update", "create", "create"]
    assert plan.written == "updated"
    assert plan.steps[0].before == "CR"
    assert plan.steps[0].after == "CRi"


def test_a_new_evaluation_points_at_the_last_one_in_force() -> None:
    """Whether that stood already or is written with it."""
    reference = f"ClinicalImpression/{resource_id(IDENTITY, 'impression', complete_remission())}"
    server = Server()
    server.run(complete_remission())
    server.run(old(complete_remission()), relapse())
    assert server.impression(relapse())["previous"] == {"reference": reference}
    at_once = Server()
    at_once.run(old(complete_remission()), relapse(), which="history")
    assert at_once.impression(relapse())["previous"] == {"reference": reference}


def test_a_first_evaluation_has_no_previous() -> None:
    """Nor one whose predecessor was never written."""
    server = Server()
    server.run(old(complete_remission()), relapse())
    assert "previous" not in server.impression(relapse())


def test_withdrawn_evidence_takes_both_resources_back() -> None:
    """One transaction, guarded, with a Provenance that says so."""
    server = Server()
    server.run(complete_remission())
    plan = server.run(not_evaluable())
    assert plan.written == "retracted"
    assert types(plan) == ["ClinicalImpression", "Observation", "Provenance"]
    assert [write.if_match for write in plan.writes] == ["1", "1", ""]
    assert {r["status"] for r in server.held.values()} == {"entered-in-error"}
    activity: Any = plan.writes[-1].resource["activity"]
    assert activity["coding"][0]["code"] == "NULLIFY"
    assert server.run(not_evaluable()).writes == ()


def test_evidence_that_comes_back_reinstates_both() -> None:
    """And then nothing more is sent."""
    server = Server()
    server.run(complete_remission())
    server.run(not_evaluable())
    assert server.run(complete_remission()).written == "updated"
    assert {r["status"] for r in server.held.values()} == {"in-progress", "preliminary"}
    assert server.run(complete_remission()).writes == ()


def moved() -> tuple[Assessment, Assessment]:
    """One evaluation whose lowest Observation was deleted: it hangs on the other one."""
    one = result("Observation/m1", "blasts-marrow", "2", "2026-03-01", unit="%")
    two = result("Observation/m1b", "cellularity", "40", "2026-03-01", unit="%")
    before = complete_remission(
        anchor=Anchor("marrow", "2026-03-01", ("Observation/m1", "Observation/m1b")),
        criteria_results=(criterion("blasts-below-5", Verdict.MET, one, two),),
    )
    after = complete_remission(
        anchor=Anchor("marrow", "2026-03-01", ("Observation/m1b",)),
        criteria_results=(criterion("blasts-below-5", Verdict.MET, two),),
    )
    return before, after


@pytest.mark.parametrize("references", ["local", "logical"])
def test_a_moved_anchor_is_re_keyed_in_one_transaction(references: Any) -> None:
    """The old one ends and names its successor; the new one points back."""
    by = authorship(references=references, source_base="https://ehr.example/r4")
    before, after = moved()
    server = Server()
    server.run(before, by=by)
    plan = server.run(after, by=by)
    assert sorted(kinds(plan)) == ["create", "create", "retract", "retract"]
    gone, new = server.impression(before), server.impression(after)
    assert gone["status"] == "entered-in-error"
    assert new["previous"] == {"reference": f"ClinicalImpression/{gone['id']}"}
    assert f"ClinicalImpression/{new['id']}" in gone["note"][-1]["text"]
    assert server.run(after, by=by).writes == ()


def test_a_moved_anchor_of_an_edited_result_waits() -> None:
    """Otherwise the person's result and ours would stand side by side."""
    before, after = moved()
    server = Server()
    server.run(before)
    server.impression(before)["summary"] = "Not in remission, says the doctor."
    plan = server.run(after)
    assert types(plan) == ["Observation", "Provenance"]
    assert plan.writes[0].resource["status"] == "preliminary"
    assert plan.written == "parked"
    assert sorted(kinds(plan)) == ["mark", "park", "park", "park"]
    assert server.run(after).writes == ()


def test_an_edited_result_parks_its_partner_too() -> None:
    """It is not written anew; what is ours says that it is not up to date, once."""
    server = Server()
    server.run(complete_remission())
    server.impression(complete_remission())["status"] = "completed"
    plan = server.run(complete_remission(flags=()))
    assert (types(plan), plan.written) == (["Observation", "Provenance"], "parked")
    assert kinds(plan) == ["park", "mark"]
    again = server.run(complete_remission(flags=()))
    assert (again.writes, kinds(again)) == ((), ["park", "none"])


def test_an_edit_of_one_result_does_not_stop_the_next() -> None:
    """The relapse is written although somebody edited the remission."""
    server = Server()
    server.run(complete_remission())
    server.impression(complete_remission())["status"] = "completed"
    plan = server.run(old(complete_remission()), relapse())
    assert kinds(plan) == ["park", "none", "create", "create"]
    assert server.impression(relapse())["previous"]


def test_half_a_transaction_is_completed() -> None:
    """A server that kept one of two entries gets the other."""
    server = Server()
    server.run(complete_remission())
    del server.held[resource_id(IDENTITY, "observation", complete_remission())]
    plan = server.run(complete_remission())
    assert types(plan) == ["Observation", "Provenance"]


def test_another_set_of_criteria_is_left_alone() -> None:
    """Each set accounts for its own results only."""
    server = Server()
    server.run(complete_remission())
    other = complete_remission(criteria_id="eln-2017", criteria_version="2017.1")
    assert kinds(server.run(other)) == ["create", "create"]
    assert kinds(server.run(complete_remission())) == ["none", "none"]
    assert len(server.held) == 4


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (("Observation",), ["Observation"]),
        (("Observation", "Provenance"), ["Observation", "Provenance"]),
        (("ClinicalImpression",), ["ClinicalImpression"]),
    ],
)
def test_a_sink_writes_only_the_types_it_takes(chosen: Sequence[str], expected: list[str]) -> None:
    """Most EHRs have no ClinicalImpression."""
    server = Server()
    assert types(server.run(complete_remission(), resources=chosen)) == expected
    assert server.run(complete_remission(), resources=chosen).writes == ()
    assert types(server.run(not_evaluable(), resources=chosen)) == expected


def test_a_server_with_its_own_ids_is_updated_under_them() -> None:
    """Conditional create gave the id; the identifier is how we know it."""
    server = Server()
    server.run(complete_remission())
    for number, resource in enumerate(server.held.values()):
        resource["id"] = f"server-{number}"
    plan = server.run(complete_remission(flags=()))
    assert [write.server_id for write in plan.writes] == ["server-0", "server-1", ""]
    bundle: Any = build_transaction(plan.writes, mode="conditional-create")
    assert [t["reference"] for t in bundle["entry"][-1]["resource"]["target"]] == [
        "ClinicalImpression/server-0",
        "Observation/server-1",
    ]
    assert kinds(plan_of(server.held, [not_evaluable()])) == ["retract", "retract"]


def plan_of(held: dict[str, dict[str, Any]], assessments: Iterable[Assessment]) -> PatientWrites:
    """A plan without carrying it out."""
    return plan_writes(tuple(assessments), BY, Held(held))


def test_every_order_of_what_is_held_gives_the_same_plan() -> None:
    """Search results come in any order."""
    server = Server()
    server.run(old(complete_remission()), relapse(), which="history")
    there = plan_of(server.held, [not_evaluable()])
    back = plan_of(dict(reversed(server.held.items())), [not_evaluable()])
    assert {s.reference for s in there.steps} == {s.reference for s in back.steps}
    assert kinds(there) == kinds(back)


WORLDS: tuple[tuple[Assessment, ...], ...] = (
    (not_evaluable(),),
    (complete_remission(),),
    (complete_remission(category="CRi", code="CRi"),),
    (old(complete_remission()), relapse()),
    (relapse(),),
    (moved()[0],),
    (moved()[1],),
    (moved()[1], relapse()),
)


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORLDS), min_size=1, max_size=6))
def test_whatever_happened_before_the_server_ends_right_and_quiet(
    worlds: list[tuple[Assessment, ...]],
) -> None:
    """In force is what the last evidence says, no more; a further run sends nothing."""
    server = Server()
    for world in worlds:
        server.run(*world)
    last = worlds[-1]
    assert server.run(*last).writes == ()
    in_force = {own for own, r in server.held.items() if r["status"] != "entered-in-error"}
    accounted = {
        resource_id(IDENTITY, kind, a) for a in last for kind in ("impression", "observation")
    }
    assert in_force <= accounted
    for assessment in last:
        if assessment.current and assessment.anchor.kind != "none":
            shown = server.impression(assessment)["finding"][0]["itemCodeableConcept"]
            assert shown["coding"][0]["code"] == assessment.category
