"""ClinicalImpression and Observation: what a clinician reads, and what a program finds."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from fhir_remission.domain.nouns.assessment import Anchor, ClaimNote, Clock, Verdict
from fhir_remission.domain.nouns.inputs import Event, Result, Source
from fhir_remission.fhir.writing.authorship import Change
from fhir_remission.fhir.writing.impression import build_impression
from fhir_remission.fhir.writing.result_observation import build_observation
from tests.fhir.samples import (
    authorship,
    complete_remission,
    criterion,
    diagnosis,
    relapse,
    result,
    when,
)

NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
OURS = "https://w3id.org/fhir-remission/CodeSystem/"


def impression(**changes: Any) -> dict[str, Any]:
    """Of the sample, unsigned."""
    return build_impression(complete_remission(**changes), authorship())


def observation(**changes: Any) -> dict[str, Any]:
    """Of the sample, unsigned."""
    return build_observation(complete_remission(**changes), authorship())


def codes(concept: dict[str, Any]) -> set[tuple[str, str]]:
    """System and code of each coding."""
    return {(c["system"], c["code"]) for c in concept["coding"]}


def test_the_summary_begins_with_the_state() -> None:
    """A clinician reads one line."""
    assert impression()["summary"].startswith("In remission since 2026-03-12")


def test_findings_are_category_then_mrd_then_state() -> None:
    """Each coded, ours first."""
    found = [finding["itemCodeableConcept"]["coding"][0] for finding in impression()["finding"]]
    assert [(c["system"], c["code"]) for c in found] == [
        (OURS + "category", "CR"),
        (OURS + "mrd", "unknown"),
        (OURS + "state", "in-remission"),
    ]


@pytest.mark.parametrize(
    ("category", "ncit"),
    [
        ("CR", "C4870"),
        ("CRh", "C209681"),
        ("CRi", "C103385"),
        ("MLFS", "C123597"),
        ("PR", "C18058"),
        ("NR", "C123600"),
        ("NE", "C62222"),
        ("RELAPSE", "C123612"),
        ("REFRACTORY", ""),
        ("PD", ""),
        ("SD", ""),
        ("IND", ""),
        ("RELAPSE_SUSPECTED", ""),
    ],
)
def test_categories_carry_the_verified_ncit_code_or_none(category: str, ncit: str) -> None:
    """No code is invented: refractory disease has none."""
    value = observation(category=category, code=category)["valueCodeableConcept"]
    assert (OURS + "category", category) in codes(value)
    assert {code for system, code in codes(value) if system == NCIT} == ({ncit} if ncit else set())


def test_mrd_negative_and_mrd_relapse_are_coded() -> None:
    """In the finding and in the component alike."""
    for mrd, event, expected in (
        ("negative", "none", {(NCIT, "C38757")}),
        ("positive", "relapse", {(NCIT, "C38758"), (NCIT, "C124430")}),
    ):
        held = impression(mrd=mrd, mrd_event=event)["finding"][1]["itemCodeableConcept"]
        component = observation(mrd=mrd, mrd_event=event)["component"][1]
        assert expected <= codes(held)
        assert component["valueCodeableConcept"] == held
        assert codes(component["code"]) == {(NCIT, "C172578")}


def test_the_basis_names_verdict_value_and_version_of_each_criterion() -> None:
    """A reader can open exactly the version that was used."""
    basis = impression()["finding"][0]["basis"].splitlines()
    assert [line.partition(":")[0] for line in basis] == [
        "aml-confirmed",
        "blasts-below-5",
        "anc-recovered",
        "platelets-recovered",
        "no-extramedullary-disease",
    ]
    assert "anc-recovered: met" in basis[2]
    assert "1.2 10*9/L" in basis[2]
    assert "Observation/o1/_history/2" in basis[2]
    assert "assumed" in basis[4]
    assert impression()["finding"][1]["basis"].startswith("mrd-negative: unknown")


def test_a_converted_value_is_shown_beside_what_was_sent() -> None:
    """1200 /uL and 1.2 10*9/L stand together."""
    sent = msgspec.structs.replace(
        result("Observation/o1", "anc", "1.2", "2026-03-12"), original="1200 /uL"
    )
    held = impression(criteria_results=(criterion("anc-recovered", Verdict.MET, sent),))
    assert "anc 1.2 10*9/L (sent as 1200 /uL)" in held["finding"][0]["basis"]


def event(kind: str, ref: str) -> Event:
    """Something that happened."""
    return Event(kind, when("2026-02-01"), Source(ref, "1", "s", "c"))


def mixed() -> dict[str, Any]:
    """Evidence of every resource type that there is."""
    cited: tuple[Result | Event, ...] = (
        diagnosis(),
        diagnosis("Condition/c2", "extramedullary"),
        result("Observation/o1", "anc", "1", "2026-03-01"),
        result("DiagnosticReport/d1", "mrd", "0", "2026-03-01"),
        event("rbc-transfusion", "Procedure/p1"),
        event("therapy-start", "MedicationAdministration/ma1"),
        event("void", "Specimen/s1"),
        Event("aml-diagnosis", None, Source("cohort.csv:12", "", "", "")),
    )
    return {"criteria_results": (criterion("everything", Verdict.MET, *cited),)}


def refs(held: Any) -> list[str]:
    """The literal references of a list."""
    return [item["reference"] for item in held]


def test_each_type_of_evidence_has_its_place() -> None:
    """Servers refuse a Procedure as investigation or a Condition as derivedFrom."""
    one, two = impression(**mixed()), observation(**mixed())
    assert refs(one["investigation"][0]["item"]) == ["DiagnosticReport/d1", "Observation/o1"]
    assert refs(one["problem"]) == ["Condition/c1", "Condition/c2"]
    assert refs(one["supportingInfo"]) == [
        "MedicationAdministration/ma1",
        "Procedure/p1",
        "Specimen/s1",
    ]
    assert refs(two["derivedFrom"]) == ["Observation/o1"]
    assert refs(two["focus"]) == ["Condition/c1"]


def test_references_have_no_versions() -> None:
    """HAPI strips them, and then the digest would no longer match."""
    held = [result("Observation/o1/_history/4", "anc", "1", "2026-03-01", version="4")]
    one = impression(criteria_results=(criterion("c", Verdict.MET, *held),))
    assert refs(one["investigation"][0]["item"]) == ["Observation/o1"]


def test_logical_references_name_the_resource_at_its_source() -> None:
    """For a repository that does not hold the evidence."""
    by = authorship(references="logical", source_base="https://ehr.example/r4/")
    held = build_observation(complete_remission(), by)
    assert held["derivedFrom"][0] == {
        "type": "Observation",
        "identifier": {
            "system": "urn:ietf:rfc:3986",
            "value": "https://ehr.example/r4/Observation/m1",
        },
        "display": "Observation/m1",
    }
    assert "reference" not in held["subject"]


def test_the_patient_at_the_sink_may_be_another() -> None:
    """A repository has its own patient ids."""
    by = authorship(references="logical", source_base="https://e", subject="Patient/77")
    assert build_impression(complete_remission(), by)["subject"] == {"reference": "Patient/77"}


def test_unsigned_output_is_preliminary_and_tagged() -> None:
    """Decision support until a person signs; nobody is named as its author."""
    one, two = impression(), observation()
    assert (one["status"], two["status"]) == ("in-progress", "preliminary")
    assert "assessor" not in one
    assert two["performer"] == [{"display": "fhir-remission 0.1.0, not signed by a person"}]
    for held in (one, two):
        assert held["meta"]["tag"][0]["code"] == "algorithmic"
        assert held["note"][0]["authorString"] == "fhir-remission 0.1.0"
        assert "Device/" not in str(held)


def test_signed_output_is_final_in_the_name_of_the_signer() -> None:
    """Only where the settings name one."""
    by = authorship(signer="Practitioner/dr")
    one, two = (build(complete_remission(), by) for build in (build_impression, build_observation))
    assert (one["status"], two["status"]) == ("completed", "final")
    assert one["assessor"] == {"reference": "Practitioner/dr"}
    assert two["performer"] == [{"reference": "Practitioner/dr"}]


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("evidence-changed", "final", "amended"),
        ("category-changed", "final", "corrected"),
        ("category-changed", "amended", "corrected"),
        ("evidence-changed", "preliminary", "preliminary"),
        ("category-changed", "preliminary", "preliminary"),
        ("reinstated", "entered-in-error", "preliminary"),
    ],
)
def test_what_had_been_final_says_that_it_changed(kind: Any, before: str, after: str) -> None:
    """Amended with the same category, corrected with another."""
    change = Change(kind, "CRi", "CR")
    held = build_observation(complete_remission(), authorship(), change=change, before=before)
    assert held["status"] == after


def test_a_change_is_explained() -> None:
    """Reason as a code, old and new category in words."""
    change = Change("category-changed", "CRi", "CR")
    held = build_impression(complete_remission(), authorship(), change=change)
    assert codes(held["statusReason"]) == {(OURS + "change", "category-changed")}
    assert held["note"][0]["text"].startswith("Evidence changed; was CRi, now CR.")


def test_nothing_written_depends_on_the_clock() -> None:
    """Another run time changes the time of computing, and nothing else (model 6.3)."""
    later = authorship(computed_at="2027-01-01T00:00:00Z")
    clock = Clock("2027-01-01T00:00:00Z", window_open=True, stale=True)
    for build, computed in ((build_impression, "date"), (build_observation, "issued")):
        now = build(complete_remission(), authorship())
        then = build(complete_remission(clock=clock, current=False), later)
        assert now.pop(computed) != then.pop(computed)
        assert now == then


@pytest.mark.parametrize(
    ("anchor", "response", "effective"),
    [
        ("2026-03-01", date(2026, 3, 12), "2026-03-12"),
        ("2026-03-01", date(2026, 3, 1), "2026-03-01"),
        ("2026-09-01T08:00:00+02:00", date(2026, 3, 12), "2026-09-01T08:00:00+02:00"),
        ("2026-09-01T08:00", None, "2026-09-01"),
        ("2026-09", None, "2026-09"),
    ],
)
def test_effective_is_when_the_answer_was_true(anchor: str, response: Any, effective: str) -> None:
    """Never before the proof was complete, never before the anchor, always valid FHIR."""
    held = observation(anchor=Anchor("marrow", anchor, ("Observation/m1",)), response_date=response)
    assert held["effectiveDateTime"] == effective


def test_doubts_are_written_beside_the_answer() -> None:
    """Assumptions, gaps, flags and a clinician who says otherwise."""
    claim = ClaimNote(Source("Condition/c9", "1", "", ""), "remission", agrees=False)
    note = impression(possible_higher=("CR",), claims=(claim,), reason="x-y")["note"][0]["text"]
    for part in (
        "Reason: x-y.",
        "Assumed: extramedullary-disease-absent (routine).",
        "Missing: mrd.",
        "Could be: CR.",
        "Flags: adequacy-from-counts.",
        "disagrees: Condition/c9.",
    ):
        assert part in note


def test_criteria_are_named_by_protocol_and_method() -> None:
    """Ours always, NCIt where it has one; a site's own set goes without."""
    assert impression()["protocol"] == ["https://w3id.org/fhir-remission/criteria/eln-2022|2022.1"]
    assert codes(observation()["method"]) == {(OURS + "criteria", "eln-2022"), (NCIT, "C209662")}
    own = observation(criteria_id="our-own")["method"]
    assert codes(own) == {(OURS + "criteria", "our-own")}
    assert own["text"] == "our-own 2022.1"


def test_previous_points_at_the_result_before() -> None:
    """The course can be followed back."""
    held = build_impression(relapse(), authorship(), previous={"reference": "ClinicalImpression/a"})
    assert held["previous"] == {"reference": "ClinicalImpression/a"}


def test_another_namespace_reaches_every_system_of_ours() -> None:
    """A site that may not use ours uses its own."""
    identity = msgspec.structs.replace(authorship().identity, namespace="https://st-e.example/ns")
    by = authorship(identity=identity)
    for held in (
        build_impression(complete_remission(), by),
        build_observation(complete_remission(), by),
    ):
        assert "w3id.org" not in str(held)
        assert "https://st-e.example/ns" in str(held)
