"""Records of one person that were merged: followed in both directions of `Patient.link`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from fhir_remission.effects.client import FhirClient
from fhir_remission.fhir.queries import patients_query
from fhir_remission.fhir.references import parse_literal
from fhir_remission.fhir.wire import Patient

# A person with more records than this is a mistake in the master index, or in us.
MAX_RECORDS = 20
MERGED = ("replaced-by", "replaces")


class Person(Struct, frozen=True):
    """The record that is in force and those it replaced, as bare ids."""

    survivor: str = ""
    """Empty where nothing was merged."""
    former: tuple[str, ...] = ()
    problem: str = ""


def linked_ids(records: Iterable[Patient]) -> dict[str, frozenset[str]]:
    """The records that were merged, each with the other ids it names."""
    found = {record.id or "": frozenset(_others(record, MERGED)) for record in records}
    return {patient: others for patient, others in found.items() if others}


def find_person(client: FhirClient, patient: str) -> Person:
    """Read every record of the person that one record belongs to."""
    records: dict[str, Patient] = {}
    asked: set[str] = set()
    todo = {patient}
    while todo:
        asked |= todo
        if len(asked) > MAX_RECORDS:
            return Person(problem=f"more than {MAX_RECORDS} records are linked as one person")
        found = client.search(patients_query(sorted(todo)), linked=frozenset(asked))
        if not found.complete:
            return Person(problem="the records that were merged could not be read")
        for entry in found.entries:
            if isinstance(entry.resource, Patient) and entry.resource.id:
                records[entry.resource.id] = entry.resource
        todo = {other for r in records.values() for other in _others(r, MERGED)} - asked
    return _in_force(patient, records)


def _in_force(patient: str, records: dict[str, Patient]) -> Person:
    survivor, seen = patient, set[str]()
    while survivor in records and (newer := _others(records[survivor], ("replaced-by",))):
        seen.add(survivor)
        survivor = newer[0]
        if survivor in seen:
            return Person(problem="its record is linked as replaced in a circle")
    if survivor not in records:
        return Person(problem="the record that replaced it could not be read")
    return Person(survivor, tuple(sorted(records.keys() - {survivor})))


def _others(record: Patient, kinds: Sequence[str]) -> list[str]:
    literals = (
        parse_literal(link.other.reference or "")
        for link in record.link or []
        if link.type in kinds and link.other is not None
    )
    return [found.id for found in literals if found is not None and found.type == "Patient"]
