"""Looking again at what a search returned: servers may ignore a parameter and answer anyway."""

from __future__ import annotations

import re

import msgspec
from msgspec import Struct

from fhir_remission.fhir.queries import Query
from fhir_remission.fhir.wire import (
    CodeableConcept,
    Condition,
    Entry,
    MedicationAdministration,
    Observation,
    Patient,
    Procedure,
    Resource,
    components,
)

_PATIENT = re.compile(r"(?:^|/)Patient/([A-Za-z0-9\-._]{1,128})(?:/_history/[^/]+)?$")


class Screened(Struct, frozen=True):
    """The matches that are what was asked for, and what the others were."""

    kept: tuple[Entry, ...]
    foreign: int = 0
    """Rows of a patient nobody asked for: a reason to stop."""
    unattributed: int = 0
    """Rows that name no patient: nobody's evidence, so something may be missing from somebody's."""
    beside: int = 0
    """Rows of another type or code: included resources, or a parameter that was ignored."""


def screen(entries: tuple[Entry, ...], query: Query, linked: frozenset[str]) -> Screened:
    """Keep the rows that answer the query; `linked` are other ids of the same persons."""
    kept: list[Entry] = []
    counts = {"foreign": 0, "unattributed": 0, "beside": 0}
    allowed = query.patients | linked
    for entry in entries:
        verdict = _verdict(entry.resource, query, allowed)
        if verdict is None:
            kept.append(entry)
        else:
            counts[verdict] += 1
    return Screened(tuple(kept), **counts)


def patient_of(resource: Resource) -> str | None:
    """Return the bare id of the patient a resource is about; None when it does not say."""
    if isinstance(resource, Patient):
        return resource.id
    subject = getattr(resource, "subject", None)
    found = _PATIENT.search(subject.reference) if subject and subject.reference else None
    return found[1] if found else None


def _verdict(resource: Resource, query: Query, allowed: frozenset[str]) -> str | None:
    if resource.type_name != query.resource_type:
        return "beside"
    if query.patients:
        patient = patient_of(resource)
        if patient is not None and patient not in allowed:
            return "foreign"
        # Of a retracted result some servers show id and status only (US Core general guidance).
        if patient is None and getattr(resource, "status", None) != "entered-in-error":
            return "unattributed"
    return None if _answers(resource, query) else "beside"


def _answers(resource: Resource, query: Query) -> bool:
    if not query.codes:
        return True
    said = _codes(resource)
    return not said or not said.isdisjoint(code for _, code in query.codes)


def _codes(resource: Resource) -> set[str]:
    """All codes of a resource; systems are compared exactly later, where it is judged."""
    concepts: list[CodeableConcept | None] = []
    if isinstance(resource, Observation):
        concepts = [resource.code]
        try:
            concepts += [part.code for part in components(resource)]
        except msgspec.DecodeError:
            return set()
    elif isinstance(resource, Condition | Procedure):
        concepts = [resource.code]
    elif isinstance(resource, MedicationAdministration):
        concepts = [resource.medication_codeable_concept]
    return {
        coding.code
        for concept in concepts
        if concept is not None
        for coding in concept.coding or []
        if coding.code
    }
