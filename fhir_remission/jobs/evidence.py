"""A chunk of patients read from the server: each person's evidence whole, or named as incomplete.

The ladder: a chunk that could not be read to its end is read again patient by patient, so that one
patient's trouble does not cost the others. Records that were merged are read as the one person
they are about (`people.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from fhir_remission.domain.codes import CodeMap
from fhir_remission.effects.client import FhirClient, Found
from fhir_remission.errors import BrokeOff
from fhir_remission.fhir.grouping import group_by_patient
from fhir_remission.fhir.queries import Code, Query, evidence_queries, patients_query
from fhir_remission.fhir.wire import Entry, Patient
from fhir_remission.jobs.people import Person, find_person, linked_ids

# Without these, nothing may be said of a patient at all. What another type's refusal hides is
# unknown and flagged; where such a search was begun and not ended, the patient has to wait.
NEEDED = frozenset({"Observation", "Patient"})
Searched = list[tuple[Query, Found]]


class Evidence(Struct, frozen=True):
    """What was read of one patient; `incomplete` says why nothing may be judged from it."""

    entries: tuple[Entry, ...] = ()
    failed: frozenset[str] = frozenset()
    incomplete: str = ""
    unknown: bool = False
    """The server has no such patient."""
    person: Person = Person()
    """Who it is about, where several records were merged."""


class Wanted(Struct, frozen=True):
    """What to look for."""

    codes: CodeMap
    panels: Sequence[Code] = ()


def read_evidence(
    client: FhirClient, patients: Sequence[str], codes: CodeMap, panels: Sequence[Code] = ()
) -> dict[str, Evidence]:
    """Read all evidence of some patients (bare ids), by the queries their server allows."""
    wanted = Wanted(codes, panels)
    query = patients_query(patients)
    people = client.search(query)
    if not people.complete and len(patients) > 1:
        return _one_by_one(client, patients, wanted)
    merged = linked_ids(_records(people))
    plain = [patient for patient in patients if patient not in merged]
    found = _read_chunk(client, plain, wanted, (query, people)) if plain else {}
    return found | {
        patient: _read_person(client, patient, wanted) for patient in patients if patient in merged
    }


def _one_by_one(client: FhirClient, patients: Sequence[str], wanted: Wanted) -> dict[str, Evidence]:
    return {
        patient: read_evidence(client, [patient], wanted.codes, wanted.panels)[patient]
        for patient in patients
    }


def _read_chunk(
    client: FhirClient, patients: Sequence[str], wanted: Wanted, people: tuple[Query, Found]
) -> dict[str, Evidence]:
    searched = [people, *_search(client, patients, wanted, frozenset())]
    if _gaps(searched) and len(patients) > 1:
        return _one_by_one(client, patients, wanted)
    groups = group_by_patient(entry for _, found in searched for entry in found.entries).patients
    return {
        patient: _evidence(tuple(groups.get(f"Patient/{patient}", ())), searched)
        for patient in patients
    }


def _read_person(client: FhirClient, patient: str, wanted: Wanted) -> Evidence:
    """Read everything under all ids of one person, with the surviving record's id as the name."""
    person = find_person(client, patient)
    if person.problem:
        return Evidence(incomplete=person.problem, person=person)
    ids = sorted({person.survivor, *person.former})
    size = max(1, client.profile.max_patients)
    query = patients_query(ids)
    searched = [(query, client.search(query))]
    for at in range(0, len(ids), size):
        searched += _search(client, ids[at : at + size], wanted, frozenset(ids))
    groups = group_by_patient(entry for _, found in searched for entry in found.entries).patients
    read = _evidence(tuple(groups.get(f"Patient/{person.survivor}", ())), searched)
    return Evidence(read.entries, read.failed, read.incomplete, read.unknown, person)


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


def _records(people: Found) -> list[Patient]:
    return [e.resource for e in people.entries if isinstance(e.resource, Patient)]


def _evidence(entries: tuple[Entry, ...], searched: Searched) -> Evidence:
    failed = {query.resource_type for query, found in searched if not found.complete} - NEEDED
    why = "; ".join(_gaps(searched))
    known = any(entry.resource.type_name == "Patient" for entry in entries)
    return Evidence(entries, frozenset(failed), why, unknown=not known and not why)


def _gaps(searched: Searched) -> list[str]:
    """Why nothing may be judged from what was read; empty where it is whole."""
    gaps: list[str] = []
    for query, found in searched:
        needed = query.resource_type in NEEDED
        if needed or not found.refused:
            gaps += [f"{query.resource_type}: {reason}" for reason in found.incomplete]
        if needed:
            gaps += [f"{damage.place}: {damage.reason}" for damage in found.damage]
    return gaps
