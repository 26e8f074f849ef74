"""Results of ours whose anchor is gone or has moved: no assessment stands behind them any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from fhir_remission.domain.assessment import Assessment
from fhir_remission.fhir.authorship import Authorship
from fhir_remission.fhir.carried import carried_value
from fhir_remission.fhir.datatypes import (
    RELATIVE_REFERENCE,
    Json,
    Resource,
    bare,
    objects,
    text_of,
)
from fhir_remission.fhir.decide import Action, Known, decide_withdrawal, settle
from fhir_remission.fhir.identity import Kind, identifier_value, resource_id

KINDS: dict[str, Kind] = {"ClinicalImpression": "impression", "Observation": "observation"}


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
        and criteria_id_of(resource, by) in criteria_ids
    ]
    system = by.identity.identifier_system("evidence-hash")
    pairs: dict[str, list[Resource]] = {}
    for resource in lost:
        pairs.setdefault(identifier_value(resource, system), []).append(resource)
    return [_withdrawal(pair, known, created, by) for _, pair in sorted(pairs.items())]


def criteria_id_of(resource: Resource, by: Authorship) -> str:
    """By which set of criteria a resource of ours was made; empty if it does not say."""
    carried = carried_value(resource, f"{by.identity.namespace}/id/criteria")
    if carried:
        return carried
    base = f"{by.identity.namespace}/criteria/"
    protocols = resource.get("protocol")
    if isinstance(protocols, list):
        texts = [text_of(item) for item in protocols]
        return next((t[len(base) :].partition("|")[0] for t in texts if t.startswith(base)), "")
    method = resource.get("method")
    codings = objects(method.get("coding")) if isinstance(method, dict) else ()
    system = by.identity.system("criteria")
    return next((text_of(c.get("code")) for c in codings if c.get("system") == system), "")


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
    return {_named(r) for refs in held for r in objects(refs)} - {""}


def _named(held: Resource) -> str:
    logical = held.get("identifier")
    text = text_of(held.get("reference"))
    if not text and isinstance(logical, dict):
        text = text_of(logical.get("value"))
    found = RELATIVE_REFERENCE.fullmatch(text)
    return f"{found['type']}/{found['id']}" if found else ""


def own_id(resource: Resource, by: Authorship) -> str:
    """The id that we gave: where a server gives ids itself, only the identifier has it."""
    return identifier_value(resource, by.identity.identifier_system("assessment"))


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
) -> Withdrawal:
    new = next((found for old in pair if (found := replacement_for(old, created))), None)
    actions: dict[str, Action] = {}
    for old in pair:
        name, own = text_of(old.get("resourceType")), own_id(old, by)
        successor = f"{name}/{resource_id(by.identity, KINDS[name], new)}" if new else ""
        actions[own] = decide_withdrawal(old, by, known.get(own), successor=successor)
    settled = settle(actions)
    return Withdrawal(tuple((old, settled[own_id(old, by)]) for old in pair), new)
