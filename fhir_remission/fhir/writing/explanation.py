"""The words in a written resource: which criterion stands how, on which version of which result."""

from __future__ import annotations

from fhir_remission.domain.nouns.assessment import Assessment, CriterionResult
from fhir_remission.domain.nouns.inputs import Event, Interval, Result
from fhir_remission.fhir.r4.datatypes import Json, bare
from fhir_remission.fhir.writing.assessment_json import decimal_text, evidence_order
from fhir_remission.fhir.writing.authorship import Authorship, Change

_LATEST = "the latest marrow by itself, which does not lower the response of the remission,"


def basis(results: tuple[CriterionResult, ...]) -> str:
    """One line per criterion: verdict, rule, and the evidence with versions."""
    return "\n".join(_criterion(result) for result in results)


def morphologic(assessment: Assessment) -> tuple[CriterionResult, ...]:
    """The criteria that decide the category."""
    return tuple(r for r in assessment.criteria_results if not _is_about_mrd(r))


def category_basis(assessment: Assessment) -> str:
    """The criteria that decide the category, then what the latest marrow says by itself."""
    latest = assessment.latest
    own = () if latest is None else latest.criteria_results
    said = "" if latest is None else f"{_LATEST} {latest.anchor.effective}: {latest.category}"
    return "\n".join(part for part in (basis(morphologic(assessment)), said, basis(own)) if part)


def molecular(assessment: Assessment) -> tuple[CriterionResult, ...]:
    """The criteria that decide MRD, an axis of its own."""
    return tuple(r for r in assessment.criteria_results if _is_about_mrd(r))


def state_basis(assessment: Assessment) -> str:
    """On what the state rests: since when, the best response, the newest results."""
    parts = (
        ("since", assessment.state_since),
        ("remission number", assessment.remission_number),
        ("best response", assessment.best_response),
        ("reached", ", ".join(f"{name} {day}" for name, day in assessment.responses)),
        ("first sign", assessment.first_sign),
        ("last marrow", assessment.last_marrow),
        ("last blood count", assessment.last_blood),
        ("last MRD", assessment.last_mrd),
        ("window of counts closes", assessment.window_closes),
    )
    return "; ".join(f"{name} {value}" for name, value in parts if value)


def notes(assessment: Assessment, by: Authorship, change: Change | None) -> list[Json]:
    """What a reader must know besides the findings, signed by the software."""
    sentences = [change.sentence] if change else []
    sentences += [sentence for sentence in _caveats(assessment) if sentence]
    return [note(" ".join(sentences), by)] if sentences else []


def note(text: str, by: Authorship) -> Json:
    """An Annotation; its author is a string because a Device may not be one."""
    return {"authorString": by.name, "text": text}


def _caveats(assessment: Assessment) -> tuple[str, ...]:
    assumed = ", ".join(f"{a.id} ({a.cls})" for a in assessment.assumptions)
    disputed = ", ".join(sorted(c.source.ref for c in assessment.claims if c.agrees is False))
    return (
        f"Reason: {assessment.reason}." if assessment.reason else "",
        f"Assumed: {assumed}." if assumed else "",
        f"Missing: {', '.join(assessment.missing)}." if assessment.missing else "",
        f"Could be: {', '.join(assessment.possible_higher)}." if assessment.possible_higher else "",
        f"Undecided between: {', '.join(assessment.candidates)}." if assessment.candidates else "",
        f"Below criteria: {', '.join(assessment.lineages_below)}."
        if assessment.lineages_below
        else "",
        f"Flags: {', '.join(assessment.flags)}." if assessment.flags else "",
        f"A recorded claim disagrees: {disputed}." if disputed else "",
    )


def _is_about_mrd(result: CriterionResult) -> bool:
    return "mrd" in result.criterion.split("-")


def _criterion(result: CriterionResult) -> str:
    cited = "; ".join(_cited(item) for item in sorted(result.evidence, key=evidence_order))
    head = f"{result.criterion}: {result.verdict.value} (rule: {result.rule}; {result.source})"
    return f"{head}: {cited}" if cited else head


def _cited(item: Result | Event) -> str:
    version = f"/_history/{item.source.version}" if item.source.version else ""
    day = f", {item.when.text}" if item.when else ""
    return f"{_said(item)} [{bare(item.source.ref)}{version}{day}]"


def _said(item: Result | Event) -> str:
    """The value as sent, and as converted where that differs."""
    if isinstance(item, Event):
        return f"{item.kind} {item.original}".strip()
    value = item.value
    if not isinstance(value, Interval) or value.low != value.high:
        return f"{item.analyte} {item.original}".strip()
    converted = f"{decimal_text(value.low)} {item.unit}".strip()
    same = converted == item.original or not item.original
    return f"{item.analyte} {converted}" + ("" if same else f" (sent as {item.original})")
