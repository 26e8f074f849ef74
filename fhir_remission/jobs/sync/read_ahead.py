"""Patients read some way ahead of the judge; whoever was asked about stands in the audit."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing

from fhir_remission.domain.answer.accounting import Account
from fhir_remission.domain.nouns.inputs import PatientRecord
from fhir_remission.effects.server.client import FhirClient, Found
from fhir_remission.effects.server.parallel_reads import Chains
from fhir_remission.errors import BrokeOff
from fhir_remission.fhir.server.queries import chunked, patients_query
from fhir_remission.jobs.judging.judging import LINKED, Judge
from fhir_remission.jobs.reading.cohort import Members
from fhir_remission.jobs.reading.evidence import Evidence, people_found, read_all
from fhir_remission.jobs.reading.merged_patients import Named, linked_ids
from fhir_remission.jobs.site.site import Site

# Records that one question asks for: an id has 64 characters at most, a body holds as many.
AT_ONCE = 50


def read_patients(site: Site, chunks: Iterable[Sequence[str]]) -> Generator[tuple[str, Evidence]]:
    """Read the evidence of patients (bare ids) in order; close it where not all is taken."""
    listed = list(chunks)
    untold: dict[str, None] = {}  # asked about, and not yet in the audit

    def noted() -> Iterator[Sequence[str]]:
        for chunk in listed:
            site.stop.check()
            untold.update(dict.fromkeys(chunk))
            yield chunk

    try:
        with closing(site.connection.chains(site.profile)) as chains:
            if len(listed) > 1:  # their Patients are read first, all of them
                untold.update(dict.fromkeys(name for chunk in listed for name in chunk))
            named = _named(chains, listed)
            with closing(read_all(chains, noted(), site.wanted, named)) as reading:
                for found, chunk in zip(reading, listed, strict=True):
                    for patient in chunk:
                        untold.pop(patient, None)
                    for patient, evidence in found.items():
                        name = evidence.person.survivor or patient
                        _audit(site, [name], "incomplete" if evidence.incomplete else "done")
                    yield from found.items()
    finally:
        if untold:
            _audit(site, untold, "broken off")


def _named(chains: Chains, chunks: Sequence[Sequence[str]]) -> Named:
    """Who is linked to whom in the whole cohort: one chunk cannot see what another one says."""
    if len(chunks) < 2:
        return {}
    names = sorted({name for chunk in chunks for name in chunk})
    size = AT_ONCE if chains.first.profile.id_lists else 1
    parts = chunked(names, size)
    found = list(chains.in_order(_records, parts))
    missed = [
        name for part, one in zip(parts, found, strict=True) if one.incomplete for name in part
    ]
    # Whoever cannot be read alone is left out when the turn comes.
    found += [_records(chains.first, [name]) for name in missed]
    records = [record for one in found for record in people_found(one)]
    return linked_ids(records, chains.first.transport.base)


def _records(client: FhirClient, patients: Sequence[str]) -> Found:
    try:
        return client.search(patients_query(patients))
    except BrokeOff as error:
        return Found(incomplete=(str(error),))


def records_of(
    judge: Judge, patient: str, evidence: Evidence, members: Members
) -> tuple[PatientRecord, list[PatientRecord], Account]:
    """The record of a patient (`Patient/p1`), an empty one of each former record, the account."""
    former = [f"Patient/{name}" for name in evidence.person.former]
    record, places = judge.read(
        patient,
        evidence.entries,
        rows=[row for name in (patient, *former) for row in members.rows.get(name, ())],
        members_gone=evidence.gone,
        one_sided=bool(evidence.person.one_sided),
        doubts=(LINKED,) if evidence.person.linked else (),
    )
    return record, [judge.record(name, ()) for name in former], evidence.ended(places)


def _audit(site: Site, patients: Iterable[str], outcome: str) -> None:
    names = [site.patient_hash(f"Patient/{patient}") for patient in patients]
    site.audit.record_all("read", names, server=str(site.connection.base.origin), outcome=outcome)
