"""The common time axis: calendar days to the width of the picture, long silences cut short."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise

from msgspec import Struct

# A silence longer than this, and than a quarter of what is shown, is drawn as a break.
SILENT_DAYS = 120
SILENT_SHARE = 4
BREAK = 30.0
TICKS = 9
# Room for a date under the axis, in pixels.
LABEL = 66
_STEPS = (1, 2, 7, 14)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)


class Break(Struct, frozen=True):
    """A stretch of the axis where nothing was recorded and days are not drawn to scale."""

    left: float
    right: float
    days: int


class Axis(Struct, frozen=True):
    """Days as places between `left` and `right`; between two knots days have one width."""

    knots: tuple[int, ...]
    places: tuple[float, ...]
    breaks: tuple[Break, ...]

    def at(self, day: date) -> float:
        """The middle of a day."""
        return self._place(day.toordinal() + 0.5)

    def start(self, day: date) -> float:
        """Where a day begins."""
        return self._place(day.toordinal())

    def end(self, day: date) -> float:
        """Where a day ends."""
        return self._place(day.toordinal() + 1)

    def _place(self, moment: float) -> float:
        held = min(max(moment, self.knots[0]), self.knots[-1])
        at = min(bisect_right(self.knots, held) - 1, len(self.knots) - 2)
        share = (held - self.knots[at]) / (self.knots[at + 1] - self.knots[at])
        return round(self.places[at] + share * (self.places[at + 1] - self.places[at]), 1)

    def ticks(self) -> list[tuple[float, str]]:
        """Places and dates, as many as can be read, none within a break."""
        first, last = date.fromordinal(self.knots[0]), date.fromordinal(self.knots[-1])
        drawn = sum(
            two - one
            for one, two in pairwise(self.knots)
            if not any(self._place(one) == cut.left for cut in self.breaks)
        )
        found: list[tuple[float, str]] = []
        for day in _days(first, last, drawn):
            place = self.start(day)
            in_break = any(cut.left < place < cut.right for cut in self.breaks)
            if not in_break and (not found or place - found[-1][0] >= LABEL):
                found.append((place, day.isoformat()))
        return found


def axis_of(days: Iterable[date], left: float, right: float, tail: float = 0) -> Axis:
    """The axis that shows all of these days, with a little room at both ends.

    `tail` is what is needed after the last day at least, in pixels: the name of the last answer.
    """
    held = sorted({one.toordinal() for one in days})
    known = held[-1] - held[0]
    before = max(2, known // 40)
    after = max(3, known // 8, math.ceil((known + before) * tail / (right - left - tail)))
    held = [held[0] - before, *held, held[-1] + after + 1]
    gaps = [two - one for one, two in pairwise(held)]
    silent = max(SILENT_DAYS, sum(gaps) // SILENT_SHARE)
    widths = [BREAK if gap > silent else float(gap) for gap in gaps]
    per_day = (right - left) / sum(widths)
    places = [left]
    for width in widths:
        places.append(places[-1] + width * per_day)
    breaks = [
        Break(round(places[at], 1), round(places[at + 1], 1), gap)
        for at, gap in enumerate(gaps)
        if gap > silent
    ]
    return Axis(tuple(held), tuple(places), tuple(breaks))


def _days(first: date, last: date, drawn: int) -> list[date]:
    """Days to name: the finest step that leaves no more than can be read."""
    for step in _STEPS:
        if drawn <= step * TICKS:
            count = (last - first).days // step
            return [first + timedelta(days=step * at) for at in range(count + 1)]
    months = next((step for step in _MONTHS if drawn <= step * 31 * TICKS), _MONTHS[-1])
    found = []
    number = first.year * 12 + first.month
    while (day := date(number // 12, number % 12 + 1, 1)) <= last:
        if number % months == 0:
            found.append(day)
        number += 1
    return found
