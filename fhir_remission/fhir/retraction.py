"""A resource of ours taken back: still there for whoever saw it, marked as an error, with why."""

from __future__ import annotations

from fhir_remission.fhir.authorship import Authorship, Change, taken_elements
from fhir_remission.fhir.datatypes import Json, Resource
from fhir_remission.fhir.explanation import note
from fhir_remission.fhir.identity import seal

FROM_SERVER = ("versionId", "lastUpdated", "source")


def retracted(existing: Resource, by: Authorship, change: Change) -> Resource:
    """The resource as entered in error; summary and findings stay readable."""
    meta, notes = existing.get("meta"), existing.get("note")
    kept: list[Json] = list(notes) if isinstance(notes, list) else []
    resource: Resource = {
        **existing,
        "meta": {name: item for name, item in meta.items() if name not in FROM_SERVER}
        if isinstance(meta, dict)
        else {},
        "status": "entered-in-error",
        "note": [*kept, note(change.sentence, by)],
    }
    if existing.get("resourceType") == "ClinicalImpression":
        resource["statusReason"] = by.concept("change", change.kind)
    return seal(taken_elements(resource, by), namespace=by.identity.namespace)
