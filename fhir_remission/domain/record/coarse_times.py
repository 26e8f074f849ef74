"""What is known by its month or its year alone, where the day decides what it means.

A diagnosis of 2025 comes before a marrow of 2026 whatever its day. A marrow of 2026 beside another
of 2026-02-11 may be the leukaemia that was treated or its relapse: then no order is known.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from fhir_remission.domain.criteria.rules import CriteriaSet, Numbers
from fhir_remission.domain.nouns.inputs import Event, Result, When
from fhir_remission.domain.nouns.verdicts import Proof, has_a_start
from fhir_remission.domain.record.marrows import BLASTS, Marrow
from fhir_remission.domain.record.mrd import sample_of, tells_of_residue
from fhir_remission.domain.record.of_no_day import Companions, denies, means
from fhir_remission.domain.tables.events import STARTS

# Events that may end a remission or begin a wait.
_EVENTS = STARTS | {"extramedullary"}
_ONE_DAY = timedelta(days=1)


def unordered(
    results: Sequence[Result],
    events: Sequence[Event],
    marrows: Sequence[Marrow],
    companions: Companions,
) -> Proof:
    """What lies before or after some marrow, and nobody can say which, in the order given."""
    if not (results or events):
        return ()
    numbers = companions.criteria.numbers
    longest = timedelta(hours=numbers.precise.days)
    days = [one.day for one in marrows]
    found: list[Result | Event] = []
    shared = _sharing([one for one in results if one.analyte == BLASTS], longest)
    both: tuple[Result | Event, ...] = (*results, *events)
    for one in both:
        if not _is_coarse(one, longest):
            continue
        if isinstance(one, Event):
            open_order = _weighs(one) and _beside(one, days, numbers)
        elif means(one) == "sample":
            open_order = companions.speaks(one) and companions.near(one)
        else:
            told = means(one) == "mrd" or companions.speaks(one)
            open_order = told and (one.source.ref in shared or _beside(one, days, numbers))
        if open_order:
            found.append(one)
    return tuple(found)


def _sharing(marrows: Iterable[Result], longest: timedelta) -> set[str]:
    """Marrows told by a month that another one is told by, too: they stand on one day of it."""
    coarse = sorted(
        (one for one in marrows if _is_coarse(one, longest)), key=lambda one: one.when.first_day
    )
    found: set[str] = set()
    last: Result | None = None
    for one in coarse:
        if last is not None and one.when.first_day <= last.when.last_day:
            if one.source.ref != last.source.ref:
                found.update((one.source.ref, last.source.ref))
            if one.when.last_day <= last.when.last_day:
                continue
        last = one
    return found


def sorted_out(
    undated: Sequence[Result], vague: Sequence[Result | Event], criteria: CriteriaSet
) -> tuple[Proof, Proof]:
    """What has no order beside the marrows, and the MRD that leaves that of every remission open.

    MRD never moves the category: of nobody knows which day, any but a negative leaves it unknown.
    """
    if not (undated or vague):
        return (), ()
    of_mrd = [one for one in vague if isinstance(one, Result) and one.analyte == "mrd"]
    doubts = tuple(
        one for one in (*undated, *of_mrd)
        if one.analyte == "mrd" and tells_of_residue(one, criteria)
        and sample_of(one, criteria.mrd, void=False).status != "negative"
    )  # fmt: skip
    return tuple(one for one in vague if one not in of_mrd), doubts


class OfNoDay(NamedTuple):
    """What is told by its month or year."""

    every: Proof = ()
    """Results where one may say something, and events that may end a remission or begin a wait."""
    idle: tuple[Result, ...] = ()
    """Denials: one that nothing places supports nothing, and stands against nothing."""
    signs: tuple[Result, ...] = ()
    """What may speak against an answer, or be residual disease."""
    counts: tuple[Result, ...] = ()


def of_no_day(
    results: Iterable[Result], events: Iterable[Event], companions: Companions
) -> OfNoDay:
    """What is told by its month or year."""
    longest = timedelta(hours=companions.criteria.numbers.precise.days)
    coarse = tuple(one for one in results if _is_coarse(one, longest))
    idle = tuple(one for one in coarse if denies(one, companions.criteria))
    signs = tuple(one for one in coarse if companions.speaks(one))
    vague = (one for one in events if one.kind in _EVENTS and _is_coarse(one, longest))
    every = coarse if idle or signs else ()
    counts = tuple(one for one in coarse if means(one) == "count")
    return OfNoDay((*every, *(one for one in vague if _weighs(one))), idle, signs, counts)


def is_precise(when: When, longest: timedelta) -> bool:
    """Whether a time names one day."""
    return when.first_day == when.last_day or when.end - when.start <= longest


def _is_coarse(one: Result | Event, longest: timedelta) -> bool:
    """Known by a month, a year or a period, or by its end alone.

    Of events a period told by its days has a start; the onset of a lesion lies anywhere in it.
    """
    when = one.when
    if when is None:
        return isinstance(one, Event) and one.ended is not None
    if when.last_day - when.first_day < (1 if isinstance(one, Result) else 2) * _ONE_DAY:
        return False
    told_by_days = len(when.text) > len("YYYY-MM")
    return when.end - when.start > longest and not (told_by_days and has_a_start(one))


def _weighs(one: Event) -> bool:
    """Whether it may end a remission, or begin a wait."""
    return one.kind in (_EVENTS if one.when else STARTS)


def _beside(one: Result | Event, marrows: Sequence[date], numbers: Numbers) -> bool:
    """Whether another marrow lies where the day of this one decides what it means for it."""
    when = one.when
    if isinstance(one, Result):
        # Its own marrow stands on the first day that it may be of.
        return _any_within(marrows, one.when.first_day + _ONE_DAY, one.when.last_day)
    early = timedelta(days=numbers.early_marrow.days - 2)
    cut = timedelta(days=numbers.window_after.days)
    last = when or one.ended
    first = when.first_day - cut if when else date.min
    return last is not None and _any_within(marrows, first, last.last_day + early)


def _any_within(days: Sequence[date], first: date, last: date) -> bool:
    """Whether any of the days, in order, lies among these, ends included."""
    place = bisect_left(days, first)
    return place < len(days) and days[place] <= last
