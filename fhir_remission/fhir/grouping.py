"""Whose resource is it: by full address, then relative, then absolute with the same type and id.

A subject that is only an identifier groups by system and value; what has no subject is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from fhir_remission.domain.inputs import Skipped
from fhir_remission.fhir.elements import Reference
from fhir_remission.fhir.merges import KINDS as MERGED
from fhir_remission.fhir.merges import Links, Person, links_of, people_of
from fhir_remission.fhir.owners import settled
from fhir_remission.fhir.references import Index, index_of, named, parse_literal
from fhir_remission.fhir.versions import Rank, rank_of
from fhir_remission.fhir.wire import (
    Device,
    DiagnosticReport,
    Entry,
    Medication,
    MedicationAdministration,
    Observation,
    Patient,
    contained,
)


class Groups(Struct, frozen=True):
    """The entries of each patient, sorted by patient, and what belongs to nobody."""

    patients: dict[str, list[Entry]]
    unassigned: tuple[Skipped, ...] = ()
    one_sided: frozenset[str] = frozenset()
    """Patients whose record names another one as theirs that does not agree (`merges.py`)."""


def group_by_patient(
    entries: Iterable[Entry],
    *,
    beside: Sequence[Entry] = (),
    people: Mapping[str, Person] | None = None,
) -> Groups:
    """Sort resources to their patients; shared ones go with every patient that refers to them.

    `beside` may be referred to and is sorted to nobody. `people` are the merged records where they
    are known; else the entries tell.
    """
    listed = list(entries)
    index, twins = index_of([*listed, *beside]), _twins(listed)
    keys = _Keys(
        index=index,
        by_identifier=_identifiers(listed),
        twins=twins,
        people=_people(listed, index, twins) if people is None else people,
        seen={},
    )
    groups: dict[str, list[Entry]] = {}
    unassigned: list[Skipped] = []
    owned = [one for one in listed if not isinstance(one.resource, _NOBODYS)]
    for entry, key in settled([(one, patient_key(one, keys)) for one in owned]):
        if key:
            groups.setdefault(key, []).append(entry)
        else:
            unassigned.append(Skipped(source=entry.ref, reason="no subject that can be resolved"))
    for key, group in groups.items():
        group.extend(_referred(group, key, keys))
    aside = frozenset(
        name for name in groups if name in keys.people and keys.people[name].one_sided
    )
    return Groups(dict(sorted(groups.items())), tuple(unassigned), aside)


_NOBODYS = (Medication, Device)


class _Keys(Struct, frozen=True):
    index: Index
    by_identifier: dict[str, str]
    twins: frozenset[str]
    """References that two servers use for two people."""
    people: Mapping[str, Person]
    """Who the records are that were merged."""
    seen: dict[str, str]
    """Subjects that were resolved before, by their text."""


def patient_key(entry: Entry, keys: _Keys) -> str:
    """The patient an entry belongs to, as `Patient/id`, `system|value` or the address it names."""
    resource = entry.resource
    if isinstance(resource, Patient):
        return _survivor(_name(entry, keys.twins), keys)
    subject = None if isinstance(resource, _NOBODYS) else resource.subject
    text = subject.reference if subject is not None else None
    if not text or text.startswith("#"):
        return _subject_key(subject, keys)
    key = keys.seen.get(text)
    if key is None and subject is not None and subject.identifier is None:
        key = keys.seen[text] = _subject_key(subject, keys)
    return _subject_key(subject, keys) if key is None else key


def _subject_key(subject: Reference | None, keys: _Keys) -> str:
    if subject is None:
        return ""
    found = keys.index.find(subject)
    literal = parse_literal(subject.reference or "")
    if literal is not None and literal.relative in keys.twins:
        return subject.reference or "" if literal.base else ""
    if found is not None:
        patient = isinstance(found.resource, Patient)
        return _survivor(_name(found, keys.twins), keys) if patient else ""
    if literal is not None:
        return _survivor(literal.relative, keys) if literal.type == "Patient" else ""
    if subject.reference and not subject.reference.startswith("#"):
        return subject.reference
    identifier = named(subject.identifier)
    return keys.by_identifier.get(identifier, identifier)


def _people(entries: Sequence[Entry], index: Index, twins: frozenset[str]) -> dict[str, Person]:
    """The persons behind records that were merged; a record that is not here counts as gone."""
    said: dict[str, tuple[Rank, Links]] = {}
    for entry in entries:
        record = entry.resource
        if isinstance(record, Patient):
            named = [
                (link.type or "", _record(link.other, index, twins))
                for link in record.link or []
                if link.type in MERGED and link.other is not None
            ]
            here = (rank_of(record), links_of(record, named))
            name = _name(entry, twins)
            said[name] = max(said.get(name, here), here, key=lambda one: (one[0], repr(one[1])))
    return people_of({name: links for name, (_, links) in said.items()})


def _record(reference: Reference, index: Index, twins: frozenset[str]) -> str:
    """The name of the record a link leads to."""
    found, literal = index.find(reference), parse_literal(reference.reference or "")
    if found is None:
        return literal.relative if literal is not None else reference.reference or ""
    there = parse_literal(found.full_url)
    if literal is not None and literal.base and there is not None and there.base != literal.base:
        # A patient of the same id on another server is somebody else.
        return ""
    return _name(found, twins) if isinstance(found.resource, Patient) else ""


def _name(entry: Entry, twins: frozenset[str]) -> str:
    return entry.full_url if entry.ref in twins else entry.ref


def _survivor(name: str, keys: _Keys) -> str:
    """The record that replaced this one, where two records of one person were merged."""
    person = keys.people.get(name)
    return (person.survivor if person is not None else "") or name


def _twins(entries: Sequence[Entry]) -> frozenset[str]:
    addresses: dict[str, set[str]] = {}
    for entry in entries:
        literal = parse_literal(entry.full_url) if isinstance(entry.resource, Patient) else None
        if literal is not None:
            addresses.setdefault(entry.ref, set()).add(literal.base)
    return frozenset(ref for ref, bases in addresses.items() if len(bases) > 1)


def _identifiers(entries: Sequence[Entry]) -> dict[str, str]:
    """Patients by identifier; one that two patients carry names neither."""
    owners: dict[str, set[str]] = {}
    for entry in entries:
        if isinstance(entry.resource, Patient):
            for identifier in entry.resource.identifier or []:
                owners.setdefault(named(identifier), set()).add(entry.ref)
    return {name: next(iter(refs)) for name, refs in owners.items() if name and len(refs) == 1}


def _referred(group: Sequence[Entry], key: str, keys: _Keys) -> list[Entry]:
    """What the group points to and does not hold: medications, devices, a donor's specimen."""
    held = {id(entry) for entry in group}
    referred: list[Entry] = []
    for entry in group:
        for reference in pointers(entry):
            found = keys.index.find(reference)
            if found is not None and id(found) not in held:
                held.add(id(found))
                referred.append(found)
    return referred


def pointers(entry: Entry) -> list[Reference | None]:
    """The references by which an entry draws in what may be another patient's or nobody's."""
    resource = entry.resource
    if isinstance(resource, Observation):
        return [resource.specimen, resource.device]
    if isinstance(resource, MedicationAdministration):
        return [resource.medication_reference]
    if isinstance(resource, DiagnosticReport):
        inner = contained(resource.contained).values()
        specimens = [one.specimen for one in inner if isinstance(one, Observation)]
        return [*(resource.specimen or []), *specimens]
    return []
