"""A chunk of patients read from the server: each patient's evidence whole, or named as incomplete.

The ladder: a chunk that could not be read to its end is read again patient by patient, so that one
patient's trouble does not cost the others.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from fhir_remission.domain.codes import CodeMap
from fhir_remission.effects.client import FhirClient, Found
from fhir_remission.fhir.grouping import group_by_patient
from fhir_remission.fhir.queries import Code, Query, evidence_queries
from fhir_remission.fhir.wire import Entry

# Without these, nothing may be said of a patient at all; a gap in another type is a gap of its own.
NEEDED = frozenset({"Observation", "Patient"})


class Evidence(Struct, frozen=True):
    """What was read of one patient; `incomplete` says why nothing may be judged from it."""

    entries: tuple[Entry, ...] = ()
    failed: frozenset[str] = frozenset()
    incomplete: str = ""
    unknown: bool = False
    """The server has no such patient."""


def read_evidence(
    client: FhirClient, patients: Sequence[str], codes: CodeMap, panels: Sequence[Code] = ()
) -> dict[str, Evidence]:
    """Read all evidence of some patients (bare ids), by the queries their server allows."""
    searched = [
        (query, client.search(query)) for query in _queries(client, patients, codes, panels)
    ]
    broken = _broken(searched)
    if broken & NEEDED and len(patients) > 1:
        return {
            patient: read_evidence(client, [patient], codes, panels)[patient]
            for patient in patients
        }
    groups = group_by_patient(entry for _, found in searched for entry in found.entries).patients
    why = "; ".join(
        f"{query.resource_type}: {reason}"
        for query, found in searched
        if query.resource_type in NEEDED
        for reason in _reasons(found)
    )
    return {
        patient: _evidence(tuple(groups.get(f"Patient/{patient}", ())), broken - NEEDED, why)
        for patient in patients
    }


def _evidence(entries: tuple[Entry, ...], failed: frozenset[str], why: str) -> Evidence:
    known = any(entry.resource.type_name == "Patient" for entry in entries)
    return Evidence(entries, failed, why, unknown=not known and not why)


def _queries(
    client: FhirClient, patients: Sequence[str], codes: CodeMap, panels: Sequence[Code]
) -> list[Query]:
    return evidence_queries(patients, codes, client.profile, panels=panels)


def _broken(searched: Sequence[tuple[Query, Found]]) -> frozenset[str]:
    return frozenset(query.resource_type for query, found in searched if not found.complete)


def _reasons(found: Found) -> list[str]:
    return [*found.incomplete, *(f"{damage.place}: {damage.reason}" for damage in found.damage)]
