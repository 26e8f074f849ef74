"""A chunk of patients read from the server: each person's evidence whole, or named as incomplete.

The ladder: a chunk that could not be read to its end is read again patient by patient, so that one
patient's trouble does not cost the others. Records that were merged are read as the one person
they are about (`people.py`).
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from msgspec import Struct, field, structs

from fhir_remission.domain.answer.accounting import Account, Place
from fhir_remission.effects.server.client import FhirClient, Found
from fhir_remission.effects.server.parallel_reads import Chains
from fhir_remission.errors import BrokeOff
from fhir_remission.fhir.incoming.grouping import KEPT, group_by_patient
from fhir_remission.fhir.incoming.merges import Person
from fhir_remission.fhir.incoming.retractions import doubt
from fhir_remission.fhir.r4.references import parse_literal
from fhir_remission.fhir.r4.type_names import WITHIN, holds_evidence
from fhir_remission.fhir.r4.wire import DiagnosticReport, Entry, Observation, Patient, Specimen
from fhir_remission.fhir.server.queries import (
    BY_PATIENT,
    Query,
    by_ids,
    evidence_queries,
    patients_query,
)
from fhir_remission.jobs.reading.members import PLAIN_ID, Members, Wanted, read_members
from fhir_remission.jobs.reading.merged_patients import Named, beside_of, find_person, linked_ids
from fhir_remission.jobs.reading.watermarks import version_of

Searched = list[tuple[Query, Found]]
NOBODY: Named = {}


class Evidence(Struct, frozen=True):
    """What was read of one patient; `incomplete` says why nothing may be judged from it."""

    entries: tuple[Entry, ...] = ()
    incomplete: str = ""
    unknown: bool = False
    """The server has no such patient."""
    person: Person = Person()
    """Who it is about, where several records were merged."""
    unread: int = 0
    """How many results that panels or reports name could not be read."""
    gone: frozenset[str] = frozenset()
    """Results that panels or reports name beside evidence and that the server has no more."""
    estimates: tuple[str, ...] = ()
    """Totals larger than what came, of a server whose totals are estimates."""
    account: Account = field(default_factory=Account)
    """Of the whole chunk, with its first patient: what came, and where all but this ended."""
    own: tuple[bool, ...] = ()
    """Which of the entries have their end with this patient."""

    def ended(self, places: Sequence[Place]) -> Account:
        """The account with the ends of this patient's entries."""
        account = Account()
        account.add(self.account)
        for place, mine in zip(places, self.own, strict=True):
            account.end(place, mine)
        return account


def read_all(
    chains: Chains, chunks: Iterable[Sequence[str]], wanted: Wanted, named: Named = NOBODY
) -> Generator[dict[str, Evidence]]:
    """Read the evidence of each chunk of patients (bare ids), in the order of the chunks.

    `named` are those of whom it is known that another record names them.
    """

    def read(client: FhirClient, chunk: Sequence[str]) -> dict[str, Evidence]:
        return read_evidence(client, chunk, wanted, named)

    with _collecting_less():
        yield from chains.in_order(read, chunks)


