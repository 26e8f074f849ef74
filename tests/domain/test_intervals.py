"""Wide values, checked against what they mean: a set of numbers, tried one by one.

An interval here has its ends among 0, 1, 2, 3 or no upper end; the numbers tried lie on those ends
and between them, which is where every answer can turn.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from itertools import product as pairs

import pytest

from fhir_remission.domain.nouns.inputs import Interval, Unreadable
from fhir_remission.domain.nouns.intervals import (
    above,
    at_least,
    at_least_reported,
    at_most_reported,
    holds,
    hull,
    is_zero,
    negate,
    pieces,
    point,
    product,
    scaled,
    spanned,
    total,
)

ENDS = [Decimal(n) for n in range(4)]
NUMBERS = [Decimal(n) / 4 for n in range(17)]
"""0, 0.25 ... 4: on the ends, between them and above the last."""
OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
SPLIT = Unreadable("see comment", "text")


def inside(value: Interval, number: Decimal) -> bool:
    """Whether the number may be the value."""
    over = number > value.low if value.low_open else number >= value.low
    if value.high is None:
        return over
    return over and (number < value.high if value.high_open else number <= value.high)


def members(value: Interval) -> set[Decimal]:
    """Every number tried that may be the value."""
    return {one for one in NUMBERS if inside(value, one)}


def intervals() -> list[Interval]:
    """Every interval of these ends that holds a number."""
    every = [
        Interval(low, high, low_open, high_open)
        for low, high in pairs(ENDS, [*ENDS, None])
        for low_open, high_open in pairs((False, True), (False, True))
        if high is not None or not high_open
    ]
    return [one for one in every if members(one)]


EVERY = intervals()


def test_there_are_intervals_of_every_kind() -> None:
    """Open and closed, single numbers and without an upper end."""
    assert len(EVERY) == 36


@pytest.mark.parametrize("op", OPERATORS)
def test_a_comparison_holds_for_all_for_none_or_is_not_to_be_told(op: str) -> None:
    """CR is proved only where every number that the value may be reaches the threshold."""
    for value, cut in pairs(EVERY, ENDS):
        answers = {OPERATORS[op](one, cut) for one in members(value)}
        assert holds(value, op, cut) is (answers.pop() if len(answers) == 1 else None), (value, cut)


def test_the_two_tests_behind_the_comparisons() -> None:
    """At least and above say the same as the operators; a negation of not-known is not known."""
    for value, cut in pairs(EVERY, ENDS):
        assert at_least(value, cut) is holds(value, ">=", cut)
        assert above(value, cut) is holds(value, ">", cut)
    assert [negate(one) for one in (True, False, None)] == [False, True, None]


def test_only_nothing_is_zero() -> None:
    """`<1` blasts are not none."""
    assert [one for one in EVERY if is_zero(one)] == [point(Decimal(0))]


def test_several_values_are_the_narrowest_interval_that_spans_them() -> None:
    """Never the better one of two: what either may be the span may be, and its ends are theirs."""
    for one, two in pairs(EVERY, EVERY):
        span = hull([one, two])
        assert members(span) >= members(one) | members(two)
        tops = [top for top in (one.high, two.high) if top is not None]
        assert span.low == min(one.low, two.low)
        assert span.high == (max(tops) if len(tops) == 2 else None)
        for end in (span.low, span.high):
            if end is not None:
                assert inside(span, end) is (inside(one, end) or inside(two, end)), (one, two)


def test_one_value_that_cannot_be_read_spoils_the_span() -> None:
    """Nothing reported is nothing; something unreadable is not outvoted by what can be read."""
    one, two = point(Decimal(1)), point(Decimal(3))
    assert spanned([]) is None
    assert spanned([None, None]) is None
    assert spanned([None, one, None]) == one
    assert spanned([two, one]) == Interval(Decimal(1), Decimal(3))
    assert spanned([one, SPLIT, two]) == SPLIT


@pytest.mark.parametrize(
    ("compute", "plain"), [(total, operator.add), (product, operator.mul)], ids=["sum", "product"]
)
def test_sums_and_products_are_those_of_the_numbers(
    compute: Callable[[Interval, Interval], Interval],
    plain: Callable[[Decimal, Decimal], Decimal],
) -> None:
    """Segments and bands, leukocytes and their share: all that they may be, and nothing beyond."""
    for one, two in pairs(EVERY, EVERY):
        found = compute(one, two)
        results = {plain(x, y) for x, y in pairs(members(one), members(two))}
        assert all(inside(found, result) for result in results), (one, two)
        assert found.low == plain(one.low, two.low)
        assert inside(found, found.low) is (found.low in results), (one, two)
        if one.high is None or two.high is None:
            assert found.high is None
        else:
            assert found.high == plain(one.high, two.high)
            assert inside(found, found.high) is (found.high in results), (one, two)


def test_a_share_of_a_count() -> None:
    """58 % of 1.8 are 1.044, exactly."""
    assert scaled(point(Decimal("1.8")), Decimal("0.58")) == point(Decimal("1.044"))


def test_what_treatment_may_have_raised_is_only_an_upper_end() -> None:
    """`<120` after a transfusion: at most what was measured, and as open as it was."""
    for value in EVERY:
        bound = at_most_reported(value)
        assert bound == Interval(Decimal(0), value.high, high_open=value.high_open)
        assert members(bound) >= members(value)


def test_a_part_of_a_sum_is_only_a_lower_end() -> None:
    """Segments without bands: at least what was counted, and as open as it was."""
    for value in EVERY:
        assert at_least_reported(value) == Interval(value.low, None, low_open=value.low_open)


def test_a_value_is_taken_apart_at_the_cuts_without_loss() -> None:
    """Each piece lies on one side of every cut, no number is in two, and none is lost."""
    for value, cuts in pairs(EVERY, [[], [ENDS[1]], [ENDS[2], ENDS[1]], ENDS]):
        found = pieces(value, cuts)
        told = [one for piece in found for one in members(piece)]
        assert sorted(told) == sorted(members(value)), (value, cuts)
        assert all(members(piece) for piece in found), (value, cuts, found)
        for piece, cut, op in pairs(found, cuts, OPERATORS):
            assert holds(piece, op, cut) is not None, (value, piece, cut)
