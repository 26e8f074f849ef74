"""A marrow after the remission of its course: it confirms, doubts or ends the remission."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from msgspec.structs import replace

from fhir_remission.domain.assessment import CriterionResult, Verdict
from fhir_remission.domain.cases import Case, assumptions_of, draft_of, look_at
from fhir_remission.domain.evaluation import Evaluation
from fhir_remission.domain.inputs import Interval
from fhir_remission.domain.kinds import Absent
from fhir_remission.domain.progress import Draft, Progress, Sample, Standing, best_of, moved
from fhir_remission.domain.relapses import (
    doubted,
    first_sign_of,
    relapse,
    remission_line,
    rule_line,
    undecided_line,
    withdraw,
    withdrawn_line,
)
from fhir_remission.domain.remissions import remit
from fhir_remission.domain.rules import RelapseBlood
from fhir_remission.domain.verdicts import NOTHING, Proof, Quantity


def follow(case: Case, progress: Progress) -> tuple[Progress, Draft]:
    """The answer of a marrow once the course has had a remission."""
    lesion = case.facts.extramedullary.on(case.marrow.day)
    if case.diseased and not case.marrow.inadequate:
        return _diseased(case, progress)
    if lesion.state == "present":
        return _lesion(case, progress, lesion.proof)
    if lesion.state == "unknown":
        return _doubt(case, progress, "extramedullary-undecided", ("extramedullary-disease",))
    if case.marrow.inadequate:
        return _carried(case, progress)
    if case.diseased is None:
        return _doubt(case, progress, "marrow-undecided", ("marrow-blasts",))
    return _clear(case, progress)


def _doubt(
    case: Case,
    progress: Progress,
    reason: str,
    missing: tuple[str, ...] = (),
    found: Evaluation | None = None,
) -> tuple[Progress, Draft]:
    outcomes = case.facts.criteria.outcomes
    after = doubted(progress, case.marrow.day, outcomes.undecided)
    said = [one for one in (progress.row.id if progress.row else "", outcomes.relapse) if one]
    return after, draft_of(
        case,
        after,
        outcomes.undecided,
        reason=reason,
        candidates=tuple(said),
        missing=missing,
        evaluation=found,
        guards=(
            remission_line(progress),
            undecided_line("no-relapse-in-marrow", reason.replace("-", " "), proof_of(case)),
        ),
    )


def proof_of(case: Case) -> Proof:
    """All that was looked at on the day of the marrow."""
    facts, day = case.facts, case.marrow.day
    smears = (facts.smears[one].proof for one in facts.draws_between(day, day))
    lesion = facts.extramedullary.on(day).proof
    return (*case.marrow.results, *(one for proof in smears for one in proof), *lesion)


def _carried(
    case: Case, progress: Progress, found: Evaluation | None = None
) -> tuple[Progress, Draft]:
    """A marrow that cannot be judged leaves standing what the last one proved."""
    if progress.doubt:
        outcome = case.facts.criteria.outcomes.not_evaluable
        reason = "inadequate-marrow" if found is None else "too-few-cells"
        return progress, draft_of(case, progress, outcome, reason=reason, evaluation=found)
    draft = draft_of(
        case,
        progress,
        progress.category,
        response_date=progress.response_date,
        evaluation=progress.carried or found,
        carries=True,
        assumptions=progress.assumptions,
        flags=("inadequate-marrow",),
        code=progress.remission.code if progress.remission and progress.row else "",
        mrd=progress.mrd_status,
        doubted=True,
    )
    return progress, draft


def _diseased(case: Case, progress: Progress) -> tuple[Progress, Draft]:
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
        return _doubt(case, progress, "contradicted-by-next-marrow")
    lines = (line, rule_line("no-relapse-in-marrow", rules.marrow, case.marrow.blasts.proof))
    if _asks_repeat(case, progress):
        return _suspect(case, replace(progress, suspected_on=progress.suspected_on or day), lines)
    after = relapse(case.facts, progress, day, case.marrow.blasts)
    return after, draft_of(
        case,
        after,
        outcomes.relapse,
        response_date=day,
        first_sign=first_sign_of(progress, day),
        guards=lines,
    )


def _suspect(
    case: Case, progress: Progress, lines: tuple[CriterionResult, ...], flags: tuple[str, ...] = ()
) -> tuple[Progress, Draft]:
    suspected = case.facts.criteria.outcomes.relapse_suspected
    day = case.marrow.day
    after = moved(
        progress, "relapse-suspected", day, category=suspected, row=None, carried=None,
        response_date=None,
    )  # fmt: skip
    return after, draft_of(
        case,
        after,
        suspected,
        first_sign=first_sign_of(progress, day),
        missing=("repeat-marrow",),
        guards=lines,
        flags=flags,
        doubted=True,
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


def _clear(case: Case, progress: Progress) -> tuple[Progress, Draft]:
    """Below 5 %: other signs may still end the remission; else the window says what it is now."""
    found = look_at(case, progress, claimed=False)
    if found.blood.worst.state == "present" and found.blood.cleared is None:
        return _blasts_in_window(case, progress, found)
    progress = replace(progress, samples=(), suspected_on=None)
    if found.row is not None and found.row.remission and not case.capped:
        return remit(case, progress, found)
    return _short_of_remission(case, progress, found)


def _lesion(case: Case, progress: Progress, proof: Proof) -> tuple[Progress, Draft]:
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
    after = relapse(case.facts, progress, day, NOTHING, proof)
    return after, draft_of(
        case,
        after,
        outcomes.relapse,
        response_date=day,
        first_sign=first_sign_of(progress, day),
        guards=(line, rule_line("no-relapse-outside-marrow", rule, proof)),
        flags=("concurrent-marrow-clear",),
    )


def _blasts_in_window(case: Case, progress: Progress, found: Evaluation) -> tuple[Progress, Draft]:
    """Blood blasts beside a clear marrow: relapse, or the first half of one."""
    outcomes, rule = case.facts.criteria.outcomes, case.facts.criteria.relapse.blood
    day, line, proof = case.marrow.day, remission_line(progress), found.blood.worst.proof
    flags: tuple[str, ...] = ("concurrent-marrow-clear",)
    if rule is None:
        after = withdraw(progress, day, outcomes.no_response)
        flags = (*flags, "remission-withdrawn")
        return after, draft_of(
            case,
            after,
            outcomes.no_response,
            guards=(line, withdrawn_line((*proof, *proof_of(case)))),
            flags=flags,
        )
    today = tuple(
        Sample(day, sure=True, proof=case.facts.smears[one].proof)
        for one in case.facts.draws_between(day, day)
        if case.facts.smears[one].state == "present"
    )
    lines = (line, rule_line("no-relapse-in-blood", rule, (*proof, *case.marrow.results)))
    if today and completes(rule, progress.samples, day, sure=True):
        after = relapse(case.facts, progress, day, NOTHING, proof)
        first = first_sign_of(progress, day)
        return after, draft_of(
            case, after, outcomes.relapse,
            response_date=day, first_sign=first, guards=lines, flags=flags,
        )  # fmt: skip
    doubt = progress.doubt or bool(today and completes(rule, progress.samples, day, sure=False))
    kept = replace(progress, samples=today, doubt=doubt, suspected_on=None)
    return _suspect(case, kept, lines, flags)


def completes(rule: RelapseBlood, samples: tuple[Sample, ...], day: date, *, sure: bool) -> bool:
    """Whether a positive sample of this day fulfils the rule, or may do so."""
    if rule.samples == 1:
        return True
    return any(
        rule.min_days <= (day - one.day).days <= rule.max_days
        for one in samples
        if one.sure or not sure
    )


def _short_of_remission(
    case: Case, progress: Progress, found: Evaluation
) -> tuple[Progress, Draft]:
    """No remission category is proved here; the remission of the course goes on."""
    outcomes, day = case.facts.criteria.outcomes, case.marrow.day
    if found.row is None and found.category == outcomes.no_response and not case.capped:
        return _doubt(case, progress, "signs-of-disease", (), found)
    rule = case.facts.criteria.relapse.blood
    smears = [case.facts.smears[one] for one in case.facts.draws_between(day, day)]
    today = any(one.state == "unknown" for one in smears)
    worst = found.blood.worst.state == "unknown" and found.blood.cleared is None
    unread = today or worst
    if today and (rule is None or rule.samples == 1):
        return _doubt(case, progress, "blood-blasts-undecided", ("blood-blasts",), found)
    if found.row is None and _other_sign_unknown(case, found):
        return _doubt(case, progress, "signs-undecided", found.missing, found)
    category = found.category if found.row is not None else outcomes.undecided
    reason = "" if found.row is not None else _why(case)
    if found.category == outcomes.not_evaluable and not unread:
        return _carried(case, progress, found)
    row = None if unread else found.row
    said_on = found.day if row is not None else None
    assumed = assumptions_of(case, progress, found, category)
    state = "unknown" if progress.doubt or unread else "in-remission"
    since = progress.remission.since if progress.remission and state == "in-remission" else day
    after = moved(
        progress,
        state,
        since,
        unclear=unread,
        category=category,
        row=row,
        carried=found,
        standing=Standing(category, row, found, said_on),
        assumptions=assumed,
        response_date=said_on,
        best=best_of(progress.best, row, case.facts.criteria.category),
    )
    if today:
        after = replace(after, samples=(Sample(day, sure=False, proof=()),))
    return after, draft_of(
        case,
        after,
        category,
        reason=reason,
        response_date=after.response_date,
        evaluation=found,
        assumptions=assumed,
        candidates=found.candidates,
        possible_higher=found.possible_higher,
        missing=found.missing,
    )


def _other_sign_unknown(case: Case, found: Evaluation) -> bool:
    """Whether a sign of leukaemia besides the blood was reported and cannot be read."""
    return any(
        isinstance(one, Absent)
        and one.sign != "blood-blasts"
        and found.judgements[one.id].verdict is Verdict.UNKNOWN
        for one in case.facts.criteria.criterion
    )


def _why(case: Case) -> str:
    if case.early is not None:
        return "early-marrow"
    return "undecided" if case.repeat is None else "contradicted-by-next-marrow"
