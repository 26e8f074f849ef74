"""One patient's answer explained: the same record and the same judgement as `classify`, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct, structs

from fhir_remission.domain.answer.layout import WIDTH, wrapped
from fhir_remission.domain.answer.page import explain
from fhir_remission.domain.answer.page_parts import Page, Words
from fhir_remission.domain.record.facts import read_facts
from fhir_remission.effects.files.mapping_files import load_categories, load_vocabularies
from fhir_remission.effects.process.environment import read_chunks
from fhir_remission.errors import InputError
from fhir_remission.jobs.files.classify import judged_patients
from fhir_remission.jobs.judging.incoming import Judged
from fhir_remission.jobs.judging.judging import Judge
from fhir_remission.jobs.judging.request import Request, judge_for
from fhir_remission.jobs.reading.cohort import Members, find_cohort
from fhir_remission.jobs.reading.evidence import Evidence
from fhir_remission.jobs.site.site import Site, open_site, settings_of
from fhir_remission.jobs.site.site_request import flags_of
from fhir_remission.jobs.sync.read_ahead import read_patients, records_of
from fhir_remission.version import VERSION

__all__ = [
    "Found",
    "Report",
    "Request",
    "judged_of_file",
    "judged_of_site",
    "run",
    "run_site",
    "words_of_pages",
]

# How many patients an error may list before it becomes a wall.
LISTED = 5


class Report(Struct, frozen=True):
    """The lines, what to complain about, and the exit code."""

    lines: tuple[str, ...]
    complaints: tuple[str, ...]
    exit_code: int


class Found(Struct, frozen=True):
    """Patients judged with all that was said of them, oldest first, and by what."""

    judged: tuple[Judged, ...]
    judge: Judge
    words: Words
    complaints: tuple[str, ...] = ()
    exit_code: int = 0
    source: str = ""
    """The base URL of the server they were read from."""


def run(
    source: str | BinaryIO, request: Request, *, patient: str = "", width: int = WIDTH
) -> Report:
    """Explain the patients of the input, or the one that was asked for."""
    return _report(judged_of_file(source, request, patient=patient), width)


def run_site(
    config: Path | None,
    assignments: Sequence[str],
    request: Request,
    *,
    patient: str,
    width: int = WIDTH,
) -> Report:
    """Explain one patient of a site as its next run would judge them; nothing is written."""
    return _report(judged_of_site(config, assignments, request, patient=patient), width)


def judged_of_file(source: str | BinaryIO, request: Request, *, patient: str = "") -> Found:
    """The patients of the input, or the one that was asked for."""
    name = source if isinstance(source, str) else "stdin"
    judge = judge_for(structs.replace(request, history=True))
    answers = judged_patients(read_chunks(source), name, request, judge)
    chosen = tuple(_chosen(answers.judged, patient, name)) if patient else answers.judged
    return Found(chosen, judge, words_of_pages(), answers.complaints, answers.exit_code)


def judged_of_site(
    config: Path | None, assignments: Sequence[str], request: Request, *, patient: str
) -> Found:
    """One patient of a site, judged as its next run would; what the request names comes first."""
    settings = settings_of(config, assignments, flags_of(request))
    with open_site(settings, as_of=request.as_of, dry_run=True) as site:
        client = site.connection.client(site.profile)
        wanted, judge = patient.removeprefix("Patient/"), site.judge
        members = find_cohort(settings.cohort, client, judge.mappings, as_of=judge.as_of)
        with closing(read_patients(site, [[wanted]])) as reading:
            judged = tuple(_of_site(site, name, found, members) for name, found in reading)
        code = 3 if judged[0].incomplete else 0
        return Found(
            judged, judge, words_of_pages(), exit_code=code, source=settings.source.base_url
        )


def words_of_pages() -> Words:
    """What ids are called on a page."""
    return Words(load_categories(), load_vocabularies())


def _report(found: Found, width: int) -> Report:
    lines = _told(found.judged, found.judge, found.words, width)
    return Report(lines, found.complaints, found.exit_code)


def _of_site(site: Site, patient: str, evidence: Evidence, members: Members) -> Judged:
    name = f"Patient/{evidence.person.survivor or patient}"
    if evidence.unknown:
        raise InputError(f"{site.connection.base.origin} has no {name}")
    if evidence.incomplete:
        return Judged(name, incomplete=evidence.incomplete)
    record, *_ = records_of(site.judge, name, evidence, members)
    return Judged(name, tuple(found for _, found in site.judge.assess(record)), record=record)


def _told(chosen: Sequence[Judged], judge: Judge, words: Words, width: int) -> tuple[str, ...]:
    lines: list[str] = []
    for one in chosen:
        for page in _pages(one, judge, words, width):
            lines += ["", "=" * width, "", *page] if lines else page
    return tuple(lines)


def _chosen(judged: Sequence[Judged], patient: str, name: str) -> list[Judged]:
    wanted = patient if "/" in patient else f"Patient/{patient}"
    chosen = [one for one in judged if one.patient == wanted]
    if not chosen:
        there = ", ".join(one.patient for one in judged[:LISTED]) or "none with evidence"
        more = f" and {len(judged) - LISTED} more" if len(judged) > LISTED else ""
        raise InputError(f"{name} holds no {wanted}; there are: {there}{more}")
    return chosen


def _pages(one: Judged, judge: Judge, words: Words, width: int) -> Iterator[list[str]]:
    if one.record is None:
        said = f"{one.patient}: nothing may be said, evidence is damaged: {one.incomplete}"
        yield wrapped(said, width=width)
        return
    signature = f"fhir-remission {VERSION}, tables {judge.mappings.version}"
    for criteria, history in zip(judge.sets, one.assessments, strict=True):
        facts = read_facts(one.record, criteria, judge.as_of)
        yield explain(Page(facts, history, words, signature, width))
