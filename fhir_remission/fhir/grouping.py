"""Whose resource is it: by full address, then relative, then absolute with the same type and id.

A subject that is only an identifier groups by system and value; what has no subject is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from fhir_remission.domain.inputs import Skipped
from fhir_remission.fhir.elements import Reference
from fhir_remission.fhir.owners import settled
from fhir_remission.fhir.references import Index, index_of, named, parse_literal
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


def group_by_patient(entries: Iterable[Entry], *, beside: Sequence[Entry] = ()) -> Groups:
    """Sort resources to their patients; shared ones go with every patient that refers to them.

    `beside` may be referred to and is sorted to nobody.
    """
    listed = list(entries)
    keys = _Keys(
        index=index_of([*listed, *beside]),
        by_identifier=_identifiers(listed),
        twins=_twins(listed),
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
    return Groups(patients=dict(sorted(groups.items())), unassigned=tuple(unassigned))


_NOBODYS = (Medication, Device)


class _Keys(Struct, frozen=True):
    index: Index
    by_identifier: dict[str, str]
    twins: frozenset[str]
    """References that two servers use for two people."""
    seen: dict[str, str]
    """Subjects that were resolved before, by their text."""


def patient_key(entry: Entry, keys: _Keys) -> str:
    """The patient an entry belongs to, as `Patient/id`, `system|value` or the address it names."""
    resource = entry.resource
    if isinstance(resource, Patient):
        return _survivor(entry, keys)
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
        return _survivor(found, keys) if isinstance(found.resource, Patient) else ""
    if literal is not None:
        return literal.relative if literal.type == "Patient" else ""
    if subject.reference and not subject.reference.startswith("#"):
        return subject.reference
    identifier = named(subject.identifier)
    return keys.by_identifier.get(identifier, identifier)


def _survivor(entry: Entry, keys: _Keys) -> str:
    """The record that replaced this one, where two records of one person were merged."""
    seen = {entry.ref}
    while isinstance(entry.resource, Patient):
        links = entry.resource.link or []
        newer = next((link.other for link in links if link.type == "replaced-by"), None)
        found = keys.index.find(newer)
        if found is None or found.ref in seen:
            break
        entry = found
        seen.add(entry.ref)
    return entry.full_url if entry.ref in keys.twins else entry.ref


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
