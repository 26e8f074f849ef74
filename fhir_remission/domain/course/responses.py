"""A marrow before the first remission of its course: is it a response, and which?"""

from __future__ import annotations

from msgspec.structs import replace

from fhir_remission.domain.course.cases import (
    Case,
    assumptions_of,
    blasts_after,
    counted,
    draft_of,
    look_at,
    smeared,
)
from fhir_remission.domain.course.landmarks import landmark_lines, landmark_of
from fhir_remission.domain.course.passed_over import pass_over
from fhir_remission.domain.course.progress import Draft, Progress, best_of, moved
from fhir_remission.domain.course.relapses import PRIOR_LINE, undecided_line
from fhir_remission.domain.course.remissions import remit
from fhir_remission.domain.course.scope_lines import guard
from fhir_remission.domain.course.steps import proof_of
from fhir_remission.domain.evaluation.marrow import Evaluation
from fhir_remission.domain.nouns.assessment import CriterionResult, Verdict
from fhir_remission.domain.nouns.verdicts import Proof, longer


def respond(case: Case, progress: Progress, *, claimed: bool) -> tuple[Progress, Draft]:
    """The answer of a marrow before the first remission of the course."""
    outcomes = case.facts.criteria.outcomes
    if _is_baseline(case, progress) and case.marrow.day >= progress.course.surely:
        after = perhaps(case, progress) if case.diseased is None else progress
        return after, draft_of(case, after, outcomes.not_evaluable, reason="before-therapy")
    if case.gate.state == "closed":
        unread = case.gate.perhaps and not case.diseased
        after = perhaps(case, progress) if unread else progress
        return after, draft_of(case, after, outcomes.not_evaluable, reason=case.gate.reason)
    if case.marrow.day < progress.course.surely:
        return progress, draft_of(
            case,
            progress,
            outcomes.not_evaluable,
            reason="no-disease-or-therapy-before-marrow",
            guards=(course_line(case, progress),),
        )
    if case.marrow.inadequate:
        return pass_over(case, progress, "inadequate-marrow")
    if case.early is not None and case.diseased:
        if outcomes.relapse and (progress.maybe_remission or claimed):
            return progress, draft_of(
                case,
                progress,
                outcomes.undecided,
                reason="earlier-remission-unknown",
                candidates=(outcomes.relapse, outcomes.not_evaluable),
                guards=(PRIOR_LINE,),
            )
        return pass_over(case, progress, "early-marrow")
    return _settle(case, progress, look_at(case, progress, claimed=claimed), claimed=claimed)


def _is_baseline(case: Case, progress: Progress) -> bool:
    """A diseased marrow up to the first start of therapy is what therapy is measured against."""
    last = progress.baseline.last_day
    return last is not None and case.marrow.day <= last and case.diseased is not False


def perhaps(case: Case, progress: Progress, seen: Proof = ()) -> Progress:
    """This marrow may have been a remission; all that was looked at says why."""
    since = progress.maybe_since or case.marrow.day
    proof = (*proof_of(case), *seen)
    return replace(progress, maybe_since=since, maybe=longer(progress.maybe, proof))


def _looked_at(found: Evaluation) -> Proof:
    return tuple(p for one in found.judgements.values() for p in one.proof)


def _settle(
    case: Case, progress: Progress, found: Evaluation, *, claimed: bool
) -> tuple[Progress, Draft]:
    row, beside = found.row, _lesion_after_remission(case, progress)
    if row is not None and row.remission:
        if not beside and not _relapse_possible(case, progress, found):
            return remit(case, progress, found)
        progress = perhaps(case, progress, _looked_at(found))
        if not beside:
            found = look_at(case._replace(withheld=True), progress, claimed=claimed)
            row = found.row
    category, reason, flags = _without_remission(case, progress, found, claimed=claimed)
    if category == case.facts.criteria.outcomes.not_evaluable:
        return pass_over(case, _stands(case, progress, found, category), reason, found, flags)
    after = _stands(case, progress, found, category)
    named = row is not None and category == row.id
    draft = draft_of(
        case,
        after,
        category,
        reason=reason,
        response_date=found.day if named else None,
        evaluation=found,
        assumptions=assumptions_of(case, progress, found, category),
        candidates=_candidates(case, progress, found, category, reason),
        possible_higher=found.possible_higher,
        missing=found.missing,
        flags=flags,
        guards=(
            *landmark_lines(case, progress, category, reason),
            *((_lesion_line(beside),) if beside else ()),
        ),
    )
    return after, draft


def _lesion_after_remission(case: Case, progress: Progress) -> Proof:
    """The lesion of this day that would be the relapse of an earlier, unproved remission."""
    lesion = case.facts.extramedullary.on(case.marrow.day)
    open_end = progress.maybe_remission and lesion.state in ("present", "unknown")
    return lesion.proof if open_end else ()


def _lesion_line(proof: Proof) -> CriterionResult:
    text = "no lesion after what may have been a remission, whatever is denied later"
    return undecided_line("no-relapse-outside-marrow", text, proof)


def _relapse_possible(case: Case, progress: Progress, found: Evaluation) -> bool:
    """Whether blood of this window may have been the relapse of an earlier, unproved remission."""
    return progress.maybe_remission and blasts_after(case, found)


