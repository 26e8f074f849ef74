"""An assessment as a ClinicalImpression (R4, R4B): findings with their basis, and their evidence.

Nothing in it depends on the clock but `date`, which no hash and no digest contains.
"""

from __future__ import annotations

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.fhir.r4.datatypes import Json, Resource, concept, fhir_time, objects, reference
from fhir_remission.fhir.writing.authorship import (
    Authorship,
    Change,
    identified,
    references_to,
    without_empty,
    written_on,
)
from fhir_remission.fhir.writing.explanation import (
    basis,
    category_basis,
    molecular,
    notes,
    state_basis,
)

ASSESSMENT = "AML remission assessment"
# investigation.item may hold more, but only these two are evidence here.
INVESTIGATED = ("DiagnosticReport", "Observation")
SUPPORTING = ("MedicationAdministration", "MedicationStatement", "Procedure", "Specimen")


def build_impression(
    assessment: Assessment,
    by: Authorship,
    *,
    change: Change | None = None,
    previous: Resource | None = None,
) -> Resource:
    """The ClinicalImpression of one assessment; `previous` is the one it follows in the course."""
    resource: Resource = {
        "resourceType": "ClinicalImpression",
        "status": "completed" if by.signer else "in-progress",
        "statusReason": by.concept("change", change.kind) if change else None,
        "code": concept([], ASSESSMENT),
        "description": f"{by.name}, criteria {assessment.criteria_id}",
        "subject": by.to_patient(assessment),
        "effectiveDateTime": fhir_time(written_on(assessment)),
        "date": by.computed_at,
        "assessor": reference(by.signer) if by.signer else None,
        "previous": previous or None,
        "problem": references_to(assessment, by, "Condition"),
        "investigation": _investigation(assessment, by),
        "protocol": [protocol(assessment, by)],
        "summary": assessment.summary,
        "finding": findings(assessment, by),
        "supportingInfo": references_to(assessment, by, *SUPPORTING),
        "note": notes(assessment, by, change),
    }
    return identified(without_empty(resource), assessment, by)


def protocol(assessment: Assessment, by: Authorship) -> str:
    """The canonical of the criteria that were applied."""
    base = f"{by.identity.namespace}/criteria/{assessment.criteria_id}"
    return f"{base}|{assessment.criteria_version}" if assessment.criteria_version else base


def findings(assessment: Assessment, by: Authorship) -> list[Json]:
    """Category, then MRD, then state, each coded and with its basis."""
    return [
        _finding(category_concept(assessment, by), category_basis(assessment)),
        _finding(mrd_concept(assessment, by), basis(molecular(assessment))),
        _finding(by.concept("state", assessment.state), state_basis(assessment)),
    ]


def category_concept(assessment: Assessment, by: Authorship) -> Resource:
    """The category with all its codings; the text adds the code with its MRD suffix."""
    words = by.categories.display("category", assessment.category)
    return by.concept("category", assessment.category, f"{assessment.code}: {words}")


def mrd_concept(assessment: Assessment, by: Authorship) -> Resource:
    """MRD with all its codings, and the MRD event where there is one."""
    mrd = by.concept("mrd", assessment.mrd)
    if assessment.mrd_event == "none":
        return mrd
    event = by.concept("mrd-event", assessment.mrd_event)
    both = [item for held in (mrd, event) for item in objects(held.get("coding"))]
    return concept(both, f"{mrd['text']}; {event['text']}")


def _finding(what: Resource, why: str) -> Json:
    return without_empty({"itemCodeableConcept": what, "basis": why})


def _investigation(assessment: Assessment, by: Authorship) -> list[Json]:
    items = references_to(assessment, by, *INVESTIGATED)
    return [{"code": concept([], "Evidence"), "item": items}] if items else []
