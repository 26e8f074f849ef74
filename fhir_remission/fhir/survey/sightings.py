"""Every code of a batch of resources with the display it came with, whether it is known or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.domain.tables.systems import Systems
from fhir_remission.fhir.r4.decoding import components
from fhir_remission.fhir.r4.elements import CodeableConcept, Valued
from fhir_remission.fhir.r4.wire import (
    UNREADABLE,
    Condition,
    Entry,
    Medication,
    MedicationAdministration,
    Observation,
    Procedure,
    Resource,
    Specimen,
)
from fhir_remission.fhir.reading.attributes import concept_of
from fhir_remission.fhir.reading.coding import match_codes

# In the place of a system: what was written without any code.
UNCODED = "(no code)"


class Sighting(Struct, frozen=True):
    """One code where it stood."""

    place: str
    """`Observation`, `Observation.value`, `Condition`, `Specimen.type` ..."""
    system: str
    code: str
    display: str
    analyte: str = ""
    """For an answer: what it is an answer for."""


def sightings(
    entries: Iterable[Entry], mappings: Mappings, *, namespace: str
) -> Iterator[Sighting]:
    """All codes that are looked up when a record is read; what we wrote ourselves is left out."""
    for entry in entries:
        if not _ours(entry.resource, namespace):
            yield from _seen(entry.resource, mappings)


def _ours(resource: Resource, namespace: str) -> bool:
    held = getattr(resource, "identifier", None) or []
    systems = [one.system or "" for one in held]
    tags = (resource.meta.tag if resource.meta else None) or []
    return any(one.startswith(f"{namespace}/id/") for one in systems) or any(
        tag.system == f"{namespace}/CodeSystem/tag" for tag in tags
    )


def _seen(resource: Resource, mappings: Mappings) -> Iterator[Sighting]:
    if isinstance(resource, Observation):
        yield from _measured(resource, "Observation", mappings)
        yield from _codings("Observation.method", resource.method, mappings.systems)
        try:
            parts = components(resource)
        except UNREADABLE:
            return
        for part in parts:
            yield from _measured(part, "Observation.component", mappings)
    elif isinstance(resource, Condition | Procedure):
        yield from _codings(resource.type_name, resource.code, mappings.systems)
    elif isinstance(resource, MedicationAdministration):
        given = resource.medication_codeable_concept
        yield from _codings("MedicationAdministration", given, mappings.systems)
    elif isinstance(resource, Medication):
        yield from _codings("Medication", resource.code, mappings.systems)
        for one in resource.ingredient or []:
            yield from _codings("Medication", one.item_codeable_concept, mappings.systems)
    elif isinstance(resource, Specimen):
        yield from _codings("Specimen.type", resource.type, mappings.systems)


def _measured(valued: Valued, place: str, mappings: Mappings) -> Iterator[Sighting]:
    yield from _codings(place, valued.code, mappings.systems)
    match = match_codes(valued.code, mappings.codes)
    if match.rows:
        analyte = match.rows[0].analyte
        if mappings.analytes[analyte].kind != "attribute":
            answer = concept_of(valued)
            yield from _codings("Observation.value", answer, mappings.systems, analyte)


def _codings(
    place: str, concept: CodeableConcept | None, systems: Systems, analyte: str = ""
) -> Iterator[Sighting]:
    text = (concept.text if concept else None) or ""
    coded = [one for one in (concept.coding if concept else None) or [] if one.code]
    for one in coded:
        named = systems.coding(one.system, one.code or "")
        yield Sighting(place, *named, one.display or text, analyte)
    if text and not coded and not analyte:
        yield Sighting(place, UNCODED, text, text)
