"""Looking again at what a search returned: servers may ignore a parameter and answer anyway."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from fhir_remission.domain.nouns.namespace import INPUTS
from fhir_remission.domain.tables.check_digits import mistyped
from fhir_remission.fhir.incoming.subjects import subject_of
from fhir_remission.fhir.r4.decoding import components
from fhir_remission.fhir.r4.elements import CodeableConcept, Coding
from fhir_remission.fhir.r4.references import members_of
from fhir_remission.fhir.r4.wire import (
    UNREADABLE,
    Condition,
    Entry,
    MedicationAdministration,
    Observation,
    Patient,
    Procedure,
    Resource,
    is_withdrawn,
)
from fhir_remission.fhir.server.queries import Query

# Whatever is there: that an id is one was looked at where it came in (`ids.py`).
_PATIENT = re.compile(r"(?:^|/)Patient/([^/?#]+)(?:/_history/[^/]+)?$")


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
    # Systems are compared exactly later, where the row is judged.
    wanted = frozenset(code for _, code in query.codes)
    for entry in entries:
        verdict = _verdict(entry.resource, query, allowed, wanted)
        if verdict is None:
            kept.append(entry)
        else:
            counts[verdict] += 1
    return Screened(tuple(kept), **counts)


def patient_of(resource: Resource) -> str | None:
    """Return the bare id of the patient a resource is about; None when it does not say."""
    if isinstance(resource, Patient):
        return resource.id
    subject = subject_of(resource)
    found = _PATIENT.search(subject.address) if subject is not None else None
    return found[1] if found else None


def _verdict(
    resource: Resource, query: Query, allowed: frozenset[str], wanted: frozenset[str]
) -> str | None:
    if resource.type_name != query.resource_type:
        return "beside"
    if resource.id in query.ids and patient_of(resource) not in {None, *allowed}:
        # Named by a report of ours, and another person's: the report is wrong, not the server.
        return "beside"
    if query.patients:
        patient = patient_of(resource)
        if patient is not None and patient not in allowed and not _replaces(resource, allowed):
            return "foreign"
        # Of a retracted result some servers show id and status only (US Core general guidance).
        if patient is None and not is_withdrawn(resource):
            return "unattributed"
    if query.ids and resource.id not in query.ids:
        return "beside"
    if query.ids and members_of(resource):
        return None  # whatever its own code is, it may hold what was asked for
    return None if not wanted or _answers(resource, wanted) else "beside"


def _replaces(resource: Resource, allowed: frozenset[str]) -> bool:
    """Whether it is the record into which an allowed one was merged: servers may follow that."""
    if not isinstance(resource, Patient):
        return False
    named = (link.other.address for link in resource.link or [] if link.other is not None)
    found = (_PATIENT.search(reference) for reference in named)
    return any(match is not None and match[1] in allowed for match in found)


def _answers(resource: Resource, wanted: frozenset[str]) -> bool:
    """Say whether it has a code that was asked for, a mistyped one, or none."""
    try:
        said = list(_codes(resource))
    except UNREADABLE:
        # Damaged parts are judged, and named, where the row is read.
        return True
    if any(one.code in wanted for one in said):
        return True
    return not said or any(_is_damaged(one) for one in said)


def _is_damaged(coding: Coding) -> bool:
    """Whether it may have been a code that was asked for: all of our own system are inputs."""
    system = coding.system or ""
    return system.endswith(INPUTS) or bool(mistyped(system, coding.code or ""))


def _codes(resource: Resource) -> Iterator[Coding]:
    concepts: list[CodeableConcept | None] = []
    if isinstance(resource, Observation):
        concepts = [resource.code, *(part.code for part in components(resource))]
    elif isinstance(resource, Condition | Procedure):
        concepts = [resource.code]
    elif isinstance(resource, MedicationAdministration):
        concepts = [resource.medication_codeable_concept]
    for concept in concepts:
        for coding in (concept.coding or ()) if concept is not None else ():
            if coding.code:
                yield coding
