"""Resources from a file, a pipe or a caller to assessments. No network, no state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from msgspec import Struct

from fhir_remission.domain.answer.wording import number_of
from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.plain_text import plain_code
from fhir_remission.effects.process.environment import read_chunks
from fhir_remission.errors import SettingsError, UsageError
from fhir_remission.fhir.writing.assessment_json import (
    Document,
    Outcome,
    assessment_document,
    unjudged_document,
    write_line,
)
from fhir_remission.fhir.writing.identity import evidence_hash
from fhir_remission.jobs.judging.incoming import Answers, Judged, judge_incoming, read_incoming
from fhir_remission.jobs.judging.judging import Judge
from fhir_remission.jobs.judging.request import Request, judge_for
from fhir_remission.version import VERSION

if TYPE_CHECKING:
    from fhir_remission.settings import Settings

# Of the codes that nobody knows so many are named.
SHOWN = 5


class Report(Struct, frozen=True):
    """The lines, what to complain about, and the exit code."""

    lines: tuple[bytes, ...]
    complaints: tuple[str, ...]
    exit_code: int


def run(source: str | BinaryIO, request: Request) -> Report:
    """Classify for the command line; with settings, as the site's `sync` would."""
    settings = None
    if request.base is not None and not request.bundle:
        raise UsageError("--base is for --output bundle: add that, or leave --base out")
    if request.config is not None:
        from fhir_remission.jobs.site.site_request import request_at

        settings, request = request_at(request.config, request)
    name = source if isinstance(source, str) else "stdin"
    judge = judge_for(request)
    answers = judged_patients(read_chunks(source), name, request, judge)
    if request.bundle:
        return _bundle(answers, judge, request, settings)
    lines = lines_of(answers.judged, judge, request)
    complaints = (*answers.complaints, *_like_inputs(answers.judged))
    if not (answers.judged or complaints):
        complaints = (f"{name}: there is no patient in it, and nothing was judged",)
    return Report(tuple(lines), complaints, answers.exit_code)


def _bundle(answers: Answers, judge: Judge, request: Request, settings: Settings | None) -> Report:
    """One transaction of all results; ids need the site's id and key."""
    from fhir_remission.jobs.files.transaction_out import transaction_of

    if settings is None:
        raise SettingsError(
            "--output bundle needs --config with site.id and site.key_file: "
            "the ids of what is written are derived from them"
        )
    found = [assessments for one in answers.judged for assessments in one.assessments]
    outgoing = transaction_of(found, judge, settings, history=request.history, base=request.base)
    code = max(answers.exit_code, 3 if outgoing.left else 0)
    return Report((outgoing.body,), (*answers.complaints, *outgoing.left), code)


def _code(name: str) -> str:
    """A code as it may stand in a log."""
    system, _, code = name.rpartition("|")
    return f"{plain_code(system) if system else ''}|{plain_code(code)}"


def _like_inputs(judged: Iterable[Judged]) -> Iterator[str]:
    """What no table knows and what reads like an input: somebody should map it."""
    records = [one.record for one in judged if one.record is not None]
    found: Counter[str] = Counter()
    for record in records:
        found.update(dict(record.resembling))
    if found:
        unknown = sum(many for record in records for _, many in record.unmapped)
        named = ", ".join(f"{_code(name)} ({many})" for name, many in found.most_common(SHOWN))
        yield (
            f"{number_of(unknown, 'result')} under codes that no table knows, "
            f"{number_of(found.total(), 'like an input', 'like inputs')}: {named}; "
            "see `fhir-remission mappings check`"
        )


def judged_patients(
    chunks: Iterable[bytes], name: str, request: Request, judge: Judge | None = None
) -> Answers:
    """Every patient of the input by every set, and what became of the input."""
    return judge_incoming(read_incoming(chunks, name), judge or judge_for(request))


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
