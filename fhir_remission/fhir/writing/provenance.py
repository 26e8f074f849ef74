"""Where a written resource comes from: the versions it was computed from, and by which software."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.fhir.r4.datatypes import (
    Json,
    Resource,
    coding,
    concept,
    reference,
    resource_type,
    text_of,
)
from fhir_remission.fhir.writing.authorship import (
    Authorship,
    Change,
    tag,
    versions_of,
    without_empty,
)
from fhir_remission.fhir.writing.identity import identifier_value, provenance_id
from fhir_remission.fhir.writing.site_marks import site_mark

DATA_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
OPERATIONS = {"CREATE": "create", "UPDATE": "revise", "NULLIFY": "nullify"}


def build_provenance(
    targets: Sequence[Resource],
    by: Authorship,
    *,
    assessment: Assessment | None = None,
    change: Change | None = None,
) -> Resource:
    """The Provenance of what one transaction writes; without an assessment, of a retraction."""
    operation = _operation(change)
    named = [f"{t['resourceType']}/{t['id']}" for t in targets]
    system = by.identity.identifier_system("evidence-hash")
    # By our identifier, not by the id: a server may give ids itself, and only later.
    first = identifier_value(targets[0], by.identity.identifier_system("assessment"))
    own_id = provenance_id(
        by.identity,
        f"{targets[0]['resourceType']}/{first}",
        identifier_value(targets[0], system),
        f"{operation}{_detail(change)}",
    )
    resource: Resource = {
        "resourceType": "Provenance",
        "id": own_id,
        # Provenance has no identifier; the tag is what a conditional create can find.
        "meta": {
            "tag": [
                tag(by),
                coding(by.identity.identifier_system("assessment"), own_id),
                coding(by.identity.identifier_system("site"), site_mark(by.identity)),
                coding(by.identity.identifier_system("about"), first),
            ]
        },
        "target": [reference(name) for name in named],
        "occurredDateTime": text_of(targets[0].get("effectiveDateTime")),
        "recorded": by.computed_at,
        "policy": targets[0].get("protocol"),
        "activity": concept(
            [coding(DATA_OPERATION, operation, OPERATIONS[operation])],
            change.sentence if change else "Remission assessed",
        ),
        "agent": _agents(by),
        "entity": _entities(assessment, by) if assessment else None,
    }
    return without_empty(resource)


def _operation(change: Change | None) -> str:
    if change is None:
        return "CREATE"
    kept = ("evidence-changed", "category-changed", "reinstated", "subject-moved", "sibling-parked")
    return "UPDATE" if change.kind in kept else "NULLIFY"


def _detail(change: Change | None) -> str:
    where = f":{change.successor}" if change and change.kind == "subject-moved" else ""
    where = f":{change.after}" if change and change.kind == "sibling-parked" else where
    return f":{change.kind}{where}" if change else ""


def _agents(by: Authorship) -> list[Json]:
    """The software assembled it; where somebody signs, that person is named beside it."""
    agents: list[Json] = [_agent("assembler", "Assembler", by.to_device())]
    if by.signer:
        agents.append(_agent("verifier", "Verifier", reference(by.signer)))
    return agents


def _agent(code: str, display: str, who: Resource) -> Json:
    return {"type": concept([coding(PARTICIPANT, code, display)], display), "who": who}


def _entities(assessment: Assessment, by: Authorship) -> list[Json]:
    """Each version of each resource that was used; a cohort file is named, not referenced."""
    return [
        {"role": "source", "what": _what(ref, version, by)}
        for ref, version in versions_of(assessment)
    ]


def _what(ref: str, version: str, by: Authorship) -> Resource:
    if not resource_type(ref):
        return {"display": ref}
    versioned = f"{ref}/_history/{version}" if version else ref
    if by.references == "logical":
        return by.to_evidence(versioned)
    # HAPI cuts the version off a reference by default; the display keeps it.
    return {"reference": versioned, "display": versioned}
