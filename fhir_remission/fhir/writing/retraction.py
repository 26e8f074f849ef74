"""A resource of ours taken back: still there for whoever saw it, marked as an error, with why."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from msgspec import structs

from fhir_remission.fhir.r4.datatypes import Json, Resource, bare, text_of
from fhir_remission.fhir.writing.authorship import Authorship, Change, sealed, taken_elements
from fhir_remission.fhir.writing.explanation import note

FROM_SERVER = ("versionId", "lastUpdated", "source")
# The elements in which we cite evidence.
CITING = ("investigation", "derivedFrom", "problem", "supportingInfo", "focus", "entity")


def sent_back(existing: Resource) -> Resource:
    """What stands there without what the server put in, as it can be sent again."""
    meta = existing.get("meta")
    held = meta if isinstance(meta, dict) else {}
    kept = {name: item for name, item in held.items() if name not in FROM_SERVER}
    rest = {name: item for name, item in existing.items() if name != "meta"}
    return {**rest, "meta": kept} if kept else rest


def retracted(existing: Resource, by: Authorship, change: Change) -> Resource:
    """The resource as entered in error; summary and findings stay readable."""
    notes = existing.get("note")
    kept: list[Json] = list(notes) if isinstance(notes, list) else []
    resource: Resource = {
        **sent_back(existing),
        "status": "entered-in-error",
        "note": [*kept, note(change.sentence, by)],
    }
    if existing.get("resourceType") == "ClinicalImpression":
        resource["statusReason"] = by.concept("change", change.kind)
    return sealed(taken_elements(resource, by), by)


def citations(resource: Resource) -> set[str]:
    """The evidence that a resource of ours links to, as `Observation/o1`."""
    return {bare(text) for name in CITING for text in _links(resource.get(name))}


def unlinked(resource: Resource, gone: Collection[str], by: Authorship) -> Resource:
    """The resource with evidence that is gone named by its address: a link would be refused."""
    if not citations(resource) & set(gone):
        return resource
    named = structs.replace(by, references="logical")
    changed: Resource = {
        name: _renamed(item, gone, named) if name in CITING else item
        for name, item in resource.items()
    }
    return sealed(changed, by) if "identifier" in resource else changed


def _links(value: Json) -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            yield from (text for text in (text_of(item.get("reference")),) if text)
            yield from (text for held in item.values() for text in _links(held))


def _renamed(value: Json, gone: Collection[str], by: Authorship) -> Json:
    if isinstance(value, list):
        return [_renamed(item, gone, by) for item in value]
    if not isinstance(value, dict):
        return value
    literal = text_of(value.get("reference"))
    if literal and bare(literal) in gone:
        return by.to_evidence(literal)
    return {name: _renamed(item, gone, by) for name, item in value.items()}
