"""The days on which what nobody can place may lie, as far as they differ in what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import chain, product
from typing import TypeVar

from msgspec.structs import replace

from fhir_remission.domain.nouns.inputs import Event, Result, When
from fhir_remission.domain.nouns.verdicts import day_of, is_of_no_day
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.therapy import SUPPORT
from fhir_remission.domain.tables.events import STARTS

_One = TypeVar("_One", bound=Result | Event)
Piece = Result | Event
Way = tuple[Piece, ...]
"""What is in the record, in one way, instead of what nobody can place."""


def is_of_mrd(group: Way) -> bool:
    """Whether it moves MRD alone."""
    return all(isinstance(one, Result) and one.analyte == "mrd" for one in group)


class Days:
    """The days of a record that differ: between two of them all are alike."""

    def __init__(self, facts: Facts, events: Sequence[Event], last: date) -> None:
        self.facts, self.events = facts, events
        self.last = min(last.toordinal(), date.max.toordinal() - 1)
        self.vague = [
            one for one in facts.coarse if isinstance(one, Result) and one.analyte == "mrd"
        ]

    @cached_property
    def of_mrd(self) -> set[int]:
        """Those that differ for a sample of MRD."""
        return _turns(self.facts)

    @cached_property
    def known(self) -> list[int]:
        """Those that differ for a start, in order."""
        facts = self.facts
        dated = [one for one in self.events if one.when is not None and one.kind not in SUPPORT]
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
        return sorted(day for day in found if 1 <= day <= self.last)

    def ways(self, group: Way) -> Iterator[Way]:
        """Each way in which these may lie in the record."""
        events = [one for one in group if isinstance(one, Event)]
        if not events:
            yield from self._each(group)
            return
        if any(one.certainty != "confirmed" for one in events):
            yield ()
        sure = tuple(replace(one, certainty="confirmed") for one in events)
        if len(sure) > 1:
            yield sure
            return
        for day in self._of(sure[0]):
            yield (_placed(sure[0], date.fromordinal(day)),)

    def _each(self, group: Way) -> Iterator[Way]:
        """Results of one sample on each of its days."""
        when = _when(group)
        first, last = self._until(when)
        if len(when.text) > len("YYYY-MM") and when.last_day.toordinal() > self.last:
            # A period of days that has not ended: what is told of it may still be to come.
            yield ()
        every: Iterable[int] = range(first, last + 1)
        if is_of_mrd(group):
            every = sorted({first, last} | self._turns_in(group))
        for day in every:
            yield _on(group, day)

    def adrift(self, group: Way) -> bool:
        """Whether what a sample of MRD comes before and after is known, and no more."""
        if not is_of_mrd(group) or _when(group).last_day.toordinal() > self.last:
            return False
        return not self._turns_in(group)

    def apart(self, groups: Sequence[Way]) -> list[Way]:
        """All that is adrift, in order of time: as near to what comes next, and as far, as can be.

        What lies two months on is four weeks away however it lies: only neighbours count.
        """
        spans = [self._until(_when(one)) for one in groups]
        ways = [
            tuple(chain.from_iterable(
                _on(group, span[ends[place % 2]])
                for place, (group, span) in enumerate(zip(groups, spans, strict=True))
            ))
            for ends in product((0, 1), repeat=2)
        ]  # fmt: skip
        return list(dict.fromkeys(ways))

    def _turns_in(self, group: Way) -> set[int]:
        """The days of a sample of MRD on which it means something else than the day before."""
        first, last = self._until(_when(group))
        spans = (self._until(one.when) for one in self.vague if one not in group)
        turns = {day + by for span in spans for day in span for by in (0, 1)}
        return {day for day in self.of_mrd | turns if first < day <= last}

    def _until(self, when: When) -> tuple[int, int]:
        """Its first day, and its last until today."""
        first = when.first_day.toordinal()
        return first, max(first, min(when.last_day.toordinal(), self.last))

    def _of(self, one: Event) -> list[int]:
        """Its days; the first and the last of them stand for those before and after all else."""
        when, ended = one.when, one.ended
        first, last = 1, self.last
        if when is not None:
            first, last = self._until(when)
        if ended is not None:
            # It cannot have begun after its end.
            last = max(first, min(last, self._until(ended)[1]))
        among = {day for day in self.known if first <= day <= last}
        return sorted(among | ({first, last} if when is not None else {last}))


def _turns(facts: Facts) -> set[int]:
    """The days from which on a sample of MRD means something else than on the day before.

    Its order among all else decides, how near it lies to a marrow, and how far from other samples.
    """
    rules, after = facts.criteria.mrd, timedelta(days=facts.numbers.window_after.days)
    marrows = _ordinals(facts.marrow_days)
    samples = _ordinals(one.day for one in facts.mrd if not is_of_no_day(one.result))
    drawn = {
        facts.draw_days[place].toordinal() for day in facts.marrow_days
        for place in facts.draws_between(day, day + after)
    }  # fmt: skip
    smears = _ordinals(
        one.day for one, smear in zip(facts.draws, facts.smears, strict=True)
        if smear.state in ("present", "unknown")
    )  # fmt: skip
    starts = _ordinals(day_of(one) for one in facts.record.events if one.kind in STARTS)
    single = (*marrows, *samples, *drawn, *smears, *_ordinals(facts.extramedullary.days), *starts)
    return {
        *(day + by for day in single for by in (0, 1)),
        *(day + by for day in marrows for by in (-rules.window_days, rules.window_days + 1)),
        *(day + by for day in samples for by in (1 - rules.confirm_days, rules.confirm_days)),
        *(day - rules.window_days for day in drawn),
    }


def _ordinals(days: Iterable[date]) -> list[int]:
    return [one.toordinal() for one in days]


def _when(group: Way) -> When:
    """The time of results that move together."""
    when = group[0].when
    assert when is not None  # noqa: S101 - a result has a time, for mypy
    return when


def _near(facts: Facts) -> int:
    """How near to a marrow, or to other therapy, the day of a start matters."""
    n = facts.numbers
    asked = (
        n.early_marrow, n.early_marrow_less_intensive, n.window_after, n.repeat_marrow, n.cycle_gap,
        n.targeted_within, n.conditioning, n.prophylaxis, n.baseline_after_start,
        n.extramedullary_silence,
    )  # fmt: skip
    return max(one.days for one in asked if one is not None) + 1


def _far(facts: Facts) -> list[int]:
    """How long before a marrow a start matters by a number of days alone."""
    landmark, relapse = facts.criteria.landmark.days, facts.criteria.relapse.marrow
    recent = [relapse.recent_days] if relapse is not None else []
    return [*recent, *([landmark.days] if landmark is not None else [])]


def _on(group: Way, day: int) -> Way:
    return tuple(_placed(one, date.fromordinal(day)) for one in group)


def _placed(one: _One, day: date) -> _One:
    """The same on one day, told in the words that were sent."""
    when = one.when
    if when is not None and when.first_day == when.last_day:
        return one
    zone = when.start.tzinfo if when is not None else UTC
    start = datetime.combine(day, time.min, zone)
    text = when.text if when is not None else ""
    return replace(one, when=When(start, start + timedelta(days=1), day, day, text))
