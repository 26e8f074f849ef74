"""A site's data against our tables: what is unknown, looks known, or contradicts itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from fhir_remission.domain.answer.layout import fitted, lined
from fhir_remission.domain.answer.wording import number_of
from fhir_remission.domain.nouns.namespace import NAMESPACE
from fhir_remission.effects.files.mapping_files import load_lexicon, load_mappings
from fhir_remission.effects.files.panels import load_panels
from fhir_remission.effects.process.environment import read_chunks
from fhir_remission.fhir.incoming.damage import Damaged
from fhir_remission.fhir.incoming.documents import read_documents
from fhir_remission.fhir.incoming.grouping import group_by_patient
from fhir_remission.fhir.incoming.pages import PageEnds, lacking
from fhir_remission.fhir.r4.wire import Entry
from fhir_remission.fhir.reading.record import Reading, read_record
from fhir_remission.fhir.survey.findings import Finding, Findings, Refusal, findings_of
from fhir_remission.fhir.survey.sightings import sightings

SECTIONS = (
    (
        "resembling",
        "UNMAPPED, and reads like something we judge: map it, or list it as a look-alike",
    ),
    ("displays", "DISPLAY AGAINST CODE: one of the two is wrong"),
    ("check_digits", "CHECK DIGIT: no such code can exist"),
    ("units", "UNIT REFUSED: these values count for nothing"),
    ("answers", "ANSWER UNKNOWN: these results count for nothing"),
    ("values", "VALUE NOT USABLE for another reason"),
    ("lookalikes", "LOOK-ALIKE: known, and not read on purpose"),
    ("unmapped", "UNMAPPED, and reads like nothing we judge"),
)
# How people call the systems they meet most; any other is shown by its address.
SYSTEMS = {
    "http://loinc.org": "LOINC",
    "http://snomed.info/sct": "SNOMED CT",
    "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl": "NCIt",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm": "ICD-10-GM",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "": "(no system)",
}
# The long tail of a laboratory's other codes; --json has all of it.
SHOWN = 40


class Report(Struct, frozen=True):
    """What was found, what to complain about, and the exit code."""

    findings: Findings
    complaints: tuple[str, ...]
    exit_code: int


def run(
    source: str | BinaryIO,
    *,
    overlay: Path | None = None,
    namespace: str = "",
    strict: bool = False,
) -> Report:
    """Check every code of a Bundle or NDJSON; with `strict` a finding is exit code 3."""
    name = source if isinstance(source, str) else "stdin"
    entries: list[Entry] = []
    damage: list[Damaged] = []
    pages: list[PageEnds] = []
    for item in read_documents(read_chunks(source), name=name):
        if isinstance(item, Damaged):
            damage.append(item)
        elif isinstance(item, PageEnds):
            pages.append(item)
        elif isinstance(item, Entry):
            entries.append(item)
    findings = _findings(entries, overlay, namespace or NAMESPACE)
    damage += lacking(pages)
    complaints = tuple(f"{item.place}: {item.reason}" for item in damage)
    failed = bool(damage) or (strict and findings.alarming)
    return Report(findings, complaints, 3 if failed else 0)


def _findings(entries: Sequence[Entry], overlay: Path | None, namespace: str) -> Findings:
    mappings = load_mappings(overlay, namespace=namespace)
    panels = set(load_panels(overlay))
    seen = Counter(
        one
        for one in sightings(entries, mappings, namespace=namespace)
        if (one.system, one.code) not in panels
    )
    # A time without a zone must not hide the units; the zone decides nothing here.
    reading = Reading(zone=UTC, namespace=namespace)
    records = [
        read_record(patient, own, mappings, reading)
        for patient, own in sorted(group_by_patient(entries).patients.items())
    ]
    return findings_of(seen, records, mappings, load_lexicon(), resources=len(entries))


def as_json(findings: Findings) -> bytes:
    """All findings as one line of JSON."""
    return msgspec.json.encode(findings) + b"\n"


def as_text(findings: Findings) -> Iterator[str]:
    """The findings as a page; the long tail of irrelevant codes is cut and counted."""
    patients = number_of(findings.patients, "patient")
    yield f"{number_of(findings.resources, 'resource')} of {patients}"
    clean = True
    for name, title in SECTIONS:
        found = getattr(findings, name)
        if not found:
            continue
        clean = False
        yield ""
        yield title
        yield from lined(fitted([_row(one) for one in found[:SHOWN]], indent=2))
        if len(found) > SHOWN:
            yield f"  and {len(found) - SHOWN} more; --json lists all"
    if clean:
        yield "every code is known, every unit is read"


def _row(one: Finding | Refusal) -> tuple[str, ...]:
    head = (f"{one.count}x", f"{SYSTEMS.get(one.system, one.system)} {one.code}")
    if isinstance(one, Refusal):
        return (*head, one.analyte, one.reason)
    said = f'"{one.display}"' if one.display else "no display"
    return (*head, one.place, f"{said}: {one.reason}" if one.reason else said)
