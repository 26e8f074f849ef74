"""One patient's answer explained: the same record and the same judgement as `classify`, as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from msgspec import Struct, structs

from fhir_remission.domain.explain import Page, Words, explain
from fhir_remission.domain.facts import read_facts
from fhir_remission.domain.layout import WIDTH, wrapped
from fhir_remission.effects.environment import read_chunks
from fhir_remission.effects.tables import load_categories, load_vocabularies
from fhir_remission.errors import InputError
from fhir_remission.jobs.classify import judged_patients
from fhir_remission.jobs.incoming import Judged
from fhir_remission.jobs.judging import Judge
from fhir_remission.jobs.request import Request, judge_for
from fhir_remission.version import VERSION

__all__ = ["Report", "Request", "run"]

# How many patients an error may list before it becomes a wall.
LISTED = 5


class Report(Struct, frozen=True):
    """The lines, what to complain about, and the exit code."""

    lines: tuple[str, ...]
    complaints: tuple[str, ...]
    exit_code: int


def run(source: str | BinaryIO, request: Request, *, patient: str = "") -> Report:
    """Explain the patients of the input, or the one that was asked for."""
    name = source if isinstance(source, str) else "stdin"
    judge = judge_for(structs.replace(request, history=True))
    answers = judged_patients(read_chunks(source), name, request, judge)
    chosen = _chosen(answers.judged, patient, name) if patient else answers.judged
    words = Words(load_categories(), load_vocabularies())
    lines: list[str] = []
    for one in chosen:
        for page in _pages(one, judge, words):
            lines += ["", "=" * WIDTH, "", *page] if lines else page
    return Report(tuple(lines), answers.complaints, answers.exit_code)


def _chosen(judged: Sequence[Judged], patient: str, name: str) -> list[Judged]:
    wanted = patient if "/" in patient else f"Patient/{patient}"
    chosen = [one for one in judged if one.patient == wanted]
    if not chosen:
        there = ", ".join(one.patient for one in judged[:LISTED]) or "none with evidence"
        more = f" and {len(judged) - LISTED} more" if len(judged) > LISTED else ""
        raise InputError(f"{name} holds no {wanted}; there are: {there}{more}")
    return chosen


def _pages(one: Judged, judge: Judge, words: Words) -> Iterator[list[str]]:
    if one.record is None:
        yield wrapped(f"{one.patient}: nothing may be said, evidence is damaged: {one.incomplete}")
        return
    signature = f"fhir-remission {VERSION}, tables {judge.mappings.version}"
    for criteria, history in zip(judge.sets, one.assessments, strict=True):
        facts = read_facts(one.record, criteria, judge.as_of)
        yield explain(Page(facts, history, words, signature))
