"""What a marrow in remission can come to: doubt, suspicion, or nothing new."""

from __future__ import annotations

from datetime import date

from msgspec.structs import replace

from fhir_remission.domain.course.cases import Case, draft_of, smears_of_day
from fhir_remission.domain.course.progress import Draft, Progress, moved
from fhir_remission.domain.course.relapses import (
    doubted,
    first_sign_of,
    remission_line,
    undecided_line,
)
from fhir_remission.domain.course.scope_lines import repeats_of
from fhir_remission.domain.evaluation.marrow import Evaluation
from fhir_remission.domain.nouns.assessment import CriterionResult
from fhir_remission.domain.nouns.verdicts import Proof

Step = tuple[Progress, Draft]


def doubt_at(
    case: Case,
    progress: Progress,
    reason: str,
    missing: tuple[str, ...] = (),
    found: Evaluation | None = None,
) -> Step:
    """The remission may have ended here: undecided until a newly proved one."""
    outcomes = case.facts.criteria.outcomes
    after = doubted(progress, case.marrow.day, outcomes.undecided, proof_of(case))
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
    smears = (p for one in smears_of_day(case) for p in one.proof)
    return (*case.marrow.results, *smears, *case.facts.extramedullary.on(case.marrow.day).proof)


def carried_by(case: Case, progress: Progress, found: Evaluation | None = None) -> Step:
    """A marrow that cannot be judged leaves standing what the last one proved.

    Not where the next marrow may deny that.
    """
    denied = denied_lines(case)
    if progress.doubt or denied:
        outcome = case.facts.criteria.outcomes.not_evaluable
        reason = "inadequate-marrow" if found is None else "too-few-cells"
        return progress, draft_of(
            case, progress, outcome, reason=reason, evaluation=found, guards=denied
        )
    draft = draft_of(
        case,
        progress,
        progress.category,
        response_date=progress.response_date,
        evaluation=progress.carried or found,
        carries=True,
        assumptions=progress.assumptions,
        flags=("inadequate-marrow",),
        code=progress.code,
        mrd=progress.mrd_status,
        doubted=True,
    )
    return progress, draft


def lifted(progress: Progress) -> Progress:
    """Blood is clear again: a suspicion raised by it ends, and no other; nor does a doubt."""
    progress = replace(progress, samples=(), unclear=False)
    remission, standing = progress.remission, progress.standing
    if progress.doubt or progress.suspected_on is not None or remission is None or standing is None:
        return progress
    return moved(
        progress, "in-remission", remission.since, category=standing.category, row=standing.row,
        carried=standing.evaluation, response_date=standing.response_date,
    )  # fmt: skip


def denied_lines(case: Case) -> tuple[CriterionResult, ...]:
    """A marrow soon after that may deny the answer before, as a line; a clear one denies none."""
    threshold = case.facts.numbers.disease_blasts.value
    repeats = repeats_of(case.facts, case.place)
    denying = next((one for one in repeats if one.reaches(threshold) is not False), None)
    if denying is None:
        return ()
    text = "the next marrow does not deny what this one shows"
    proof = (*proof_of(case), *denying.results)
    return (undecided_line("marrow-not-contradicted", text, proof),)


def suspect(
    case: Case,
    progress: Progress,
    day: date,
    lines: tuple[CriterionResult, ...],
    flags: tuple[str, ...] = (),
) -> Step:
    """A sign of relapse on this day that falls short of the rule."""
    suspected = case.facts.criteria.outcomes.relapse_suspected
    after = moved(
        progress, "relapse-suspected", max(day, case.marrow.day), category=suspected, row=None,
        carried=None, response_date=None,
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
