"""Where each entry of one patient ended, for the account of what came in (`domain.accounting`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from fhir_remission.domain.answer.accounting import Place
from fhir_remission.domain.nouns.inputs import Skipped
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.fhir.incoming.versions import Current
from fhir_remission.fhir.r4.composition import Composition
from fhir_remission.fhir.r4.outcomes import TEST_DATA, held_back, what_it_says
from fhir_remission.fhir.r4.type_names import hides_contained
from fhir_remission.fhir.r4.wire import Device, Entry, Patient, Resource
from fhir_remission.fhir.reading.condition import EventsRead
from fhir_remission.fhir.reading.observation import ObservationRead
from fhir_remission.fhir.reading.relevance import has_meaning, may_matter

Read = ObservationRead | EventsRead
Ending = Literal["used", "skipped", "irrelevant", "ours"]


class End(Struct, frozen=True):
    """The version of a resource that counts, and where it ended."""

    version: Current
    place: Ending


def ending_of(read: Read, *, is_evidence: bool) -> Ending:
    """Where the latest version of a resource ended; what only supports others is used."""
    if not is_evidence:
        return "used"
    if isinstance(read, ObservationRead):
        gave = bool(read.results or read.worded)
    else:
        gave = bool(read.events or read.claims)
    if gave:
        return "used"
    return "skipped" if read.skipped or read.unplaced else "irrelevant"


def hidden_part(resource: Resource, *, invented: bool) -> str:
    """Why a resource may say more than it shows; empty where it shows all.

    `invented`: the patient is labelled as test data, so that it goes without saying.
    """
    if isinstance(resource, Patient | Device):
        # Names that are left out are no evidence, and no result lies within them.
        return ""
    if isinstance(resource, Composition) and resource.withholds:
        return "a section of it is empty because its content is withheld"
    label = held_back(resource.meta)
    if label and not (invented and label.strip().upper() == TEST_DATA):
        return f"labelled {label}: {what_it_says(label, 'something of it was held back')}"
    return "something contained in it cannot be read" if hides_contained(resource.contained) else ""


def is_invented(entries: Iterable[Entry]) -> bool:
    """Whether the patient itself is labelled as test data."""
    people = (one.resource for one in entries if isinstance(one.resource, Patient))
    return any(held_back(one.meta).strip().upper() == TEST_DATA for one in people)


def is_deleted(entry: Entry, deleted: frozenset[str]) -> bool:
    """Whether a deletion names it."""
    return entry.ref in deleted or entry.full_url in deleted


def told_deleted(gone: Iterable[Entry], mappings: Mappings) -> tuple[Skipped, ...]:
    """What was evidence until it was deleted."""
    return tuple(
        Skipped(source=ref, reason="deleted on the server")
        for ref in sorted({e.ref for e in gone if may_matter(e.resource, mappings)})
    )


def places_of(
    entries: Sequence[Entry],
    ends: Mapping[str, End],
    deleted: frozenset[str],
    mappings: Mappings,
) -> list[Place]:
    """Where each entry ended, in their order."""
    return [
        "deleted" if deleted and is_deleted(entry, deleted) else _place(entry, ends, mappings)
        for entry in entries
    ]


def _place(entry: Entry, ends: Mapping[str, End], mappings: Mappings) -> Place:
    end = ends[entry.ref]
    last = end.version.entry
    if entry is last:
        return "irrelevant" if end.place == "ours" else end.place
    # Of what means nothing no version is kept track of: most of an archive is that.
    if not has_meaning(entry.resource, mappings):
        return "irrelevant"
    return "duplicate" if entry.resource == last.resource else "superseded"
