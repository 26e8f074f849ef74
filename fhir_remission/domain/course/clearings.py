"""A marrow below 5 % after a remission: its window may confirm, doubt or end the remission."""

from __future__ import annotations

from datetime import date

from msgspec.structs import replace

from fhir_remission.domain.course.cases import (
    Case,
    assumptions_of,
    blasts_after,
    draft_of,
    look_at,
    smeared,
    smears_of_day,
)
from fhir_remission.domain.course.progress import Progress, Sample, Standing, best_of, moved
from fhir_remission.domain.course.relapses import (
    first_sign_of,
    relapse,
    remission_line,
    rule_line,
    withdraw,
    withdrawn_line,
)
from fhir_remission.domain.course.remissions import remit
from fhir_remission.domain.course.steps import Step, carried_by, doubt_at, lifted, proof_of, suspect
from fhir_remission.domain.criteria.kinds import Absent, AdequateMarrow
from fhir_remission.domain.criteria.rules import Category, RelapseBlood
from fhir_remission.domain.evaluation.choice import HOLDS
from fhir_remission.domain.evaluation.marrow import Evaluation
from fhir_remission.domain.nouns.assessment import Verdict
from fhir_remission.domain.nouns.verdicts import NOTHING, longer


def clear(case: Case, progress: Progress) -> Step:
    """Below 5 %: other signs may still end the remission; else the window says what it is now."""
    found = look_at(case, progress, claimed=False)
    if smeared(case) == {"absent"} and (progress.samples or progress.unclear):
        progress = lifted(progress)
    if found.blood.worst.state == "present" and found.blood.cleared is None:
        return _blasts_in_window(case, progress, found)
    if found.row is not None and found.row.remission and not case.capped:
        if not (progress.doubt and blasts_after(case, found)):
            return remit(case, replace(progress, samples=(), suspected_on=None), found)
        return _withheld(case, progress, found.row)
    if _is_adequate(case, found):
        progress = replace(progress, samples=(), suspected_on=None)
    return _short_of_remission(case, progress, found)


def _blasts_in_window(case: Case, progress: Progress, found: Evaluation) -> Step:
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
    today = blasts_on(case)
    lines = (line, rule_line("no-relapse-in-blood", rule, (*proof, *case.marrow.results)))
    if today and completes(rule, progress.samples, day, sure=True):
        after = relapse(case.facts, progress, day, NOTHING, proof)
        first = first_sign_of(progress, day)
        return after, draft_of(
            case, after, outcomes.relapse,
            response_date=day, first_sign=first, guards=lines, flags=flags,
        )  # fmt: skip
    perhaps = today and completes(rule, progress.samples, day, sure=False)
    earlier = tuple(p for one in (*progress.samples, *today) for p in one.proof)
    doubts = longer(progress.doubts, earlier if perhaps else ())
    # A marrow that is good enough interrupts the rule; blasts counted among few cells do not.
    before = () if _is_adequate(case, found) else progress.samples
    # Once the blood is clear, this marrow is the latest: it proved nothing while it was not.
    standing = Standing(outcomes.undecided, evaluation=found, reason="signs-of-disease")
    kept = replace(
        progress, samples=(*before, *today), doubts=doubts, suspected_on=None, standing=standing
    )
    return suspect(case, kept, _first_blasts(case), lines, flags)


def blasts_on(case: Case) -> tuple[Sample, ...]:
    """The draws of the marrow's day that held blasts."""
    return tuple(
        Sample(case.marrow.day, sure=True, proof=one.proof)
        for one in smears_of_day(case)
        if one.state == "present"
    )


def _first_blasts(case: Case) -> date:
    """The first day of the window on which the blood held blasts."""
    facts = case.facts
    seen = (one for one in case.window.looked if facts.smears[one].state == "present")
    return facts.draws[next(seen)].day


def completes(rule: RelapseBlood, samples: tuple[Sample, ...], day: date, *, sure: bool) -> bool:
    """Whether a positive sample of this day fulfils the rule, or may do so."""
    if rule.samples == 1:
        return True
    return any(
        rule.min_days <= (day - one.day).days <= rule.max_days
        for one in samples
        if one.sure or not sure
    )


