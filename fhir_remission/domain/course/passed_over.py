"""Marrows before any remission that cannot be judged: the latest evaluable one still stands."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from fhir_remission.domain.course.cases import Case, counted, draft_of
from fhir_remission.domain.course.progress import Draft, Progress
from fhir_remission.domain.course.relapses import PRIOR_LINE, undecided_line
from fhir_remission.domain.course.scope_lines import contradicting, guard
from fhir_remission.domain.course.steps import denied_lines, proof_of
from fhir_remission.domain.evaluation.marrow import Evaluation
from fhir_remission.domain.nouns.assessment import CriterionResult, Verdict
from fhir_remission.domain.nouns.verdicts import Proof


def pass_over(
    case: Case,
    progress: Progress,
    reason: str,
    found: Evaluation | None = None,
    flags: tuple[str, ...] = (),
) -> tuple[Progress, Draft]:
    """Not evaluable, or the answer of the marrow before where no therapy began since."""
    outcomes = case.facts.criteria.outcomes
    held = progress.carried
    if held is None or _contradicted(case, held):
        return progress, _not_evaluable(case, progress, reason, found, flags)
    against = _against(case, progress, held) if progress.row is not None else ()
    if against:
        draft = _not_evaluable(case, progress, reason, found, flags)
        return progress, replace(draft, guards=(*draft.guards, *against))
    if _treated_since(case, held):
        if not progress.maybe_remission:
            return progress, _not_evaluable(case, progress, reason, found, flags)
        # What may have been a remission may still be one.
        return progress, draft_of(
            case, progress, outcomes.undecided, reason="earlier-remission-unknown",
            evaluation=found, flags=flags, missing=("marrow",),
        )  # fmt: skip
    return progress, _carried(case, progress, held, found, flags)


def _not_evaluable(
    case: Case, progress: Progress, reason: str, found: Evaluation | None, flags: tuple[str, ...]
) -> Draft:
    return draft_of(
        case,
        progress,
        case.facts.criteria.outcomes.not_evaluable,
        reason=reason,
        evaluation=found,
        possible_higher=() if found is None else found.possible_higher,
        missing=() if found is None else found.missing,
        flags=flags,
    )


def _contradicted(case: Case, held: Evaluation) -> bool:
    """Whether a marrow after the evaluable one took its place."""
    place = case.facts.marrow_days.index(held.view.marrow.day)
    return contradicting(case.facts, place) is not None


def _against(case: Case, progress: Progress, held: Evaluation) -> tuple[CriterionResult, ...]:
    """What may have ended the response that the evaluable marrow said: it is not carried then."""
    signs, since = _signs_since(case, held), progress.maybe_since
    text = "nothing after the response may have ended it"
    line = undecided_line("no-relapse-in-blood", text, signs)
    # A remission in doubt is not carried; what may have been one may be in doubt.
    doubtful = since is not None and since < held.view.marrow.day
    return (
        *((line,) if signs else ()),
        *((PRIOR_LINE,) if doubtful else ()),
        *denied_lines(case),
    )


def _signs_since(case: Case, held: Evaluation) -> Proof:
    """Blood and lesions after the evaluable marrow that may have ended the response it said."""
    facts, first = case.facts, held.view.marrow.day + timedelta(days=1)
    smears = [facts.smears[one] for one in facts.draws_between(first, case.marrow.day)]
    days = [day for day in facts.extramedullary.days if first <= day <= case.marrow.day]
    signs = [*smears, *(facts.extramedullary.on(day) for day in days)]
    return tuple(p for one in signs if one.state in ("present", "unknown") for p in one.proof)


def _treated_since(case: Case, held: Evaluation) -> bool:
    """Whether a start since the evaluable marrow asks for a marrow of its own."""
    cycle = case.facts.therapy.first_from(held.view.marrow.day)
    begun = cycle is not None and cycle.day < case.marrow.day
    return begun and case.facts.criteria.withholds_after_start


def _carried(
    case: Case,
    progress: Progress,
    held: Evaluation,
    found: Evaluation | None,
    flags: tuple[str, ...],
) -> Draft:
    open_end = progress.category == case.facts.criteria.outcomes.undecided
    return draft_of(
        case,
        progress,
        progress.category,
        reason="undecided" if open_end else "",
        response_date=progress.response_date,
        evaluation=held,
        carries=True,
        assumptions=progress.assumptions,
        candidates=held.candidates if open_end else (),
        possible_higher=held.possible_higher,
        missing=held.missing,
        flags=flags if case.early is not None else (*flags, "inadequate-marrow"),
        guards=(*_quality(case, found), _silent_line(case)),
        doubted=True,
    )


def _silent_line(case: Case) -> CriterionResult:
    """What was looked at on the day of the marrow that leaves the answer to the one before."""
    rule = "the marrow gives an answer of its own"
    return guard("marrow-decides", Verdict.NOT_MET, rule, "order of evaluation", proof_of(case))


def _quality(case: Case, found: Evaluation | None) -> tuple[CriterionResult, ...]:
    """Too few cells, as a line of the proof; counts as of a remission would make up for them."""
    proof = (*case.marrow.cells.proof, *case.marrow.cellularity.proof)
    if found is None or not proof:
        return ()
    rule = "enough cells were counted, or cellularity makes up for it"
    source = "non-evaluable: technically suboptimal sample"
    return (guard("marrow-usable", Verdict.NOT_MET, rule, source, (*proof, *counted(case))),)
