"""An assessment as one JSON line: the shape that `schema/assessment-2.json` publishes.

Same assessment, same bytes: keys stand in the order of the schema, lists are sorted, decimals and
dates are text.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import Struct

from fhir_remission.domain.nouns.assessment import (
    Anchor,
    Assessment,
    ClaimNote,
    CriterionResult,
    Latest,
)
from fhir_remission.domain.nouns.inputs import Event, Finding, Interval, Result, When
from fhir_remission.domain.nouns.plain_text import plain_json
from fhir_remission.fhir.r4.datatypes import Json

SCHEMA = "2"
SOFTWARE = "fhir-remission"

Document = dict[str, Json]
Disposition = Literal["classified", "indeterminate", "incomplete", "failed"]
Written = Literal["none", "created", "updated", "retracted", "parked"]


class Outcome(Struct, frozen=True):
    """What `sync` did with one patient and one set of criteria."""

    disposition: Disposition
    reason: str = ""
    write: Written = "none"
    locations: tuple[str, ...] = ()


def assessment_document(
    assessment: Assessment, *, evidence_hash: str, software_version: str
) -> Document:
    """The assessment as the object that `classify` prints."""
    return {
        "schema": SCHEMA,
        "patient": assessment.patient,
        "criteria": {"id": assessment.criteria_id, "version": assessment.criteria_version},
        **_answer(assessment),
        "latest": _latest(assessment.latest, proof=True),
        **_dates(assessment),
        "criteria_results": [_criterion(result) for result in assessment.criteria_results],
        "skipped": [
            {"source": skipped.source, "reason": skipped.reason}
            for skipped in sorted(assessment.skipped, key=lambda s: (s.source, s.reason))
        ],
        "policies": dict(sorted(assessment.policies)),
        "draws": [
            {"effective": draw.effective, "chosen": draw.chosen, "reason": draw.reason}
            for draw in sorted(assessment.draws, key=lambda d: (d.effective, d.reason, d.chosen))
        ],
        "claims": [_claim(claim) for claim in sorted(assessment.claims, key=_claim_order)],
        "summary": assessment.summary,
        "next_better": assessment.next_better,
        "reason": assessment.reason,
        "software": _software(software_version),
        "evidence_hash": evidence_hash,
    }


def assessment_brief(assessment: Assessment, *, software_version: str) -> Document:
    """The answer and its dates alone, without what proves it."""
    return {
        "schema": SCHEMA,
        "patient": assessment.patient,
        "criteria": {"id": assessment.criteria_id, "version": assessment.criteria_version},
        **_answer(assessment),
        "latest": _latest(assessment.latest, proof=False),
        **_dates(assessment),
        "reason": assessment.reason,
        "software": _software(software_version),
    }


def sync_document(document: Document, outcome: Outcome) -> Document:
    """The object of an assessment with what `sync` did about it."""
    return {
        **document,
        "reason": outcome.reason or document["reason"],
        "disposition": outcome.disposition,
        "write": outcome.write,
        "locations": list(outcome.locations),
    }


def unjudged_document(
    patient: str,
    criteria_id: str,
    criteria_version: str,
    outcome: Outcome,
    *,
    software_version: str,
) -> Document:
    """The object for a patient who could not be judged: it has no category."""
    return {
        "schema": SCHEMA,
        "patient": patient,
        "criteria": {"id": criteria_id, "version": criteria_version},
        "reason": outcome.reason,
        "software": _software(software_version),
        "disposition": outcome.disposition,
        "write": outcome.write,
        "locations": list(outcome.locations),
    }


def write_line(document: Document) -> bytes:
    """The object as one line of UTF-8, keys in the order they have."""
    return plain_json(msgspec.json.encode(document)) + b"\n"


def decimal_text(number: Decimal) -> str:
    """An exact decimal, written out, without zeros that say nothing: 1.2, not 1.20."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def instant_text(moment: datetime) -> str:
    """An instant as RFC 3339 in UTC, with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _software(version: str) -> Json:
    return {"name": SOFTWARE, "version": version}


def _answer(assessment: Assessment) -> Document:
    return {
        "state": assessment.state,
        "state_since": _day(assessment.state_since),
        "category": assessment.category,
        "best_response": assessment.best_response,
        "responses": [
            {"category": name, "date": day.isoformat()} for name, day in assessment.responses
        ],
        "remission_number": assessment.remission_number,
        "mrd": assessment.mrd,
        "mrd_event": assessment.mrd_event,
        "mrd_history": [
            {"event": one.event, "since": one.since.isoformat(), "until": _day(one.until)}
            for one in assessment.mrd_history
        ],
        "code": assessment.code,
        "provisional": assessment.provisional,
        "confidence": assessment.confidence,
        "assumptions": [{"id": a.id, "class": a.cls} for a in assessment.assumptions],
        "possible_higher": list(assessment.possible_higher),
        "candidates": list(assessment.candidates),
        "missing": list(assessment.missing),
        "lineages_below": list(assessment.lineages_below),
        "flags": list(assessment.flags),
    }


def _latest(latest: Latest | None, *, proof: bool) -> Json:
    """What the latest marrow says by itself, with its criteria where proof is printed at all."""
    if latest is None:
        return None
    document: Document = {
        "category": latest.category,
        "anchor": _anchor(latest.anchor),
        "flags": list(latest.flags),
    }
    if proof:
        document["criteria_results"] = [_criterion(one) for one in latest.criteria_results]
    return document


def _anchor(anchor: Anchor) -> Json:
    return {"kind": anchor.kind, "effective": anchor.effective or None}


def _dates(assessment: Assessment) -> Document:
    clock, cycle = assessment.clock, assessment.cycle
    return {
        "anchor": _anchor(assessment.anchor),
        "cycle": None if cycle is None else {"number": cycle.number, "day": cycle.day},
        "response_date": _day(assessment.response_date),
        "first_sign": _day(assessment.first_sign),
        "window_closes": _day(assessment.window_closes),
        "last_marrow": _day(assessment.last_marrow),
        "last_blood": _day(assessment.last_blood),
        "last_mrd": _day(assessment.last_mrd),
        "current": assessment.current,
        "as_of": clock.as_of,
        "window_open": clock.window_open,
        "stale": clock.stale,
    }


def _criterion(result: CriterionResult) -> Json:
    return {
        "criterion": result.criterion,
        "verdict": result.verdict.value,
        "rule": result.rule,
        "source": result.source,
        "evidence": [_evidence(item) for item in sorted(result.evidence, key=evidence_order)],
    }


def evidence_order(item: Result | Event) -> tuple[str, str, str, bytes]:
    """The order of evidence: by time, then by source; the rest only so that no order is left."""
    start = instant_text(item.when.start) if item.when else ""
    return (start, item.source.ref, item.source.code, msgspec.json.encode(item))


def _evidence(item: Result | Event) -> Json:
    entry: Document = {
        "source": item.source.ref,
        "version": item.source.version,
        "code": {"system": item.source.system, "code": item.source.code},
        "value": _value(item) if isinstance(item, Result) else None,
        "original": item.original,
        "effective": _when(item.when),
    }
    if isinstance(item, Result) and isinstance(item.value, Finding):
        entry["finding"] = item.value.answer
    return entry


def _value(result: Result) -> Json:
    value = result.value
    if not isinstance(value, Interval):
        return None
    return {
        "low": decimal_text(value.low),
        "high": None if value.high is None else decimal_text(value.high),
        "low_open": value.low_open,
        "high_open": value.high_open,
        "unit": result.unit,
    }


def _when(when: When | None) -> Json:
    if when is None:
        return None
    return {"start": instant_text(when.start), "end": instant_text(when.end)}


def _claim(claim: ClaimNote) -> Json:
    return {"source": claim.source.ref, "text": claim.text, "agrees": claim.agrees}


def _claim_order(claim: ClaimNote) -> tuple[str, str]:
    return (claim.source.ref, claim.text)


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
