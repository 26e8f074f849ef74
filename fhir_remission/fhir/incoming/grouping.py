"""Whose resource is it: by full address, then relative, then absolute with the same type and id.

A subject that is only an identifier groups by system and value. What names nobody belongs to the
patient of the report or panel that holds it, and a report to the patient of its results.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from msgspec import Struct

from fhir_remission.domain.nouns.inputs import Skipped
from fhir_remission.fhir.incoming.merges import Links, Person, links_of, people_of
from fhir_remission.fhir.incoming.owners import settled, through_reports
from fhir_remission.fhir.incoming.subjects import (
    NOBODY,
    SUBJECTS,
    UNKNOWN,
    Carried,
    carried,
    is_identifier,
    reference_key,
    subject_of,
)
from fhir_remission.fhir.incoming.versions import Rank, rank_of
from fhir_remission.fhir.r4.elements import Reference
from fhir_remission.fhir.r4.references import Index, index_of, name_of, named, parse_literal
from fhir_remission.fhir.r4.type_names import contained
from fhir_remission.fhir.r4.wire import (
    Device,
    DiagnosticReport,
    Entry,
    Medication,
    MedicationAdministration,
    Observation,
    Patient,
    Procedure,
    Resource,
    Specimen,
)


class Groups(Struct, frozen=True):
    """The entries of each patient, sorted by patient, and what belongs to nobody."""

    patients: dict[str, list[Entry]]
    lost: tuple[Entry, ...] = ()
    """What names no patient that can be resolved."""
    others: tuple[Entry, ...] = ()
    """What is about no patient, or is kept for whoever refers to it."""
    one_sided: frozenset[str] = frozenset()
    """Patients whose record names another one as theirs that does not agree (`merges.py`)."""
    linked: frozenset[str] = frozenset()
    """Patients of whom another record may hold more, or nobody can say which one is in force."""

    @property
    def unassigned(self) -> tuple[Skipped, ...]:
        """What is lost, as it is told."""
        return tuple(Skipped(source=entry.ref, reason=NO_PATIENT) for entry in self.lost)


NO_PATIENT = "no subject that can be resolved"


def group_by_patient(
    entries: Iterable[Entry],
    *,
    beside: Sequence[Entry] = (),
    people: Mapping[str, Person] | None = None,
    nobodys: frozenset[str] = frozenset(),
) -> Groups:
    """Sort resources to their patients; shared ones go with every patient that refers to them.

    `beside` may be referred to and is sorted to nobody. `nobodys` are identifiers that name nobody.
    `people` are the merged records where they
    are known; else the entries tell.
    """
    listed = list(entries)
    index, twins = index_of([*listed, *beside]), _twins(listed)
    known = _people(listed, index, twins) if people is None else people
    keys = _Keys(
        index=index,
        by_identifier=_identifiers(listed, known),
        twins=twins,
        people=known,
        has_people=any(isinstance(one.resource, Patient) for one in listed),
        carried=carried(
            named(identifier)
            for one in listed
            if isinstance(one.resource, Patient)
            for identifier in one.resource.identifier or []
        ),
        seen={},
        nobodys=nobodys,
    )
    owned = [(one, patient_key(one, keys)) for one in listed if not _is_nobodys(one)]
    if any(key == UNKNOWN for _, key in owned):
        owned = through_reports(owned, keys.index)
    groups: dict[str, list[Entry]] = {}
    for entry, key in settled(owned):
        groups.setdefault(key, []).append(entry)
    unknown, others = groups.pop(UNKNOWN, []), groups.pop(NOBODY, [])
    for key, group in groups.items():
        group.extend(_referred(group, key, keys))
    # A Specimen need not say whose it is: it counts for the results that name it.
    lost = [one for one in unknown if not isinstance(one.resource, Specimen)]
    others += [one for one in unknown if isinstance(one.resource, Specimen)]
    others += [one for one in listed if _is_nobodys(one)]
    aside = frozenset(
        name for name in groups if name in keys.people and keys.people[name].one_sided
    )
    linked = frozenset(name for name in groups if _may_hold_more(name, groups, keys.people))
    return Groups(dict(sorted(groups.items())), tuple(lost), tuple(others), aside, linked)


def _may_hold_more(
    name: str, groups: Mapping[str, Sequence[Entry]], people: Mapping[str, Person]
) -> bool:
    """Whether a linked record holds evidence, or is not here, or none is known to be in force."""
    person = people.get(name)
    if person is None:
        return False
    here = (groups.get(other, ()) for other in person.linked)
    return bool(person.problem) or any(
        not held or any(not isinstance(one.resource, Patient) for one in held) for held in here
    )


_NOBODYS = (Medication, Device)
KEPT = (Medication, Device, Specimen)
"""What is of use to whoever refers to it."""


def _is_nobodys(entry: Entry) -> bool:
    return isinstance(entry.resource, _NOBODYS)


class _Keys(Struct, frozen=True):
    index: Index
    by_identifier: dict[str, str]
    twins: frozenset[str]
    """References that two servers use for two people."""
    people: Mapping[str, Person]
    """Who the records are that were merged."""
    has_people: bool
    carried: Carried
    nobodys: frozenset[str]
    """Identifiers of which is known, of a larger input, that they tell nobody apart."""
    seen: dict[str, str]
    """Subjects that were resolved before, by their text."""


def patient_key(entry: Entry, keys: _Keys) -> str:
    """The patient an entry belongs to, as `Patient/id`, `system|value` or the address it names."""
    resource = entry.resource
    if isinstance(resource, Patient):
        return _survivor(_name(entry, keys.twins), keys)
    subject = subject_of(resource)
    text = subject.address if subject is not None else ""
    if not text or text.startswith("#"):
        return _subject_key(subject, resource, keys)
    if subject is not None and subject.identifier is not None:
        return _undisputed(_subject_key(subject, resource, keys), subject, keys)
    if text not in keys.seen:
        keys.seen[text] = _subject_key(subject, resource, keys)
    return keys.seen[text]


def _undisputed(key: str, subject: Reference, keys: _Keys) -> str:
    """Nobody where the identifier beside a reference is another patient's: either may be meant."""
    other = keys.by_identifier.get(named(subject.identifier), key)
    return key if other == key or key == NOBODY or other in keys.twins else UNKNOWN


