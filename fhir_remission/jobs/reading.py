"""Patients read some way ahead of the judge; whoever was asked about stands in the audit."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing

from fhir_remission.jobs.evidence import Evidence, read_all
from fhir_remission.jobs.site import Site


def read_patients(site: Site, chunks: Iterable[Sequence[str]]) -> Generator[tuple[str, Evidence]]:
    """Read the evidence of patients (bare ids) in order; close it where not all is taken."""
    begun: deque[Sequence[str]] = deque()

    def noted() -> Iterator[Sequence[str]]:
        for chunk in chunks:
            site.stop.check()
            begun.append(chunk)
            yield chunk

    try:
        with (
            closing(site.connection.chains(site.profile)) as chains,
            closing(read_all(chains, noted(), site.wanted)) as reading,
        ):
            for found in reading:
                begun.popleft()
                for patient, evidence in found.items():
                    name = evidence.person.survivor or patient
                    _audit(site, name, "incomplete" if evidence.incomplete else "done")
                yield from found.items()
    finally:
        for patient in (name for chunk in begun for name in chunk):
            _audit(site, patient, "broken off")


def _audit(site: Site, patient: str, outcome: str) -> None:
    name = site.patient_hash(f"Patient/{patient}")
    site.audit.record("read", name, server=str(site.connection.base.origin), outcome=outcome)