def _short_of_remission(case: Case, progress: Progress, found: Evaluation) -> Step:
    """No remission category is proved here; the remission of the course goes on."""
    outcomes = case.facts.criteria.outcomes
    nothing = found.row is None and found.category == outcomes.no_response
    if nothing and (not case.capped or _other_sign(case, found, Verdict.NOT_MET)):
        return doubt_at(case, progress, "signs-of-disease", (), found)
    rule = case.facts.criteria.relapse.blood
    today = "unknown" in smeared(case)
    if today and (rule is None or rule.samples == 1):
        return doubt_at(case, progress, "blood-blasts-undecided", ("blood-blasts",), found)
    if found.row is None and _other_sign(case, found, Verdict.UNKNOWN):
        return doubt_at(case, progress, "signs-undecided", found.missing, found)
    feared = found.blood.worst.state == "unknown" and found.blood.cleared is None
    if found.category == outcomes.not_evaluable and not (today or feared):
        return carried_by(case, progress, found)
    after = _goes_on(case, progress, found, unread=today or feared)
    if today:
        unsure = Sample(case.marrow.day, sure=False, proof=())
        after = replace(after, samples=(*after.samples, unsure))
    return after, draft_of(
        case,
        after,
        after.category,
        reason="" if after.row is not None else _why(case),
        response_date=after.response_date,
        evaluation=found,
        assumptions=after.assumptions,
        candidates=found.candidates if after.row is None else (),
        possible_higher=found.possible_higher,
        missing=found.missing,
    )


def _withheld(case: Case, progress: Progress, proved: Category) -> Step:
    """A new remission is not said: blood after the marrow may have been the doubted one's relapse.

    Where it was not, this marrow proves what it is withheld.
    """
    outcomes = case.facts.criteria.outcomes
    case = case._replace(withheld=True)
    after, draft = _short_of_remission(case, progress, look_at(case, progress, claimed=False))
    if draft.category != outcomes.undecided:
        return after, draft
    ended = outcomes.relapse_suspected or outcomes.relapse or outcomes.no_response
    return after, replace(draft, candidates=(proved.id, ended))


def _is_adequate(case: Case, found: Evaluation) -> bool:
    """Whether the marrow is good enough for its blast count to end a suspicion."""
    quality = (one.id for one in case.facts.criteria.criterion if isinstance(one, AdequateMarrow))
    return all(found.judgements[name].verdict in HOLDS for name in quality)


def _goes_on(case: Case, progress: Progress, found: Evaluation, *, unread: bool) -> Progress:
    """The remission after a marrow that says less than it; blasts not excluded say nothing."""
    row = None if unread else found.row
    category = row.id if row is not None else case.facts.criteria.outcomes.undecided
    said_on = found.day if row is not None else None
    suspected = bool(progress.samples) or progress.suspected_on is not None
    state = "unknown" if progress.doubt or unread else "in-remission"
    if suspected and state == "in-remission":
        state = progress.state
    remission = progress.remission
    since = remission.since if remission and state == "in-remission" else case.marrow.day
    return moved(
        progress,
        state,
        since,
        unclear=unread,
        category=category,
        row=row,
        carried=found,
        standing=Standing(category, row, found, said_on, reason="" if row else _why(case)),
        assumptions=assumptions_of(case, progress, found, category),
        response_date=said_on,
        best=best_of(progress.best, row, case.facts.criteria.category),
    )


def _other_sign(case: Case, found: Evaluation, verdict: Verdict) -> bool:
    """Whether a sign of leukaemia besides the blood is there, or was reported and is unreadable."""
    return any(
        isinstance(one, Absent)
        and one.sign != "blood-blasts"
        and found.judgements[one.id].verdict is verdict
        for one in case.facts.criteria.criterion
    )


def _why(case: Case) -> str:
    if case.early is not None:
        return "early-marrow"
    return "undecided" if case.repeat is None else "contradicted-by-next-marrow"