def _subject_key(subject: Reference | None, resource: Resource, keys: _Keys) -> str:
    if subject is None:
        return UNKNOWN
    found = keys.index.find(subject)
    literal = parse_literal(subject.address)
    if literal is not None and literal.relative in keys.twins:
        return subject.address if literal.base else UNKNOWN
    if found is not None:
        if isinstance(found.resource, Patient):
            return _survivor(_name(found, keys.twins), keys)
        return NOBODY if found.resource.type_name in SUBJECTS else UNKNOWN
    key = reference_key(subject, resource)
    if subject.address.startswith("urn:") and keys.has_people:
        # Some NDJSON keeps the addresses of the Bundles it was made from (Synthea), where the
        # uuid is the id; else it is an address that nothing here has.
        here = f"Patient/{key.removeprefix('urn:uuid:')}"
        return _survivor(here, keys) if here in keys.index.by_ref else UNKNOWN
    if key.startswith("Patient/"):
        return _survivor(key, keys)
    known = keys.by_identifier.get(key)
    if key in keys.nobodys:
        return UNKNOWN
    if known is None and keys.has_people and is_identifier(key):
        return key if keys.carried.tells_apart(key) else UNKNOWN
    return known or key


def _people(entries: Sequence[Entry], index: Index, twins: frozenset[str]) -> dict[str, Person]:
    """The persons behind records that were merged; a record that is not here counts as gone."""
    said: dict[str, tuple[Rank, Links]] = {}
    for entry in entries:
        record = entry.resource
        if isinstance(record, Patient):
            named = [
                (link.type or "", _record(link.other, index, twins))
                for link in record.link or []
                if link.other is not None
            ]
            here = (rank_of(record), links_of(record, named))
            name = _name(entry, twins)
            said[name] = max(said.get(name, here), here, key=lambda one: (one[0], repr(one[1])))
    return people_of({name: links for name, (_, links) in said.items()})


def _record(reference: Reference, index: Index, twins: frozenset[str]) -> str:
    """The name of the record a link leads to."""
    found = index.find(reference) or index.named(reference, Patient.type_name)
    literal = parse_literal(reference.address)
    if literal is not None and literal.type != Patient.type_name:
        return ""
    if found is None:
        return name_of(reference)
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


def _identifiers(entries: Sequence[Entry], people: Mapping[str, Person]) -> dict[str, str]:
    """Patients by identifier; one that two patients carry names neither."""

    def person(ref: str) -> str:
        return (people[ref].survivor if ref in people else "") or ref

    owners: dict[str, set[str]] = {}
    for entry in entries:
        if isinstance(entry.resource, Patient):
            for identifier in entry.resource.identifier or []:
                owners.setdefault(named(identifier), set()).add(person(entry.ref))
    return {name: next(iter(refs)) for name, refs in owners.items() if name and len(refs) == 1}


def _referred(group: Sequence[Entry], key: str, keys: _Keys) -> list[Entry]:
    """What the group points to and does not hold: medications, devices, a donor's specimen."""
    held = {id(entry) for entry in group}
    referred: list[Entry] = []
    for entry in chain(group, referred):
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
    if isinstance(resource, Specimen):
        return list(resource.parent or [])
    if isinstance(resource, MedicationAdministration):
        return [resource.medication_reference]
    if isinstance(resource, Procedure):
        return list(resource.used_reference or [])
    if isinstance(resource, Medication):
        return [one for part in resource.ingredient or [] for one in part.references]
    if isinstance(resource, DiagnosticReport):
        inner = contained(resource.contained).values()
        specimens = [one.specimen for one in inner if isinstance(one, Observation)]
        return [*(resource.specimen or []), *specimens]
    return []