def _candidates(
    case: Case, progress: Progress, found: Evaluation, category: str, reason: str
) -> tuple[str, ...]:
    outcomes = case.facts.criteria.outcomes
    if category != outcomes.undecided:
        return ()
    if reason == "earlier-remission-unknown" and not case.diseased:
        lesion = _lesion_after_remission(case, progress)
        ended = (not lesion and outcomes.relapse_suspected) or outcomes.relapse
        named = (*found.candidates, *found.possible_higher, found.category, ended)
        return tuple(dict.fromkeys(one for one in named if one and one != category))
    if case.early is not None:
        # Disease in a marrow that came too soon is not evaluable, never no response.
        renamed = {outcomes.no_response: outcomes.not_evaluable}
        return tuple(dict.fromkeys(renamed.get(one, one) for one in found.candidates))
    if found.candidates:
        return found.candidates
    if case.diseased:
        return tuple(one for one in (found.category, outcomes.relapse) if one)
    return tuple(one for one in (*found.possible_higher, found.category) if one != category)


def _without_remission(
    case: Case, progress: Progress, found: Evaluation, *, claimed: bool
) -> tuple[str, str, tuple[str, ...]]:
    """Category, reason and flags where no remission is proved."""
    outcomes = case.facts.criteria.outcomes
    category = found.category
    flags = found.row.flags if found.row is not None else ()
    uncleared = found.blood.last is not None and found.blood.cleared is None
    stopped = found.row is None and _relapse_possible(case, progress, found)
    prior_open = bool(outcomes.relapse) and (progress.maybe_remission or claimed)
    nothing = category == outcomes.no_response and case.early is None
    if not case.diseased and _lesion_after_remission(case, progress):
        return outcomes.undecided, "earlier-remission-unknown", flags
    if prior_open and not case.diseased and (uncleared or stopped or nothing):
        # After a remission these would be signs of relapse, not of no response.
        return outcomes.undecided, "earlier-remission-unknown", flags
    unread = "unknown" in smeared(case)
    if progress.maybe_remission and not case.diseased and (uncleared or stopped or unread):
        return outcomes.undecided, "earlier-remission-unknown", flags
    if category == outcomes.not_evaluable:
        return category, "too-few-cells", flags
    if case.capped and found.row is None:
        return _capped(case, found, prior_open=prior_open)
    if category == outcomes.undecided:
        return category, "undecided", flags
    if case.diseased and prior_open:
        return outcomes.undecided, "earlier-remission-unknown", flags
    landmark = landmark_of(case, progress)
    if landmark is not None:
        if _remission_open(case, found) or progress.maybe_remission or claimed:
            return outcomes.undecided, "remission-not-excluded-at-landmark", flags
        return outcomes.refractory, "", flags
    return category, "", flags


def _capped(case: Case, found: Evaluation, *, prior_open: bool) -> tuple[str, str, tuple[str, ...]]:
    outcomes, category = case.facts.criteria.outcomes, found.category
    nothing = {outcomes.not_evaluable, outcomes.no_response}
    if case.repeat is not None and case.early is None:
        return outcomes.undecided, "contradicted-by-next-marrow", ()
    relapse_open = prior_open and case.diseased is not False
    settled = nothing.issuperset(found.candidates) and not relapse_open
    if category == outcomes.undecided and not settled:
        return category, "undecided", ()
    return outcomes.not_evaluable, "early-marrow", ()


def may_remit(case: Case, found: Evaluation) -> bool:
    """Whether this marrow proves a remission, or may be one."""
    return (found.row is not None and found.row.remission) or _remission_open(case, found)


def _remission_open(case: Case, found: Evaluation) -> bool:
    remissions = {row.id for row in case.facts.criteria.category if row.remission}
    return bool(remissions & {*found.possible_higher, *found.candidates})


def course_line(case: Case, progress: Progress) -> CriterionResult:
    """The course that had not begun yet, as a line of the proof."""
    diagnosed = case.facts.events.get("aml-diagnosis", ())
    rule = f"the course has begun: diagnosis or a marrow full of blasts by {progress.course.surely}"
    lineage = case.facts.numbers.lineage_blasts
    return guard("response-evaluation", Verdict.NOT_MET, rule, lineage, diagnosed)


def _stands(case: Case, progress: Progress, found: Evaluation, category: str) -> Progress:
    """The course after an answer that is no remission."""
    outcomes = case.facts.criteria.outcomes
    claim = found.row if found.row is not None and category == found.row.id else None
    open_end = _remission_open(case, found) or _cut_in_doubt(case, progress)
    if (open_end and not case.capped) or _repeat_undecided(case, progress):
        progress = perhaps(case, progress, (*_looked_at(found), *counted(case)))
    if category == outcomes.not_evaluable:
        return progress
    state = "active-disease"
    if category == outcomes.undecided:
        state = "unknown"
    elif claim is not None and claim.early:
        state = "awaiting-response"
    return moved(
        progress,
        state,
        case.marrow.day,
        category=category,
        row=claim,
        carried=found,
        response_date=found.day if claim is not None else None,
        best=best_of(progress.best, claim, case.facts.criteria.category),
        refractory=progress.refractory or category == outcomes.refractory,
        assumptions=assumptions_of(case, progress, found, category),
    )


def _cut_in_doubt(case: Case, progress: Progress) -> bool:
    """Whether draws that only what may not be there keeps out might prove a remission."""
    if case.window.places == case.window.looked:
        return False
    return may_remit(case, look_at(_undoubted(case), progress, claimed=False))


def _undoubted(case: Case) -> Case:
    """The same marrow, its window cut only by what is there beyond doubt."""
    return case._replace(window=replace(case.window, places=case.window.looked))


def _repeat_undecided(case: Case, progress: Progress) -> bool:
    """Whether only a repeat that cannot be read keeps this marrow from proving a remission."""
    if case.repeat is None or case.early is not None or case.diseased:
        return False
    if case.repeat.reaches(case.facts.numbers.disease_blasts.value) is not None:
        return False
    if not case.repeat.certain:  # without it the window would be longer
        return True
    alone = _undoubted(case._replace(repeat=None))
    return may_remit(case, look_at(alone, progress, claimed=False))
