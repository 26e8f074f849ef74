"""Resources from a file, a pipe or a caller to assessments. No network, no state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import BinaryIO

from msgspec import Struct

from fhir_remission.domain.assessment import Assessment
from fhir_remission.domain.inputs import PatientRecord
from fhir_remission.effects.environment import read_chunks
from fhir_remission.fhir.assessment_json import (
    Document,
    Outcome,
    assessment_document,
    unjudged_document,
    write_line,
)
from fhir_remission.fhir.bundle import Damaged
from fhir_remission.fhir.documents import read_documents
from fhir_remission.fhir.grouping import Groups, group_by_patient
from fhir_remission.fhir.identity import evidence_hash
from fhir_remission.fhir.queries import EVIDENCE
from fhir_remission.fhir.references import parse_literal
from fhir_remission.fhir.wire import Entry, Patient
from fhir_remission.jobs.judging import Judge
from fhir_remission.jobs.request import Request, judge_for
from fhir_remission.version import VERSION

# An assumption of everybody, where damage may have hidden evidence of anybody.
UNATTRIBUTED = "archive-complete"


class Report(Struct, frozen=True):
    """The lines, what to complain about, and the exit code."""

    lines: tuple[bytes, ...]
    complaints: tuple[str, ...]
    exit_code: int


class Judged(Struct, frozen=True):
    """One patient's assessments by every set, oldest first, or why there are none."""

    patient: str
    assessments: tuple[tuple[Assessment, ...], ...] = ()
    incomplete: str = ""
    record: PatientRecord | None = None
    """What was judged; None where it is incomplete."""


def run(source: str | BinaryIO, request: Request) -> Report:
    """Classify for the command line."""
    name = source if isinstance(source, str) else "stdin"
    judge = judge_for(request)
    judged, damage = judged_patients(read_chunks(source), name, request, judge)
    if request.bundle:
        from fhir_remission.jobs.outgoing import transaction_of

        found = [assessments for one in judged for assessments in one.assessments]
        lines: Iterable[bytes] = [
            transaction_of(found, judge, request.config, history=request.history)
        ]
    else:
        lines = lines_of(judged, judge, request)
    complaints = [f"{item.place}: {item.reason}" for item in damage]
    return Report(tuple(lines), tuple(complaints), 3 if damage else 0)


def judged_patients(
    chunks: Iterable[bytes], name: str, request: Request, judge: Judge | None = None
) -> tuple[list[Judged], list[Damaged]]:
    """Every patient of the input by every set, and what of the input is damaged."""
    judge = judge or judge_for(request)
    entries: list[Entry] = []
    damage: list[Damaged] = []
    for item in read_documents(chunks, name=name):
        if isinstance(item, Damaged):
            damage.append(item)
        else:
            entries.append(item)
    doubts = (UNATTRIBUTED,) if any(_concerns_somebody(item) for item in damage) else ()
    return judge_entries(entries, damage, judge, doubts=doubts), damage


def judge_entries(
    entries: Sequence[Entry],
    damage: Iterable[Damaged],
    judge: Judge,
    *,
    beside: Sequence[Entry] = (),
    doubts: tuple[str, ...] = (),
) -> list[Judged]:
    """Every patient of these entries, sorted; `beside` holds what they may only point to."""
    groups = group_by_patient(entries, beside=beside)
    touched = _touched(damage)
    patients = sorted({*groups.patients, *touched})
    return [
        found
        for patient in patients
        if (found := _patient(patient, groups, touched, doubts, judge))
    ]


def _patient(
    patient: str,
    groups: Groups,
    touched: Mapping[str, str],
    doubts: tuple[str, ...],
    judge: Judge,
) -> Judged | None:
    """One patient judged; None where nothing in the input concerns the criteria."""
    entries = groups.patients.get(patient, [])
    # A record that was merged into this one counts as this one.
    names = {patient, *(e.ref for e in entries if isinstance(e.resource, Patient))}
    why = next((touched[name] for name in sorted(names) if name in touched), "")
    if why:
        return Judged(patient, incomplete=why)
    one_sided = patient in groups.one_sided
    record = judge.record(patient, entries, doubts=doubts, one_sided=one_sided)
    if not _concerns(record) and not any(isinstance(e.resource, Patient) for e in entries):
        return None
    found = tuple(assessments for _, assessments in judge.assess(record))
    return Judged(patient, found, record=record)


def _concerns(record: PatientRecord) -> bool:
    return bool(record.results or record.events or record.claims or record.skipped)


def _touched(damage: Iterable[Damaged]) -> dict[str, str]:
    """Patients of whom evidence is known to be missing, and why: nothing is said of them."""
    return {
        _patient_of(item): f"{item.place}: {item.reason}"
        for item in damage
        if _may_be_evidence(item) and _patient_of(item)
    }


def _concerns_somebody(item: Damaged) -> bool:
    """Whether it may be evidence of somebody, and nobody knows of whom: a doubt about all."""
    return _may_be_evidence(item) and not _patient_of(item)


def _may_be_evidence(item: Damaged) -> bool:
    return item.resource_type in ("", *EVIDENCE)


def _patient_of(item: Damaged) -> str:
    found = parse_literal(item.subject)
    return found.relative if found is not None and found.type == "Patient" else ""


def lines_of(judged: Iterable[Judged], judge: Judge, request: Request) -> Iterator[bytes]:
    """The lines of these patients, as they are printed."""
    for one in judged:
        if one.incomplete:
            for chosen in judge.sets:
                outcome = Outcome("incomplete", one.incomplete)
                yield write_line(
                    unjudged_document(
                        one.patient, chosen.id, chosen.version, outcome, software_version=VERSION
                    )
                )
        for assessments in one.assessments:
            for assessment in _shown(assessments, request):
                yield write_line(document_of(assessment, judge.mappings.version))


def document_of(assessment: Assessment, mapping_version: str) -> Document:
    """The JSON object of one assessment."""
    return assessment_document(
        assessment,
        evidence_hash=evidence_hash(assessment, mapping_version=mapping_version),
        software_version=VERSION,
    )


def _shown(assessments: tuple[Assessment, ...], request: Request) -> tuple[Assessment, ...]:
    return assessments if request.history else assessments[-1:]
