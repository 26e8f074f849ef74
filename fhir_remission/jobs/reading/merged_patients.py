"""Records of one person that were merged: followed in both directions of `Patient.link`.

Who is whom is settled before anybody is judged: a record that was merged into another may be the
only one that says so, and that other one must not be read without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fhir_remission.effects.http.origin import Base
from fhir_remission.effects.server.client import FhirClient
from fhir_remission.fhir.incoming.merges import Links, Person, links_of, people_of
from fhir_remission.fhir.r4.elements import Reference
from fhir_remission.fhir.r4.references import parse_literal
from fhir_remission.fhir.r4.wire import Patient
from fhir_remission.fhir.server.queries import patients_query

# A person with more records than this is a mistake in the master index, or in us.
MAX_RECORDS = 20
Named = Mapping[str, frozenset[str]]
"""Records, each with the others that it names or that name it."""


def linked_ids(records: Iterable[Patient], base: Base) -> dict[str, frozenset[str]]:
    """The records that may be merged, each with the other ids it names or is named by."""
    found: dict[str, set[str]] = {}
    for record in records:
        for other in said_by(record, base).merged:
            found.setdefault(record.id or "", set()).add(other)
            found.setdefault(other, set()).add(record.id or "")
    return {name: frozenset(others) for name, others in found.items()}


def beside_of(records: Iterable[Patient], base: Base) -> dict[str, tuple[str, ...]]:
    """The records that each names as the same person's, and that are in use beside it."""
    return {record.id or "": said_by(record, base).beside for record in records}


def find_person(client: FhirClient, patient: str, also: Iterable[str] = ()) -> Person:
    """Read every record of the person that one record belongs to.

    `also` are records known to name it: it may not name them.
    """
    said: dict[str, Links] = {}
    asked: set[str] = set()
    todo = {patient, *also}
    person = Person(patient)
    while todo:
        asked |= todo
        if len(asked) > MAX_RECORDS:
            return Person(problem=f"more than {MAX_RECORDS} records are linked as one person")
        found = client.search(patients_query(sorted(todo)), linked=frozenset(asked))
        if not found.complete:
            return Person(problem="the records that were merged could not be read")
        for entry in found.entries:
            if isinstance(entry.resource, Patient) and entry.resource.id:
                said[entry.resource.id] = said_by(entry.resource, client.transport.base)
        person = people_of(said).get(patient, Person(patient))
        near = {name for name in person.names if name in said} | {patient}
        todo = {other for name in near for other in said.get(name, Links()).merged} - asked
    return person


def said_by(record: Patient, base: Base) -> Links:
    """What a record of this server says of others of this server."""
    links = record.link or []
    return links_of(record, ((link.type or "", local_id(link.other, base)) for link in links))


def local_id(reference: Reference | None, base: Base, kind: str = "Patient") -> str:
    """The bare id of what a reference names; empty where it is not of this server and kind."""
    text = reference.address if reference is not None else ""
    literal = parse_literal(text)
    if literal is None or literal.type != kind:
        return ""
    if literal.base in ("", f"{base.url}/"):
        return literal.id
    url = f"{base.url}/{literal.relative}"
    at = base.resolve(literal.base + literal.relative, against=f"{base.url}/")
    return literal.id if at == url else ""
