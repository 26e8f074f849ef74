"""Events that last, or whose day is not told: which days they touch.

A period of transfusions touches each of its days, its first as well as its last. One of a month
may have been on any day of it: it may touch a day, and surely touches no less than the month.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import Struct

from fhir_remission.domain.nouns.inputs import Event
from fhir_remission.domain.nouns.intervals import Answer
from fhir_remission.domain.nouns.verdicts import day_of


def last_day_of(event: Event) -> date:
    """The last day it can be of; one that nobody dates may be as late as can be."""
    last = event.ended or event.when
    return date.max if last is None else last.last_day


def touches(event: Event, first: date, last: date) -> Answer:
    """Whether it was on one of these days, ends included: surely, not, or perhaps."""
    began, over = day_of(event), last_day_of(event)
    if began > last or over < first:
        return False
    if first <= began and over <= last:
        return True
    if event.when is None or event.ended is None:
        return None
    # It was there from the last day on which it can have begun to the first on which it can end.
    since, until = event.when.last_day, event.ended.first_day
    return True if max(since, first) <= min(until, last) else None


class Lasting(Struct, frozen=True):
    """Events in order of time, found by the days that they may touch."""

    events: tuple[Event, ...] = ()
    days: tuple[date, ...] = ()
    undated: tuple[Event, ...] = ()
    longest: timedelta = timedelta()
    """The most days between the first and the last day of one of them."""

    def near(self, first: date, last: date) -> tuple[Event, ...]:
        """All that may have been on one of these days, ends included."""
        place = bisect_left(self.days, days_before(first, self.longest))
        dated = self.events[place : bisect_right(self.days, last)]
        every = (*self.undated, *dated)
        return tuple([one for one in every if touches(one, first, last) is not False])


def days_before(day: date, length: timedelta) -> date:
    """So much earlier, or the first day that there is."""
    return date.min if day - date.min <= length else day - length


def days_after(day: date, length: timedelta) -> date:
    """So much later, or the last day that there is."""
    return date.max if date.max - day <= length else day + length


def lasting(events: Sequence[Event]) -> Lasting:
    """Ready to be searched; they come in the order of `order_of`."""
    dated = tuple([one for one in events if one.when is not None])
    lengths = [last_day_of(one) - day_of(one) for one in dated]
    return Lasting(
        dated,
        tuple(map(day_of, dated)),
        tuple([one for one in events if one.when is None]),
        max(lengths, default=timedelta()),
    )
