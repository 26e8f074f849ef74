"""From judged patients to what their pages are made of."""

from __future__ import annotations

from fhir_remission.domain.answer.page_parts import Words
from fhir_remission.jobs.files.classify import document_of
from fhir_remission.jobs.judging.incoming import Judged
from fhir_remission.jobs.judging.judging import Judge
from fhir_remission.report.entries import Judgement
from fhir_remission.report.patient import Dossier


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
    return Dossier(judged.record, judgements, words, version, source, line)
