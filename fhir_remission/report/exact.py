"""Shares with exact confidence intervals (Clopper and Pearson 1934), and times until an event."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

LEVEL = 0.95
# The continued fraction converges long before; a bound so that no input can turn it for ever.
_TERMS = 400
_HALVINGS = 60


class Share(Struct, frozen=True):
    """So many of so many, as a share with its interval; all three None where there is nobody."""

    count: int
    of: int
    share: float | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        """For a person: percent with one digit."""
        if self.share is None or self.low is None or self.high is None:
            return "none to judge"
        return f"{self.share:.1%} ({self.low:.1%} to {self.high:.1%})"


def share(count: int, of: int, level: float = LEVEL) -> Share:
    """The share of `count` in `of` with its exact two-sided interval."""
    if not of:
        return Share(count, of, None, None, None)
    tail = (1 - level) / 2
    low = 0.0 if count == 0 else _quantile(tail, count, of - count + 1)
    high = 1.0 if count == of else _quantile(1 - tail, count + 1, of - count)
    return Share(count, of, count / of, low, high)


def median_time(times: Sequence[tuple[int, bool]]) -> int | None:
    """The Kaplan-Meier median of times, each with whether the event was seen; None: not reached."""
    left, alive = len(times), 1.0
    for day in sorted({day for day, _ in times}):
        here = [seen for at, seen in times if at == day]
        alive *= 1 - sum(here) / left
        if alive <= 0.5 and any(here):
            return day
        left -= len(here)
    return None


def _quantile(wanted: float, a: float, b: float) -> float:
    """Where the beta distribution has reached a probability, by halving."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _beta(middle, a, b) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by the side on which the fraction converges."""
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    if x <= 0:
        return 0.0
    head = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(head + a * math.log(x) + b * math.log1p(-x)) / a
    return front / _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function (DLMF 8.17.22), from its end."""
    value = 1.0
    for term in range(min(_TERMS, 40 + int(math.sqrt(a + b)) * 4), 0, -1):
        m = term // 2
        if term % 2:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        value = 1 + d / value
    return value
