"""Flags: what a reader should know beside the answer. None of them is a verdict."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import date, timedelta

from fhir_remission.domain.course.draft import Draft
from fhir_remission.domain.criteria.kinds import Threshold
from fhir_remission.domain.criteria.rules import Category
from fhir_remission.domain.evaluation.criterion import plan_of
from fhir_remission.domain.evaluation.marrow import Evaluation
from fhir_remission.domain.nouns.assessment import Verdict
from fhir_remission.domain.nouns.inputs import Event, Interval
from fhir_remission.domain.nouns.intervals import holds
from fhir_remission.domain.nouns.verdicts import Quantity, day_of
from fhir_remission.domain.record.draws import Draw, count_of
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.lasting import days_before


def flags_of(facts: Facts, draft: Draft, until: date | None) -> tuple[str, ...]:
    """All flags of an assessment, sorted."""
    found = {*draft.flags, *draft.mrd.flags, *facts.record.flags}
    found.update(f"read-failed:{name}" for name in facts.record.failed)
    found.update(f"never-read:{name}" for name in facts.record.without)
    found.update(_of_patient(facts, draft))
    if _has_clone(facts, draft, until):
        found.add("mrd-clonal-haematopoiesis")
    if draft.state == "awaiting-response" and _treated_since(facts, draft, until):
        found.add("therapy-since")
    if draft.evaluation is not None and not draft.carries:
        found.update(_of_marrow(facts, draft.evaluation, until, inferred=draft.inferred))
    if draft.state == "in-remission" and draft.row is not None:
        found.update(_of_remission(facts, draft, draft.row, until))
    return tuple(sorted(found))


def _has_clone(facts: Facts, draft: Draft, until: date | None) -> bool:
    """Whether a variant near the anchor, or until the next, is clonal haematopoiesis and no MRD."""
    if not facts.clonal_days:
        return False
    reach = timedelta(days=facts.criteria.mrd.window_days)
    near = draft.day - reach if draft.day > date.min + reach else date.min
    place = bisect_left(facts.clonal_days, near)
    later = facts.clonal_days[place : place + 1]
    return any(until is None or day < until for day in later)


def _treated_since(facts: Facts, draft: Draft, until: date | None) -> bool:
    """Whether a start of therapy came after the marrow whose answer stands, or the relapse."""
    outcomes = facts.criteria.outcomes
    day = draft.evaluation.view.marrow.day if draft.evaluation is not None else None
    if outcomes.relapse and draft.category == outcomes.relapse:
        day = draft.response_date
    if day is None or draft.category == outcomes.not_evaluable:
        return False
    begun = facts.therapy.since(day)
    return begun is not None and (until is None or begun < until)


def _of_patient(facts: Facts, draft: Draft) -> Iterator[str]:
    if facts.record.died:
        yield "deceased"
    if facts.events.get("transplant") or facts.events.get("transplant-history"):
        yield "transplant"
    if facts.tested:
        yield "apl-marker"
    if _is_child(facts, draft):
        yield "adult-criteria-in-child"
    reach = timedelta(days=facts.numbers.differentiation.days)
    day = draft.day
    if _was_near(facts, "differentiating-drug", days_before(day, reach), day):
        yield "differentiation-possible"


def _is_child(facts: Facts, draft: Draft) -> bool:
    born = facts.record.born
    if born is None:
        return False
    diagnosed = [day_of(one) for one in facts.events.get("aml-diagnosis", ()) if one.when]
    day = min(diagnosed, default=draft.day)
    before_birthday = (day.month, day.day) < (born.month, born.day)
    return day.year - born.year - before_birthday < facts.numbers.adult_age.days


def _of_marrow(
    facts: Facts, found: Evaluation, until: date | None, *, inferred: bool
) -> Iterator[str]:
    if inferred and found.view.background.baseline.reading is not None:
        yield "baseline-inferred"
    yield from _of_counts(found)
    if _red_cells(facts, found):
        judged = plan_of(facts.criteria).independences
        if not any(one.id in row.requires for one in judged for row in facts.criteria.category):
            yield "rbc-transfused"
    if _recovered_later(facts, found, until):
        yield "recovered-after-window"
    place = bisect_left(facts.equivalents, found.window.first)
    if place < len(facts.equivalents) and facts.equivalents[place] <= found.window.last:
        yield "blast-equivalents-reported"


def _of_counts(found: Evaluation) -> Iterator[str]:
    yield from (one.flag for one in found.judgements.values() if one.flag)
    # A draw that may prove more, had nothing raised its counts, is one too.
    more = frozenset(found.open)
    raised = found.tried if more else ()
    views = [
        one.view for one in raised if not more.isdisjoint((*one.choice.ways, *one.choice.held))
    ]
    if any(one.bounded for view in (found.view, *views) for one in view.quantities.values()):
        yield "count-raised-by-treatment"
    for quantity in found.view.quantities.values():
        for one in quantity.proof:
            if not isinstance(one, Event):
                yield from one.flags
    if found.view.quantity("anc").derived:
        yield "anc-derived"


def _red_cells(facts: Facts, found: Evaluation) -> bool:
    week = timedelta(days=facts.numbers.after_platelets.days)
    day = found.day
    return _was_near(facts, "rbc-transfusion", min(found.view.marrow.day, day - week), day)


def _was_near(facts: Facts, kind: str, first: date, last: date) -> bool:
    """Whether one was or may have been given then; one without any date is told by itself."""
    return any(one.when is not None for one in facts.events_near(kind, first, last))


def _recovered_later(facts: Facts, found: Evaluation, until: date | None) -> bool:
    """Counts that would have proved more, had they come inside the window."""
    if found.row is None:
        return False
    lineages = plan_of(facts.criteria).lineages
    if all(found.judgements[one.id].verdict is Verdict.MET for one in lineages):
        return False
    cycle = facts.therapy.first_from(found.view.marrow.day)
    last = date.max if until is None else until - timedelta(days=1)
    last = min(last, cycle.day) if cycle is not None else last
    for place in facts.draws_between(found.window.last + timedelta(days=1), last):
        if all(_holds(one, count_of(facts.draws[place], one.analyte)) for one in lineages):
            return True
    return False


def _holds(one: Threshold, quantity: Quantity) -> bool | None:
    reading = quantity.reading
    return holds(reading, one.op, one.value) if isinstance(reading, Interval) else None


def _of_remission(facts: Facts, draft: Draft, row: Category, until: date | None) -> Iterator[str]:
    last = date.max if until is None else until - timedelta(days=1)
    places = facts.draws_between(max(draft.began or draft.day, draft.day), last)
    counted = [facts.draws[one] for one in places]
    if _falls_short(facts, row, counted):
        yield "counts-below-criteria"


def _falls_short(facts: Facts, row: Category, draws: list[Draw]) -> bool:
    """Whether the latest count of any lineage is below what the remission's category asks."""
    for one in plan_of(facts.criteria).thresholds:
        if one.id not in row.requires or one.analyte not in ("anc", "platelets"):
            continue
        for draw in reversed(draws):
            answer = _holds(one, draw.own[one.analyte])
            if answer is not None:
                if answer is False:
                    return True
                break
    return False
