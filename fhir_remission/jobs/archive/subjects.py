"""Between the passes: which names are one person, so that all rows of a person come together.

A merged record, a subject given by its identifier, an address that only a Bundle explains: the
first pass cannot resolve them. Here they are joined, as widely as they may belong together; who is
who is then decided by `group_by_patient` alone, which sees them side by side.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.domain.tables.systems import plain_name
from fhir_remission.effects.files.spool import Row
from fhir_remission.fhir.incoming.subjects import (
    UNKNOWN,
    Carried,
    is_identifier,
    own_key,
    plain_value,
)
from fhir_remission.fhir.r4.references import members_of, parse_literal
from fhir_remission.fhir.r4.wire import Entry, Patient
from fhir_remission.fhir.reading.relevance import may_matter
from fhir_remission.jobs.archive.parts import WITHDRAWN, Flaw

_UUID = "urn:uuid:"
_ORPHANS = ("Observation/", "DiagnosticReport/", "Composition/")
HOLDING = (b'"result"', b'"hasMember"', b'"related"', b'"section"')
_NAMED = re.compile(rb'"reference"\s*:\s*"([^"\\]*Observation/[^"\\]+)"')


def key_of(entry: Entry, place: str, mappings: Mappings) -> str:
    """Under which name an entry is sorted; its own where what holds it may tell whose it is."""
    resource = entry.resource
    if isinstance(resource, Patient):
        return entry.ref if resource.id or entry.full_url else f"Patient at {place}"
    key = own_key(resource)
    if key == UNKNOWN and resource.id and f"{resource.type_name}/" in _ORPHANS:
        # What holds it may tell whose it is (`holders`), or make it doubtful if withdrawn.
        matters = members_of(resource) or may_matter(resource, mappings)
        return entry.ref if matters else key
    return key


class _Joined:
    """Names that belong together, by union and find."""

    def __init__(self) -> None:
        self._over: dict[str, str] = {}

    def root(self, name: str) -> str:
        """The name that stands for all that are joined with this one."""
        while (over := self._over.get(name, name)) != name:
            self._over[name] = self._over.get(over, over)
            name = over
        return name

    def join(self, one: str, other: str) -> None:
        """Let two names stand for the same."""
        low, high = sorted((self.root(one), self.root(other)))
        if low != high:
            self._over[high] = low

    def moves(self) -> dict[str, str]:
        """Every name that another one stands for."""
        return {name: self.root(name) for name in self._over if self.root(name) != name}


Rows = Callable[[frozenset[str]], Iterable[Row]]
"""The rows of these ids; of every one where none is given."""


def holders(rows: Rows, named: Iterable[Row]) -> Iterator[Row]:
    """Which reports and panels hold results: their key is that of those, where either has none."""
    orphans = {row.key for row in named if row.key.startswith(_ORPHANS)}
    held: set[str] = set()
    for row in rows(frozenset()) if orphans else ():
        body = bytes(row.body)
        if not any(name in body for name in HOLDING):
            continue
        for name in {_relative(found[1].decode()) for found in _NAMED.finditer(body)}:
            # An orphan that holds others is joined with whichever of them says whose it is.
            if name in orphans or row.key in orphans:
                yield Row(row.task, row.number, row.key, name.encode())
            if row.key in orphans:
                held.add(name.rpartition("/")[2])
    for row in rows(frozenset(held)) if held else ():
        if (
            row.id in held
            and not row.key.startswith(_ORPHANS)
            and b'"Observation"' in bytes(row.body)
        ):
            yield Row(row.task, row.number, row.key, f"Observation/{row.id}".encode())


def _relative(text: str) -> str:
    literal = parse_literal(text)
    return literal.relative if literal is not None else text


def moves_of(
    people: Iterable[Row],
    identities: Iterable[Row],
    named: Sequence[Row],
    held: Iterable[Row] = (),
) -> tuple[dict[str, str], frozenset[str]]:
    """Which keys are to be read together with which other key, and the names that are nobody's."""
    joined = _Joined()
    listed, people = list(held), list(people)
    addresses: set[str] = set()
    for row in (*listed, *people):
        name = str(row.body, "utf-8")
        joined.join(row.key, name)
        addresses |= {name} if name.startswith("urn:") else set()
    used = {row.key for row in named}
    for name, patient in _by_uuid(used).items():
        joined.join(name, patient)
    strange = {name for name in used if is_identifier(name)}
    urns = {name for name in used - strange - addresses if name.startswith("urn:")}
    # A record may name another one by its identifier.
    asked = used | {name for row in people if is_identifier(name := str(row.body, "utf-8"))}
    carry, here = _carried(identities, strange, asked, joined) if asked else (None, set[str]())
    nobodys = {name for name in strange if carry is not None and not carry.tells_apart(name)}
    alone = {name for name in used if name.startswith(_ORPHANS)}
    found = {joined.root(row.key) for row in listed if row.key not in alone}
    nowhere = urns - here if carry else set()
    withdrawn = {row.key for row in named if bytes(row.body) == WITHDRAWN.encode()}
    lost = {name for name in alone if joined.root(name) not in found} | nowhere | nobodys
    lost |= _of_several(alone, listed, people)
    lost -= withdrawn
    return joined.moves(), frozenset(lost)