@contextmanager
def _collecting_less() -> Iterator[None]:
    """Rows hold no circles, and to walk them all again and again stops every chain at once."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def read_evidence(
    client: FhirClient, patients: Sequence[str], wanted: Wanted, named: Named = NOBODY
) -> dict[str, Evidence]:
    """Read all evidence of some patients (bare ids), by the queries their server allows."""
    query = patients_query(patients)
    people = client.search(query)
    if not people.complete and len(patients) > 1:
        return _one_by_one(client, patients, wanted, named)
    records, base = people_found(people), client.transport.base
    linked, beside = linked_ids(records, base), beside_of(records, base)
    near = {p: named.get(p, frozenset()) | linked.get(p, frozenset()) for p in patients}
    plain = [patient for patient in patients if not near[patient]]
    found = _read_chunk(client, plain, wanted, (query, people)) if plain else {}
    return {
        p: _read_person(client, p, wanted, near[p])
        if near[p]
        else structs.replace(found[p], person=Person(linked=beside.get(p, ())))
        for p in patients
    }


def _one_by_one(
    client: FhirClient, patients: Sequence[str], wanted: Wanted, named: Named
) -> dict[str, Evidence]:
    return {p: read_evidence(client, [p], wanted, named)[p] for p in patients}


def _read_chunk(
    client: FhirClient, patients: Sequence[str], wanted: Wanted, people: tuple[Query, Found]
) -> dict[str, Evidence]:
    searched = [people, *_search(client, patients, wanted, frozenset())]
    if _gaps(searched) and len(patients) > 1:
        return _one_by_one(client, patients, wanted, {})
    members = _members(client, searched, wanted, frozenset(patients))
    if _gaps(members.searched) and len(patients) > 1:
        return _one_by_one(client, patients, wanted, {})
    whole = _Whole(searched, members, {})
    whole.end_others(patients)
    return {patient: whole.of(patient, (patient,)) for patient in patients}


def _read_person(client: FhirClient, patient: str, wanted: Wanted, near: Iterable[str]) -> Evidence:
    """Read everything under all ids of one person, with the surviving record's id as the name."""
    person = find_person(client, patient, near)
    if person.problem:
        return Evidence(incomplete=person.problem, person=Person(patient))
    ids = sorted(person.names)
    size = max(1, client.profile.max_patients)
    query = patients_query(ids)
    searched = [(query, client.search(query))]
    for at in range(0, len(ids), size):
        searched += _search(client, ids[at : at + size], wanted, frozenset(ids))
    members = _members(client, searched, wanted, frozenset(ids))
    survivor = Person(f"Patient/{person.survivor}")
    whole = _Whole(searched, members, {f"Patient/{name}": survivor for name in ids})
    whole.end_others([person.survivor])
    return structs.replace(whole.of(person.survivor, ids), person=person)


def _members(
    client: FhirClient, searched: Searched, wanted: Wanted, people: frozenset[str]
) -> Members:
    """What panels and reports name besides; not asked for where the rest is not whole anyway."""
    if _gaps(searched):
        return Members()
    entries = [entry for _, found in searched for entry in found.entries]
    members = read_members(client, entries, wanted, people)
    more = [entry for _, found in members.searched for entry in found.entries]
    members.searched += _specimens(client, [*entries, *more])
    return members


def _specimens(client: FhirClient, entries: Sequence[Entry]) -> Searched:
    """Specimens that results name and no search by patient brought: some name nobody.

    One that is not found now was deleted, and what was measured in it is unknown.
    """
    if not client.profile.can_search("Specimen"):
        return []
    here = {entry.ref for entry in entries}
    searched: Searched = []
    # What is found may name the sample it was made of.
    while entries:
        named = (parse_literal(text) for entry in entries for text in _specimen_names(entry))
        wanted = {one for one in named if one is not None and one.type == "Specimen"}
        ids = {one.id for one in wanted if one.relative not in here}
        here |= {one.relative for one in wanted}
        came = [(query, _asked(client, query, frozenset())) for query in _by_id(client, ids)]
        searched += came
        entries = [entry for _, found in came for entry in found.entries]
    return searched


def _by_id(client: FhirClient, ids: Collection[str]) -> list[Query]:
    plain = [one for one in ids if PLAIN_ID.fullmatch(one)]
    return by_ids("Specimen", plain, client.profile) if plain else []


def _specimen_names(entry: Entry) -> Iterator[str]:
    resource = entry.resource
    if isinstance(resource, Observation):
        named = [resource.specimen]
    elif isinstance(resource, Specimen):
        named = [*(resource.parent or [])]
    elif isinstance(resource, DiagnosticReport):
        named = list(resource.specimen or [])
    else:
        return
    yield from (one.address for one in named if one is not None and one.address)


