"""Results of ours whose anchor is gone or has moved: no assessment stands behind them any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.fhir.r4.datatypes import Json, Resource, bare, objects, target_of, text_of
from fhir_remission.fhir.writing.authorship import Authorship
from fhir_remission.fhir.writing.decide import Action, decide_withdrawal
from fhir_remission.fhir.writing.identity import (
    KINDS,
    assessment_name,
    identifier_value,
    resource_id,
)
from fhir_remission.fhir.writing.ownership import Known
from fhir_remission.fhir.writing.site_marks import criteria_id_of


class Withdrawal(Struct, frozen=True):
    """The resources of one assessment that no longer stands, and what to do about each."""

    resources: tuple[tuple[Resource, Action], ...]
    replaced_by: Assessment | None = None
    """The same evaluation under its new key."""

    @property
    def parked(self) -> str:
        """Why nothing may be done, or empty."""
        return next((a.reason for _, a in self.resources if a.kind == "park"), "")

    @property
    def impression(self) -> str:
        """Reference to the ClinicalImpression among them, or empty."""
        found = (r for r, _ in self.resources if r.get("resourceType") == "ClinicalImpression")
        return next((f"ClinicalImpression/{r['id']}" for r in found), "")


def withdrawals(
    resources: Mapping[str, Resource],
    known: Mapping[str, Known],
    assessments: Sequence[Assessment],
    created: Sequence[Assessment],
    by: Authorship,
) -> list[Withdrawal]:
    """Ours in force that no assessment of the same criteria accounts for; give *all* of those."""
    held = {resource_id(by.identity, k, a) for a in assessments for k in KINDS.values()}
    criteria_ids = {assessment.criteria_id for assessment in assessments}
    lost = [
        resource
        for resource in resources.values()
        if _in_force(resource, by)
        and own_id(resource, by) not in held
        and criteria_id_of(resource, by.identity) in criteria_ids
    ]
    system = by.identity.identifier_system("evidence-hash")
    pairs: dict[str, list[Resource]] = {}
    for resource in lost:
        pairs.setdefault(identifier_value(resource, system), []).append(resource)
    patients = tuple(sorted({assessment.patient for assessment in assessments}))
    return [_withdrawal(pair, known, created, by, patients) for _, pair in sorted(pairs.items())]


def replacement_for(old: Resource, created: Iterable[Assessment]) -> Assessment | None:
    """The new assessment that hangs on evidence of the old resource: it was re-keyed to that."""
    cited = evidence_cited(old)
    for assessment in created:
        if cited & {bare(ref) for ref in assessment.anchor.observations}:
            return assessment
    return None


def evidence_cited(resource: Resource) -> set[str]:
    """`Observation/o1` and so on: what a resource of ours cites, literally or logically."""
    held: list[Json] = [
        resource.get("derivedFrom"),
        *(item.get("item") for item in objects(resource.get("investigation"))),
    ]
    return {target_of(r) for refs in held for r in objects(refs)} - {""}


def own_id(resource: Resource, by: Authorship) -> str:
    """The id that we gave: where a server gives ids itself, only the identifier has it."""
    return assessment_name(resource, by.identity.namespace)


def _in_force(resource: Resource, by: Authorship) -> bool:
    return (
        resource.get("resourceType") in KINDS
        and text_of(resource.get("status")) != "entered-in-error"
        and own_id(resource, by) != ""
    )


def _withdrawal(
    pair: Sequence[Resource],
    known: Mapping[str, Known],
    created: Sequence[Assessment],
    by: Authorship,
    patients: Sequence[str],
) -> Withdrawal:
    new = next((found for old in pair if (found := replacement_for(old, created))), None)
    actions: dict[str, Action] = {}
    for old in pair:
        name, own = text_of(old.get("resourceType")), own_id(old, by)
        successor = f"{name}/{resource_id(by.identity, KINDS[name], new)}" if new else ""
        actions[own] = decide_withdrawal(
            old, by, known.get(own), successor=successor, patients=patients
        )
    return Withdrawal(tuple((old, actions[own_id(old, by)]) for old in pair), new)
