"""Every way in which starts of therapy that nobody can place lie in the record (model 0, 3.4).

One that is told by its month is put on each of its days; one without any time, on each day that
differs for any evidence; what may have been no start is left out as well. More ways than can be
walked are not told apart: then nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from math import prod

from msgspec.structs import replace

from fhir_remission.domain.course.budget import MOST_PLACED_STEPS, MOST_PLACINGS, steps_of
from fhir_remission.domain.course.scope import all_else_is_placed, is_near
from fhir_remission.domain.nouns.inputs import Event, PatientRecord, When
from fhir_remission.domain.nouns.verdicts import day_of
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.therapy import START, SUPPORT
from fhir_remission.domain.tables.events import STARTS

Way = tuple[Event, ...]
"""What is in the record, in one way, instead of what nobody can place."""


def placings(facts: Facts, named: Sequence[Way], as_of: datetime) -> list[PatientRecord]:
    """The record in each way of what is `in_doubt`; none where nothing is, or ways are too many."""
    if not named or not facts.marrows or facts.criteria.withholds_after_start:
        return []
    left = {one for group in named for one in group}
    if not all_else_is_placed(facts, left):
        return []
    rest = tuple(one for one in facts.record.events if one not in left)
    days = _Days(facts, rest, as_of.date())
    options = [list(days.ways(group)) for group in named]
    many = prod(len(one) for one in options)
    if many > MOST_PLACINGS or many * steps_of(facts) > MOST_PLACED_STEPS:
        return []
    base = replace(facts.record, floating=())
    return [
        replace(base, events=(*rest, *(one for way in ways for one in way)))
        for ways in product(*options)
    ]


def in_doubt(facts: Facts) -> list[Way]:
    """What is in doubt; what one unknown code names is a start each time, or never."""
    if not (facts.unordered or facts.record.floating or facts.therapy.possible):
        return []
    single = [one for one in (*facts.unordered, *facts.record.floating) if isinstance(one, Event)]
    codes = {
        _drug(one) for one in facts.therapy.possible
        if any(is_near(facts, one, day) for day in facts.marrow_days)
    }  # fmt: skip
    doses: dict[tuple[str, str, str], list[Event]] = {}
    for one in dict.fromkeys(facts.record.events):
        unsure = one.kind == START and one.certainty != "confirmed" and one not in single
        if unsure and _drug(one) in codes:
            doses.setdefault(_drug(one), []).append(one)
    return [*((one,) for one in single), *map(tuple, doses.values())]


def _drug(one: Event) -> tuple[str, str, str]:
    return one.source.system, one.source.code, one.original


class _Days:
    """The days of a record that differ for a start: between two of them all are alike."""

    def __init__(self, facts: Facts, events: Sequence[Event], last: date) -> None:
        dated = [one for one in events if one.when is not None and one.kind not in SUPPORT]
        marrows = [one.toordinal() for one in facts.marrow_days]
        near = [*marrows, *(day_of(one).toordinal() for one in dated if one.kind in STARTS)]
        others = (
            *facts.draw_days,
            *facts.mrd_days,
            *facts.extramedullary.days,
            *map(day_of, dated),
        )
        order = {one.toordinal() for one in others if one > date.min}
        reach, back = _near(facts), _far(facts)
        found = {day + more for day in near for more in range(-reach, reach + 1)} | order
        found |= {day - more + by for day in marrows for more in back for by in (-1, 0, 1)}
        found |= {day + 1 for day in found}
        self.last = min(last.toordinal(), date.max.toordinal() - 1)
        self.known = sorted(day for day in found if 1 <= day <= self.last)

    def ways(self, group: Way) -> Iterator[Way]:
        """Each way in which these may lie in the record."""
        if any(one.certainty != "confirmed" for one in group):
            yield ()
        sure = tuple(replace(one, certainty="confirmed") for one in group)
        if len(sure) > 1:
            yield sure
            return
        for day in self._of(sure[0]):
            yield (_placed(sure[0], date.fromordinal(day)),)

    def _of(self, one: Event) -> list[int]:
        """Its days; the first and the last of them stand for those before and after all else."""
        when, ended = one.when, one.ended
        first, last = 1, self.last
        if when is not None:
            first, last = when.first_day.toordinal(), when.last_day.toordinal()
        elif ended is not None:
            last = ended.last_day.toordinal()
        among = {day for day in self.known if first <= day <= last}
        return sorted(among | ({first, last} if when is not None else {last}))


def _near(facts: Facts) -> int:
    """How near to a marrow, or to other therapy, the day of a start matters."""
    n = facts.numbers
    asked = (
        n.early_marrow, n.early_marrow_less_intensive, n.window_after, n.repeat_marrow, n.cycle_gap,
        n.targeted_within, n.conditioning, n.prophylaxis, n.baseline_after_start,
    )  # fmt: skip
    return max(one.days for one in asked if one is not None) + 1


def _far(facts: Facts) -> list[int]:
    """How long before a marrow a start matters by a number of days alone."""
    landmark, relapse = facts.criteria.landmark.days, facts.criteria.relapse.marrow
    recent = [relapse.recent_days] if relapse is not None else []
    return [*recent, *([landmark.days] if landmark is not None else [])]


def _placed(one: Event, day: date) -> Event:
    """The event on one day, told in the words that were sent."""
    when = one.when
    if when is not None and when.first_day == when.last_day:
        return one
    zone = when.start.tzinfo if when is not None else UTC
    start = datetime.combine(day, time.min, zone)
    text = when.text if when is not None else ""
    return replace(one, when=When(start, start + timedelta(days=1), day, day, text))
