"""A marrow that proves a remission, with the MRD that goes with it."""

from __future__ import annotations

from datetime import date, timedelta

from msgspec.structs import replace

from fhir_remission.domain.course.cases import Case, assumptions_of, draft_of
from fhir_remission.domain.course.progress import (
    Draft,
    Progress,
    Remission,
    Standing,
    best_of,
    moved,
)
from fhir_remission.domain.criteria.rules import Category
from fhir_remission.domain.evaluation.marrow import Evaluation
from fhir_remission.domain.nouns.assessment import Verdict
from fhir_remission.domain.record.mrd import (
    MrdHistory,
    MrdSample,
    Status,
    is_confirmed,
    suffix_status,
)


def remit(case: Case, progress: Progress, found: Evaluation) -> tuple[Progress, Draft]:
    """The answer of a marrow that proves a remission."""
    row = found.row
    assert row is not None  # noqa: S101 - only called with a proved row
    status, code, flags, used = suffix_of(case, row)
    remission = _remission(case, progress, found, code)
    doubts = {found.judgements[name].verdict for name in row.doubts} - {Verdict.MET}
    named = [*row.flags, *flags]
    if Verdict.NOT_MET in doubts:
        named.append("few-cells")
    if progress.refractory:
        named.append("after-refractory")
    history = progress.mrd if _goes_on(progress) else _begun(case, used, row, code)
    after = replace(
        moved(progress, "in-remission", remission.since),
        remission=remission,
        doubts=None,
        unclear=False,
        suspected_on=None,
        category=row.id,
        row=row,
        carried=found,
        standing=Standing(row.id, row, found, found.day, code),
        assumptions=assumptions_of(case, progress, found, row.id),
        mrd=history,
        mrd_status=status,
        response_date=found.day,
        best=best_of(progress.best, row, case.facts.criteria.category),
    )
    return after, _draft(case, after, found, tuple(named), used, bool(doubts - {Verdict.ASSUMED}))


def _draft(
    case: Case,
    after: Progress,
    found: Evaluation,
    flags: tuple[str, ...],
    used: tuple[MrdSample, ...],
    doubted: bool,  # noqa: FBT001
) -> Draft:
    return draft_of(
        case,
        after,
        after.category,
        response_date=found.day,
        evaluation=found,
        assumptions=after.assumptions,
        possible_higher=found.possible_higher,
        missing=found.missing,
        flags=flags,
        mrd=after.mrd_status,
        code=after.remission.code if after.remission is not None else "",
        mrd_proof=tuple(one.result for one in used),
        doubted=doubted,
    )


def _goes_on(progress: Progress) -> bool:
    """Whether the remission of the course was never in doubt."""
    return progress.remission is not None and not progress.doubt


def _remission(case: Case, progress: Progress, found: Evaluation, code: str) -> Remission:
    """The remission with its latest category; a doubted one begins anew."""
    row = found.row
    assert row is not None  # noqa: S101 - only called with a proved row
    if progress.remission is not None and not progress.doubt:
        return replace(progress.remission, row=row, code=code)
    support = tuple(one for name in row.requires for one in found.judgements[name].proof)
    return Remission(found.remitted, row, code, (*case.marrow.results, *support))


def suffix_of(case: Case, row: Category) -> tuple[Status, str, list[str], tuple[MrdSample, ...]]:
    """MRD status, code, flags and samples for a remission at this marrow."""
    facts, day = case.facts, case.marrow.day
    rules = facts.criteria.mrd
    # Blood and marrow are drawn before the infusion: a start of the day is not before them.
    cycle = facts.therapy.latest(day - timedelta(days=1))
    since = cycle.day if cycle is not None else date.min
    status, used = suffix_status(facts.mrd, facts.mrd_days, day, since, rules)
    flags = {flag for one in used for flag in one.flags}
    asks = rules.needs_confirmation and status == "negative" and status in row.mrd
    if asks and not is_confirmed(facts.mrd, facts.mrd_days, used, rules):
        flags.add("mrd-unconfirmed")
    return status, row.mrd.get(status, row.id), sorted(flags), used


def _begun(case: Case, used: tuple[MrdSample, ...], row: Category, code: str) -> MrdHistory:
    """The MRD history of a new remission: what was sampled for it before the marrow's day."""
    history, rules = MrdHistory(), case.facts.criteria.mrd
    if rules.only_after and code not in rules.only_after:
        return history
    low = code == row.mrd.get("low-level", "")
    for one in used:
        if one.day < case.marrow.day:
            history = history.after(one, rules, low_level=low)
    return history
