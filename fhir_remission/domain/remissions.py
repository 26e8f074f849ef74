"""A marrow that proves a remission, with the MRD that goes with it."""

from __future__ import annotations

from datetime import date

from msgspec.structs import replace

from fhir_remission.domain.assessment import Verdict
from fhir_remission.domain.cases import Case, assumptions_of, draft_of
from fhir_remission.domain.evaluation import Evaluation
from fhir_remission.domain.mrd import MrdHistory, MrdSample, Status, is_confirmed, suffix_status
from fhir_remission.domain.progress import Draft, Progress, Remission, Standing, best_of, moved
from fhir_remission.domain.rules import Category


def remit(case: Case, progress: Progress, found: Evaluation) -> tuple[Progress, Draft]:
    """The answer of a marrow that proves a remission."""
    row = found.row
    assert row is not None  # noqa: S101 - only called with a proved row
    status, code, flags, used = suffix_of(case, row)
    support = tuple(one for name in row.requires for one in found.judgements[name].proof)
    old = progress.remission
    keeps = old is not None and not progress.doubt
    remission = Remission(
        since=old.since if old is not None and keeps else found.day,
        marrow_day=old.marrow_day if old is not None and keeps else case.marrow.day,
        row=row,
        code=code,
        proof=old.proof if old is not None and keeps else (*case.marrow.results, *support),
    )
    doubts = [name for name in row.doubts if found.judgements[name].verdict is not Verdict.MET]
    named = list(row.flags) + flags
    if any(found.judgements[name].verdict is Verdict.NOT_MET for name in doubts):
        named.append("few-cells")
    unclear = [
        n for n in doubts if found.judgements[n].verdict in (Verdict.NOT_MET, Verdict.UNKNOWN)
    ]
    if progress.refractory:
        named.append("after-refractory")
    assumed = assumptions_of(case, progress, found, row.id)
    history = progress.mrd if keeps else _begun(case, used, row, code)
    after = replace(
        moved(progress, "in-remission", remission.since),
        since=remission.since,
        remission=remission,
        doubt=False,
        unclear=False,
        suspected_on=None,
        category=row.id,
        row=row,
        carried=found,
        standing=Standing(row.id, row, found, found.day, code),
        assumptions=assumed,
        mrd=history,
        mrd_status=status,
        response_date=found.day,
        best=best_of(progress.best, row, case.facts.criteria.category),
    )
    return after, draft_of(
        case,
        after,
        row.id,
        response_date=found.day,
        evaluation=found,
        assumptions=assumed,
        possible_higher=found.possible_higher,
        missing=found.missing,
        flags=tuple(named),
        mrd=status,
        code=code,
        mrd_proof=tuple(one.result for one in used),
        doubted=bool(unclear),
    )


def suffix_of(case: Case, row: Category) -> tuple[Status, str, list[str], tuple[MrdSample, ...]]:
    """MRD status, code, flags and samples for a remission at this marrow."""
    facts, day = case.facts, case.marrow.day
    rules = facts.criteria.mrd
    cycle = facts.therapy.latest(day)
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