def _by_uuid(names: Iterable[str]) -> dict[str, str]:
    """By address the patient whose id is its uuid: some NDJSON keeps the addresses of Bundles."""
    uuids = (name for name in names if name.startswith(_UUID))
    return {name: f"Patient/{name.removeprefix(_UUID)}" for name in uuids}


def _of_several(alone: set[str], held: Sequence[Row], people: Sequence[Row]) -> set[str]:
    """What names nobody and is held together with results of two persons: nobody knows whose."""
    persons, together = _Joined(), _Joined()
    for row in people:
        persons.join(row.key, str(row.body, "utf-8"))
    for row in held:
        together.join(row.key, str(row.body, "utf-8"))
    owners: dict[str, set[str]] = {}
    for row in held:
        if row.key not in alone:
            owners.setdefault(together.root(row.key), set()).add(persons.root(row.key))
    return {name for name in alone if len(owners.get(together.root(name), ())) > 1}


def _carried(
    identities: Iterable[Row],
    strange: set[str],
    used: set[str],
    joined: _Joined,
) -> tuple[Carried | None, set[str]]:
    """Join identifiers with whoever carries them; what is carried besides, where anybody comes.

    And which addresses are the uuid of a patient who comes.
    Of the values only those are kept that something is called by: there are as many as patients.
    """
    asked = {plain_value(name.rpartition("|")[2]) for name in strange}
    systems, values, somebody = set[str](), set[str](), False
    owners: dict[str, set[str]] = {}
    patients, here = {patient: name for name, patient in _by_uuid(used).items()}, set[str]()
    for row in identities:
        name = str(row.body, "utf-8")
        somebody = True
        if row.key in patients:
            here.add(patients[row.key])
        if name in used:
            owners.setdefault(name, set()).add(joined.root(row.key))
        if name:
            system, _, value = name.rpartition("|")
            systems.add(plain_name(system))
            values |= {plain_value(value)} & asked
    for name, found in owners.items():
        if len(found) == 1:
            strange.discard(name)
        for key in found:
            joined.join(name, key)
    carry = Carried(frozenset(systems - {""}), frozenset(values)) if somebody else None
    return carry, here


def unassigned(name: str) -> Flaw:
    """Something that may be evidence, and that names no patient nor is held by one's report."""
    if is_identifier(name):
        # Its value is a person's number, and this stands in what everybody is told.
        name = f"an identifier of {name.rpartition('|')[0] or 'no system'}"
    return Flaw(name, 0, "it may be evidence, and names no patient that can be resolved")
