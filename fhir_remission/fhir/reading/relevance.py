"""Whether a resource may be evidence, told by its type, status and codes alone."""

from __future__ import annotations

import re
from functools import lru_cache

from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.domain.tables.unmapped import HINTS, Suspected, suspicion
from fhir_remission.fhir.incoming.holders import WITHDRAWN
from fhir_remission.fhir.r4.decoding import components
from fhir_remission.fhir.r4.elements import CodeableConcept, Valued, is_there
from fhir_remission.fhir.r4.free_text import free_text
from fhir_remission.fhir.r4.references import members_of
from fhir_remission.fhir.r4.type_names import holds_evidence
from fhir_remission.fhir.r4.wire import (
    UNREADABLE,
    Condition,
    DiagnosticReport,
    MedicationAdministration,
    Observation,
    Procedure,
    Resource,
)
from fhir_remission.fhir.reading.conclusions import match_value, told_in_words
from fhir_remission.fhir.reading.context import codings_of, concepts_in, words_of

_OURS = re.compile(r"\S+/id .*\bassessment=")
# What was withdrawn, cancelled or not done is evidence of nothing, whoever it was about.
UNDONE = WITHDRAWN | {"not-done"}


def may_matter(resource: Resource, mappings: Mappings) -> bool:
    """Whether it may be evidence; what has no code that is read, or names results, may be any."""
    if getattr(resource, "status", None) in UNDONE:
        return False
    if members_of(resource) or holds_evidence(resource.contained):
        return True
    if isinstance(resource, Observation):
        return _measures(resource, mappings)
    if isinstance(resource, DiagnosticReport):
        return any(told_in_words(resource, mappings))
    if isinstance(resource, Condition | Procedure):
        return _happens(resource.type_name, [resource.code], mappings)
    if isinstance(resource, MedicationAdministration):
        named = resource.medication_codeable_concept
        return resource.medication_reference is not None or _happens(
            resource.type_name, [named], mappings
        )
    return False


def no_patient(resource: Resource) -> str:
    """What is said of a resource that may matter and names nobody."""
    return f"this {resource.type_name} may be evidence, and names no patient that can be resolved"


def has_meaning(resource: Resource, mappings: Mappings) -> bool:
    """The same of an Observation whatever its status; of other types always."""
    if not isinstance(resource, Observation):
        return True
    hints = mappings.codes.hints
    told = any(hints.signs(text) for text in remarks_of(resource))
    return told or holds_evidence(resource.contained) or _measures(resource, mappings)


def remarks_of(observation: Observation) -> tuple[str, ...]:
    """What stands beside a result in words.

    Nothing of a result of ours that carries its identifiers there (`fhir/writing/carried.py`).
    """
    told = free_text(observation)
    return () if any(_OURS.match(text) for text in told) else told


def interpretation_of(valued: Valued) -> tuple[str, ...]:
    """The words in which a result or a part of it is interpreted."""
    said = valued.interpretation
    return _interpreted(bytes(said)) if is_there(said) else ()


# A laboratory sends the same few words again and again.
@lru_cache(maxsize=1 << 10)
def _interpreted(sent: bytes) -> tuple[str, ...]:
    return tuple(text for one in concepts_in(sent) or () for text in words_of(one))


def _measures(observation: Observation, mappings: Mappings) -> bool:
    try:
        parts = [observation, *components(observation)]
    except UNREADABLE:
        return True
    return any(match_value(part, mappings).known for part in parts)


def _happens(kind: str, concepts: list[CodeableConcept | None], mappings: Mappings) -> bool:
    pairs = [pair for one in concepts for pair in codings_of(one, mappings.systems)]
    if any(mappings.events.of(*pair, kind) for pair in pairs):
        return True
    words = tuple(text for one in concepts for text in words_of(one))
    listed = kind == Condition.type_name
    suspected = Suspected(kind, ("leukaemia",) if listed else HINTS, listed=listed)
    return not pairs or suspicion(pairs, words, suspected, mappings)[0] is not None
