"""A marrow after the remission of its course: it confirms, doubts or ends the remission."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from msgspec.structs import replace

from fhir_remission.domain.course.cases import Case, draft_of
from fhir_remission.domain.course.clearings import blasts_on, clear, completes
from fhir_remission.domain.course.progress import Progress
from fhir_remission.domain.course.relapses import (
    first_sign_of,
    relapse,
    remission_line,
    rule_line,
    withdraw,
    withdrawn_line,
)
from fhir_remission.domain.course.steps import Step, carried_by, doubt_at, proof_of, suspect
from fhir_remission.domain.nouns.assessment import CriterionResult
from fhir_remission.domain.nouns.inputs import Interval
from fhir_remission.domain.nouns.verdicts import NOTHING, Proof, Quantity, longer


def follow(case: Case, progress: Progress) -> Step:
    """The answer of a marrow once the course has had a remission."""
    lesion = case.facts.extramedullary.on(case.marrow.day)
    diseased = case.diseased and not case.marrow.inadequate
    if diseased and not _waits(case, progress):
        return _diseased(case, progress)
    if lesion.state == "present":
        return _lesion(case, progress, lesion.proof)
    if case.diseased is not False and not case.marrow.inadequate and blasts_on(case):
        by_blood = _by_blood(case, progress)
        if by_blood is not None:
            return by_blood
        progress = replace(progress, samples=(*progress.samples, *blasts_on(case)))
    if diseased:
        return _diseased(case, progress)
    if lesion.state == "unknown":
        return doubt_at(case, progress, "extramedullary-undecided", ("extramedullary-disease",))
    if case.marrow.inadequate:
        return carried_by(case, progress)
    if case.diseased is None:
        return doubt_at(case, progress, "marrow-undecided", ("marrow-blasts",))
    return clear(case, progress)


def _diseased(case: Case, progress: Progress) -> Step:
    outcomes, rules = case.facts.criteria.outcomes, case.facts.criteria.relapse
    day, line = case.marrow.day, remission_line(progress)
    if rules.marrow is None:
        after = withdraw(progress, day, outcomes.no_response)
        flags = ("remission-withdrawn",)
        return after, draft_of(
            case,
            after,
            outcomes.no_response,
            guards=(line, withdrawn_line(proof_of(case))),
            flags=flags,
        )
    if case.repeat is not None:
        return doubt_at(case, progress, "contradicted-by-next-marrow")
    lines = (line, rule_line("no-relapse-in-marrow", rules.marrow, case.marrow.blasts.proof))
    if _asks_repeat(case, progress):
        # A lesion that cannot be told would be the relapse, and is then of the next course.
        lesion = case.facts.extramedullary.on(day)
        doubts = longer(progress.doubts, lesion.proof if lesion.state == "unknown" else ())
        kept = replace(progress, suspected_on=progress.suspected_on or day, doubts=doubts)
        return suspect(case, kept, day, lines)
    after = relapse(case.facts, progress, day, case.marrow.blasts)
    return after, draft_of(
        case,
        after,
        outcomes.relapse,
        response_date=day,
        first_sign=first_sign_of(progress, day),
        guards=lines,
    )


def _waits(case: Case, progress: Progress) -> bool:
    """Whether these blasts wait for another marrow; a lesion or blood beside them does not."""
    return case.repeat is not None or _asks_repeat(case, progress)


def _by_blood(case: Case, progress: Progress) -> Step | None:
    """Relapse by the blood of the day, where the marrow beside it does not decide."""
    rule = case.facts.criteria.relapse.blood
    if rule is None or not completes(rule, progress.samples, case.marrow.day, sure=True):
        return None
    proof = tuple(p for one in (*progress.samples, *blasts_on(case)) for p in one.proof)
    line = rule_line("no-relapse-in-blood", rule, proof)
    return _relapse_beside(case, progress, line, proof)


def _relapse_beside(
    case: Case,
    progress: Progress,
    line: CriterionResult,
    proof: Proof,
    flags: tuple[str, ...] = (),
) -> Step:
    """Relapse by a sign beside the marrow, which is no baseline of the next course."""
    day = case.marrow.day
    after = relapse(case.facts, progress, day, NOTHING, proof)
    return after, draft_of(
        case,
        after,
        case.facts.criteria.outcomes.relapse,
        response_date=day,
        first_sign=first_sign_of(progress, day),
        guards=(remission_line(progress), line),
        flags=flags,
    )


def _asks_repeat(case: Case, progress: Progress) -> bool:
    """Whether a low value soon after therapy asks for a repeat before it is a relapse."""
    rule = case.facts.criteria.relapse.marrow
    if rule is None or rule.recent_at_most is None:
        return False
    day = case.marrow.day
    start = case.facts.therapy.latest(day)
    recent = start is not None and (day - start.day).days <= rule.recent_days
    seen = any(case.facts.smears[one].state == "present" for one in case.window.places)
    asked = progress.suspected_on
    repeated = asked is not None and day - asked >= timedelta(days=rule.repeat_after)
    return (
        recent and _at_most(case.marrow.blasts, rule.recent_at_most) and not seen and not repeated
    )


def _at_most(quantity: Quantity, ceiling: Decimal) -> bool:
    reading = quantity.reading
    return isinstance(reading, Interval) and reading.high is not None and reading.high <= ceiling


def _is_clear(case: Case) -> bool:
    return case.diseased is False and not case.marrow.inadequate


def _lesion(case: Case, progress: Progress, proof: Proof) -> Step:
    outcomes, rule = case.facts.criteria.outcomes, case.facts.criteria.relapse.extramedullary
    day, line = case.marrow.day, remission_line(progress)
    if rule is None:
        after = withdraw(progress, day, outcomes.no_response)
        flags = ("remission-withdrawn",)
        return after, draft_of(
            case,
            after,
            outcomes.no_response,
            guards=(line, withdrawn_line(proof_of(case))),
            flags=flags,
        )
    found = rule_line("no-relapse-outside-marrow", rule, proof)
    beside = ("concurrent-marrow-clear",) if _is_clear(case) else ()
    return _relapse_beside(case, progress, found, proof, beside)
