"""One patient's page: the answer, the course, why, and all of it as a table. HTML without script.

Everything is an argument: the same record and answers give the same bytes, whenever asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from fhir_remission.domain.answer.layout import printable
from fhir_remission.domain.answer.page_parts import Words
from fhir_remission.domain.record.facts import Facts, read_facts
from fhir_remission.jobs.files.classify import document_of
from fhir_remission.jobs.judging.incoming import Judged
from fhir_remission.jobs.judging.judging import Judge
from fhir_remission.report.course import course_of
from fhir_remission.report.entries import Entry, Judgement, Line, age_of, entries_of
from fhir_remission.report.glance import glance_of
from fhir_remission.report.judged_counts import judged_counts
from fhir_remission.report.printed_record import record_of_lines
from fhir_remission.report.proof import TRUST, link_of, proof_of
from fhir_remission.report.templates import render
from fhir_remission.report.words import converted, kind_of, moment, sent, source


class Row(Struct, frozen=True):
    """One line of the table."""

    id: int
    number: int
    moment: str
    kind: str
    sent: str
    converted: str
    source: str
    link: str
    counts: str
    hollow: bool


class Dossier(Struct, frozen=True):
    """What a page is made of."""

    facts: Facts
    """The record made ready to judge by the first criteria set."""
    judgements: tuple[Judgement, ...]
    """One for each criteria set; the first is shown first, the others are tabs."""
    words: Words
    tables: str = ""
    """The version of the mapping tables."""
    source: str = ""
    """The base URL of the server that was read; empty where there is none to link to."""
    line: str = ""
    """The name of the file beside the page that holds the JSON line; empty: none."""
    partial: bool = False
    """Whether only printed lines are known: what no answer rests on is not shown."""


def dossier_of(
    judged: Judged, judge: Judge, words: Words, *, source: str = "", line: str = ""
) -> Dossier | None:
    """What the page of one patient is made of; None where nothing may be said of them.

    `source` is the base URL of the server, `line` the file beside the page with the JSON line.
    """
    if judged.record is None:
        return None
    version = judge.mappings.version
    judgements = tuple(
        Judgement(criteria, tuple(document_of(one, version) for one in history))
        for criteria, history in zip(judge.sets, judged.assessments, strict=True)
    )
    facts = read_facts(judged.record, judge.sets[0], judge.as_of)
    return Dossier(facts, judgements, words, version, source, line)


def dossier_of_lines(
    patient: str, lines: Sequence[Line], judge: Judge, words: Words
) -> Dossier | None:
    """The same from printed lines alone: the picture shows what the answers rest on.

    None where they have no answer.
    """
    known = {one.id: one for one in judge.sets}
    held: dict[str, list[Line]] = {}
    for line in lines:
        if "category" in line:
            held.setdefault(line["criteria"]["id"], []).append(line)
    if not held:
        return None
    judgements = tuple(
        Judgement(known[name], tuple(sorted(own, key=age_of))) for name, own in held.items()
    )
    told = (line for one in judgements for line in one.history)
    record = record_of_lines(patient, told, judge.mappings)
    as_of = datetime.fromisoformat(judgements[0].now["as_of"])
    facts = read_facts(record, judgements[0].criteria, as_of)
    return Dossier(facts, judgements, words, partial=True)


def patient_page(dossier: Dossier) -> str:
    """The page of one patient as HTML."""
    facts = dossier.facts
    record = facts.record
    entries = entries_of(record, dossier.judgements, judged_counts(facts))
    cycles = () if dossier.partial else facts.therapy.cycles
    glances = [glance_of(one, dossier.words) for one in dossier.judgements]
    proofs = [proof_of(one, entries, dossier.tables) for one in dossier.judgements]
    return render(
        "patient.html.j2",
        patient=record.patient.removeprefix("Patient/"),
        as_of=dossier.judgements[0].now["as_of"][:10],
        panels=list(zip(glances, proofs, strict=True)),
        course=course_of(entries, dossier.judgements, cycles),
        rows=_rows(entries, dossier.source),
        unmapped=record.resembling,
        trust=TRUST,
        line=dossier.line,
        partial=dossier.partial,
        first=dossier.judgements[0].criteria.about.title,
    )


def withheld_page(patient: str, reason: str) -> str:
    """The page of somebody of whom nothing may be said."""
    told = printable(reason)
    return render("withheld.html.j2", patient=patient.removeprefix("Patient/"), reason=told)


def _rows(entries: Sequence[Entry], base: str) -> list[Row]:
    return [
        Row(
            one.id,
            one.number,
            moment(one.item),
            kind_of(one.item),
            sent(one.item),
            converted(one),
            source(one.item),
            link_of(one, base),
            _counts(one),
            bool(one.hollow),
        )
        for one in entries
    ]


def _counts(entry: Entry) -> str:
    if entry.hollow:
        return f"no: {entry.hollow}"
    return "yes, of the draw that decided" if entry.decided else "yes"
