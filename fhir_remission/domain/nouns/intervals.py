"""Arithmetic and comparison of reported values: exact, and three-valued where a value is wide.

A comparison answers True (every value of the interval satisfies it), False (none does) or None
(the interval straddles the threshold).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import MAX_PREC, Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Literal

from fhir_remission.domain.nouns.inputs import Interval, Unreadable

Op = Literal["<", "<=", ">", ">="]
Answer = bool | None
"""Yes, no, or not to be told."""
Reading = Interval | Unreadable | None
"""What one analyte says at one time; None: never reported."""

# Only products and sums are formed, so unlimited precision costs nothing and rounds nothing.
EXACT = Context(prec=MAX_PREC, traps=[Inexact, Overflow, InvalidOperation])
ZERO = Decimal(0)
ANYTHING = Interval(low=ZERO, high=None)


def point(value: Decimal) -> Interval:
    """The interval of one exact value."""
    return Interval(low=value, high=value)


def holds(value: Interval, op: Op, threshold: Decimal) -> bool | None:
    """Whether `value op threshold` is so for all, none or some of the interval."""
    match op:
        case ">=":
            return at_least(value, threshold)
        case ">":
            return above(value, threshold)
        case "<":
            return negate(at_least(value, threshold))
        case "<=":
            return negate(above(value, threshold))


def at_least(value: Interval, threshold: Decimal) -> bool | None:
    """`value >= threshold`."""
    if value.low >= threshold:
        return True
    if value.high is None or value.high > threshold:
        return None
    return None if value.high == threshold and not value.high_open else False


def above(value: Interval, threshold: Decimal) -> bool | None:
    """`value > threshold`."""
    if value.low > threshold or (value.low == threshold and value.low_open):
        return True
    return None if value.high is None or value.high > threshold else False


def negate(answer: Answer) -> Answer:
    """Kleene negation."""
    return None if answer is None else not answer


def is_zero(value: Interval) -> bool:
    """Whether the value is provably nothing."""
    return value.high == ZERO


def hull(values: Iterable[Interval]) -> Interval:
    """The interval that spans all of them: never the better one of two."""
    first, *rest = values
    for value in rest:
        first = _span(first, value)
    return first


def _span(one: Interval, two: Interval) -> Interval:
    low, low_open = min((one.low, one.low_open), (two.low, two.low_open))
    if one.high is None or two.high is None:
        return Interval(low=low, high=None, low_open=low_open)
    # A closed end reaches further than an open one at the same value.
    high, closed = max((one.high, not one.high_open), (two.high, not two.high_open))
    return Interval(low=low, high=high, low_open=low_open, high_open=not closed)


def spanned(readings: Sequence[Reading]) -> Reading:
    """One reading for several values of one analyte; one unreadable value makes it unreadable."""
    known = [one for one in readings if one is not None]
    if not known:
        return None
    for one in known:
        if isinstance(one, Unreadable):
            return one
    return hull(one for one in known if isinstance(one, Interval))


def total(one: Interval, two: Interval) -> Interval:
    """The sum."""
    high = None if one.high is None or two.high is None else EXACT.add(one.high, two.high)
    return Interval(
        low=EXACT.add(one.low, two.low),
        high=high,
        low_open=one.low_open or two.low_open,
        high_open=one.high_open or two.high_open,
    )


def product(one: Interval, two: Interval) -> Interval:
    """The product of two values that are not negative."""
    low = EXACT.multiply(one.low, two.low)
    low_open = _unreached((one.low, one.low_open), (two.low, two.low_open))
    if one.high is None or two.high is None:
        return Interval(low, None, low_open)
    high_open = _unreached((one.high, one.high_open), (two.high, two.high_open))
    return Interval(low, EXACT.multiply(one.high, two.high), low_open, high_open)


def _unreached(*ends: tuple[Decimal, bool]) -> bool:
    """Whether no product is that of these ends; nothing times whatever is nothing."""
    if any(end == ZERO and not is_open for end, is_open in ends):
        return False
    return any(is_open for _, is_open in ends)


def scaled(value: Interval, factor: Decimal) -> Interval:
    """The value times a factor that is not negative."""
    return product(value, point(factor))


def at_most_reported(value: Interval) -> Interval:
    """What a count proves that treatment may have raised: no more than was measured."""
    return Interval(low=ZERO, high=value.high, high_open=value.high_open)


def up_to(value: Interval, other: Interval) -> Interval:
    """What of the value lies no higher than the other's end; the whole where nothing does."""
    high = other.high
    if high is None or above(value, high) is True:
        return value
    if value.high is not None and (value.high, not value.high_open) <= (high, not other.high_open):
        return value
    if value.low == high and other.high_open:
        return value
    return Interval(value.low, high, value.low_open, other.high_open)


def at_least_reported(value: Interval) -> Interval:
    """What a part of a sum proves of the whole: no less than was measured."""
    return Interval(low=value.low, high=None, low_open=value.low_open)


def pieces(value: Interval, cuts: Sequence[Decimal]) -> list[Interval]:
    """The interval taken apart at the cuts, each cut a piece of its own."""
    found: list[Interval] = []
    rest = value
    for cut in sorted(set(cuts)):
        if above(rest, cut) is None or at_least(rest, cut) is None:
            below = Interval(rest.low, cut, rest.low_open, high_open=True)
            if below.low < cut:
                found.append(below)
            if not (rest.low == cut and rest.low_open):
                found.append(point(cut))
            rest = Interval(cut, rest.high, low_open=True, high_open=rest.high_open)
            if rest.high == cut:
                return found
    found.append(rest)
    return found