def named_samples(entries: Sequence[Entry]) -> frozenset[tuple[str, str]]:
    """Id and version of the Specimens that results name, of those that came."""
    literals = (parse_literal(text) for entry in entries for text in _specimen_names(entry))
    named = {one.relative for one in literals if one is not None}
    came = (one for one in entries if isinstance(one.resource, Specimen) and one.ref in named)
    return frozenset((one.ref.partition("/")[2], version_of(one)) for one in came)


def _search(
    client: FhirClient, patients: Sequence[str], wanted: Wanted, linked: frozenset[str]
) -> Searched:
    queries = evidence_queries(patients, wanted.codes, client.profile, panels=wanted.panels)
    return [(query, _asked(client, query, linked)) for query in queries]


def _asked(client: FhirClient, query: Query, linked: frozenset[str]) -> Found:
    try:
        return client.search(query, linked=linked)
    except BrokeOff as error:
        # The patients themselves could be read a moment ago: it is this question, not the server.
        return Found(incomplete=(str(error),))


def people_found(people: Found) -> list[Patient]:
    """The Patients among what a search brought."""
    return [e.resource for e in people.entries if isinstance(e.resource, Patient)]


class _Whole:
    """All that was read of some people, to be taken apart again."""

    def __init__(self, searched: Searched, members: Members, people: Mapping[str, Person]) -> None:
        every = [*searched, *members.searched]
        self._members, self._gaps = members, _gaps(every)
        self._estimates = tuple(
            f"{query.resource_type}: {found.estimate}" for query, found in every if found.estimate
        )
        entries = [entry for _, found in every for entry in found.entries]
        for _, found in every:
            doubt(entries, found.doubted)
        self._groups = group_by_patient(entries, people=people)
        aside = self._groups.others
        self._gaps += [f"{e.ref}: {WITHIN}" for e in aside if holds_evidence(e.resource.contained)]
        self._account = Account()
        self._ended: set[int] = set()
        for _, found in every:
            self._account.add(found.account)

    def of(self, patient: str, ids: Sequence[str]) -> Evidence:
        """What is about one of them, under whichever of their ids."""
        entries = tuple(self._groups.patients.get(f"Patient/{patient}", ()))
        needed = sum(self._members.needed.get(name, 0) for name in ids)
        missed = f"Observation: {needed} that a panel or report names could not be read"
        why = "; ".join([*self._gaps, *([missed] if needed else [])])
        known = any(entry.resource.type_name == "Patient" for entry in entries)
        own = tuple(id(entry) not in self._ended for entry in entries)
        self._ended.update(id(entry) for entry in entries)
        account, self._account = self._account, Account()
        return Evidence(
            entries,
            why,
            unknown=not known and not why,
            unread=sum(self._members.unread.get(name, 0) for name in ids),
            gone=frozenset(one for name in ids for one in self._members.gone.get(name, ())),
            estimates=self._estimates,
            account=account,
            own=own,
        )

    def end_others(self, patients: Iterable[str]) -> None:
        """Account for what goes with none of these patients (bare ids)."""
        asked = {f"Patient/{name}" for name in patients}
        self._ended.update(id(one) for one in (*self._groups.lost, *self._groups.others))
        for entry in (*self._groups.lost, *self._groups.others):
            self._account.end("used" if isinstance(entry.resource, KEPT) else "irrelevant")
        for name, group in self._groups.patients.items():
            for entry in group if name not in asked else ():
                # The records of people who are read again with all their ids.
                if isinstance(entry.resource, Patient) and id(entry) not in self._ended:
                    self._account.end("duplicate")
                    self._ended.add(id(entry))


def _gaps(searched: Searched) -> list[str]:
    """Why nothing may be judged from what was read; empty where it is whole."""
    gaps: list[str] = []
    for query, found in searched:
        advice = _ADVICE if found.refused and query.resource_type in BY_PATIENT else ""
        gaps += [f"{query.resource_type}: {reason}{advice}" for reason in found.incomplete]
        gaps += [f"{damage.place}: {damage.reason}" for damage in found.damage]
    return gaps


_ADVICE = "; if this type is never to be had here, say so in [source] without"
