"""An assessment as an Observation: the category as its value; state, MRD, confidence beside it."""

from __future__ import annotations

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.inputs import Event
from fhir_remission.fhir.r4.datatypes import (
    Json,
    Resource,
    bare,
    coding,
    concept,
    fhir_time,
    objects,
    reference,
)
from fhir_remission.fhir.writing.authorship import (
    Authorship,
    Change,
    evidence_of,
    identified,
    references_to,
    without_empty,
    written_on,
)
from fhir_remission.fhir.writing.explanation import notes
from fhir_remission.fhir.writing.impression import category_concept, mrd_concept

_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def build_observation(
    assessment: Assessment, by: Authorship, *, change: Change | None = None, before: str = ""
) -> Resource:
    """The Observation of one assessment; `before` is the status that stands on the server."""
    kind = by.category.title()
    resource: Resource = {
        "resourceType": "Observation",
        "status": status(by, change, before),
        "category": [concept([coding(_CATEGORY, by.category, kind)], kind)],
        "code": by.concept("question", "category", "AML response category"),
        "subject": by.to_patient(assessment),
        "focus": _focus(assessment, by),
        "effectiveDateTime": fhir_time(written_on(assessment)),
        "issued": by.computed_at,
        "performer": [reference(by.signer) if by.signer else _nobody(by)],
        "valueCodeableConcept": category_concept(assessment, by),
        "note": notes(assessment, by, change),
        "method": _criteria(assessment, by),
        "derivedFrom": references_to(assessment, by, "Observation"),
        "component": [
            _component("state", by.concept("state", assessment.state), by),
            _component("mrd", mrd_concept(assessment, by), by),
            _component("confidence", by.concept("confidence", assessment.confidence), by),
        ],
    }
    return identified(without_empty(resource), assessment, by)


def status(by: Authorship, change: Change | None, before: str) -> str:
    """Preliminary until signed; what had been final becomes amended, or corrected."""
    if before in ("final", "amended", "corrected") and change:
        return "corrected" if change.kind == "category-changed" else "amended"
    return "final" if by.signer else "preliminary"


def _nobody(by: Authorship) -> Resource:
    """Words instead of a reference: R4 allows no Device, and best practice wants a performer."""
    return {"display": f"{by.name}, not signed by a person"}


def _component(question: str, answer: Resource, by: Authorship) -> Json:
    return {"code": by.concept("question", question), "valueCodeableConcept": answer}


def _criteria(assessment: Assessment, by: Authorship) -> Resource:
    """The criteria by our own code, always, and by the code of others where there is one."""
    own = coding(by.identity.system("criteria"), assessment.criteria_id)
    others = objects(by.concept("criteria", assessment.criteria_id).get("coding"))
    text = f"{assessment.criteria_id} {assessment.criteria_version}".strip()
    return concept([own, *others], text)


def _focus(assessment: Assessment, by: Authorship) -> list[Json]:
    """The AML Condition, so that a reader of the problem finds its response."""
    found = {
        bare(item.source.ref)
        for item in evidence_of(assessment)
        if isinstance(item, Event) and item.kind == "aml-diagnosis"
    }
    return [by.to_evidence(ref) for ref in sorted(found) if ref.startswith("Condition/")]
