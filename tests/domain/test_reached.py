"""What a course has reached: each response with its day, in an order that a reader can believe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from random import Random

import pytest

from fhir_remission.domain.evaluation.reached import Reached, Scale
from fhir_remission.domain.nouns.assessment import Assessment
from tests.domain.builder import Course, criteria, induction, judge, now, on, remission
from tests.domain.generated import course_of, dense_course_of
from tests.domain.stories import day, line
from tests.domain.test_properties import SETS

SCALE = Scale({one.id: one for one in criteria().category})
A, B, C = on(30), on(40), on(50)
CLEAR = 5
"""Blasts in percent below which a marrow is clear."""


def twice() -> Course:
    """What may have been a remission and its relapse, and then one beyond doubt."""
    course = induction().marrow(45, 2).event("extramedullary", 60).marrow(76, 4)
    return course.blood(78, 1200, 20_000).blood(81, 1000, 150_000)


REACHED: dict[str, tuple[Callable[[], Course], list[tuple[str, int]]]] = {
    "in every way, whatever came before (R1)": (twice, [("CRi", 78), ("CR", 81)]),
    "one of the first marrow, whose counts may be more, and one of the second (R2)": (
        lambda: induction().marrow(117, 1).blood(118, None, 150_000).marrow(146, 2).blood(
            146, 1500, 150_000, smear=None
        ), [("CRi", 118), ("CR", 146)],
    ),
    "the better one by the day on which it is proved, perhaps there before (R3)": (
        lambda: induction().marrow(30, 2).blood(30, 1500).marrow(60, 2).blood(60, 1500, 150_000),
        [("CRi", 30), ("CR", 60)],
    ),
    "a nadir in the window of a CR proves nothing new (R4)": (
        lambda: remission().blood(35, 400, 20_000), [("CR", 30)],
    ),
    "nor does a smear without counts": (
        lambda: induction().marrow(30, 2).blood(30, 300, 30_000).blood(40, 1500, 150_000).blood(43),
        [("CRi", 30), ("CR", 40)],
    ),
    "nor another draw of its day": (
        lambda: induction().marrow(30, 2).blood(29, 300, 20_000).blood(30, 1500, 150_000),
        [("CR", 30)],
    ),
    "nor a later marrow": (
        lambda: remission().chemo(40).marrow(70, 2).blood(70, 600, 60_000), [("CR", 30)],
    ),
    "of draws that prove the same the one that assumes least has its day (2.4)": (
        lambda: induction().marrow(30, 2).blood(27, 2300, 150_000, smear=None).blood(
            30, None, 240_000).blood(33, 4000, 100_000), [("CRi", 30), ("CR", 33)],
    ),
    "what may be better on the day of another draw is not reached": (
        lambda: induction().marrow(30, 2).blood(32, smear=3).blood(40, 1500, 60_000).blood(
            40.25, 1500, 150_000, smear=None), [("CRh", 40)],
    ),
    "a partial remission after a clear marrow whose remission never came": (
        lambda: induction().marrow(10, 2).chemo(30).marrow(60, 8).blood(60, 1500, 150_000),
        [("MLFS", 10), ("PR", 60)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("title", REACHED)
def test_what_a_course_has_reached(title: str) -> None:
    """Each response with the day by which it was proved in every way (6.1)."""
    course, expected = REACHED[title]
    found = now(course())
    assert [(name, day(when)) for name, when in found.responses] == expected
    assert list(faults(found, "eln-2022")) == []


def faults(one: Assessment, name: str) -> Iterator[str]:
    """What a reader could not believe."""
    days, rows = dict(one.responses), criteria(name).category
    if one.state == "in-remission" and one.category != criteria(name).outcomes.undecided:
        if days.get(one.category) != one.response_date or one.category not in days:
            yield "the category has no day, or two"
        if one.best_response != one.category:
            yield "another response is the best"
        if one.state_since not in (None, *days.values()):
            yield "nothing was proved when the remission began"
    if one.best_response not in (*days, None) or (days and one.best_response is None):
        yield "the best response was never reached"
    yield from _disorder(one, [row.id for row in rows if row.remission or row.early])
    # A sample too long ago for the rule is no first sign, and has raised the suspicion.
    if one.state == "relapse-suspected" and (one.first_sign or on(0)) < (one.state_since or on(0)):
        yield "a sign that no longer counts"


def _disorder(one: Assessment, clear: list[str]) -> Iterator[str]:
    days = [when for _, when in one.responses]
    if days != sorted(days):
        yield "out of order"
    for (less, first), (more, then) in pairwise(o for o in one.responses if o[0] in clear):
        if clear.index(more) >= clear.index(less) or then <= first:
            yield f"{more} was reached after {less}"


@pytest.mark.parametrize("made", [course_of, dense_course_of])
@pytest.mark.parametrize("name", SETS)
def test_of_any_course_what_was_reached_can_be_believed(
    name: str, made: Callable[[Random], Course]
) -> None:
    """Category, best response, dates and the list are of one story."""
    for seed in range(60):
        for one in judge(made(Random(seed)), name):
            assert list(faults(one, name)) == [], (seed, line(one), one.responses)


def test_of_a_draw_that_proves_any_claim_of_the_set_the_least_is_reached() -> None:
    """CR or CRi on day 30, whose platelets are told as a range, and CR on day 40."""
    course = induction().marrow(30, 2).blood(30, 1500, "90-120").blood(40, 1500, 150_000)
    assert now(course, "cibmtr-aml").responses == (("CRi", A), ("CR", B))


@pytest.mark.parametrize("blasts", [2, 12])
def test_a_response_that_an_old_lesion_may_deny_has_no_day_of_its_own(blasts: int) -> None:
    """Silent since day -3 and denied on day 38: on day 32 nobody knows whether it was there."""
    course = Course().result("extramedullary-disease", -3, "positive")
    course.marrow(-4, 60, emd=None).chemo(1).marrow(30, blasts, emd=None)
    counts = (1500, 150_000) if blasts > CLEAR else ()
    course.blood(32, *counts).blood(40, *counts).result("extramedullary-disease", 38, "negative")
    found = now(course)
    assert (found.response_date, found.responses) == (None, ((found.category, B),))


def test_a_partial_remission_that_a_set_ranks_first_denies_no_day_of_a_complete_one() -> None:
    """They lie on two sides of the line of disease."""
    scale = Scale({one.id: one for one in reversed(criteria().category)})
    ways = [(("PR", A), ("CR", C)), (("PR", B), ("CR", C))]
    assert scale.in_every(ways) == (("PR", B), ("CR", C))


def test_ways_share_what_all_have_proved_or_more() -> None:
    """By the day on which the last of them has; not a claim that one of them never reached."""
    assert SCALE.in_every([(("CRi", A), ("CR", C)), (("CRh", B),)]) == (("CRi", B), ("CRh", C))
    assert SCALE.in_every([(("CRi", A), ("CR", C)), (("CRh", A), ("CR", C))]) == (
        ("CRi", A), ("CR", C),
    )  # fmt: skip
    assert SCALE.in_every([(("CR", A),), ()]) == ()
    assert SCALE.in_every([(("PR", A), ("CR", C)), (("MLFS", A), ("CR", B))]) == (("CR", C),)
    assert SCALE.in_every([(("PR", A), ("CR", C)), (("PR", B), ("CR", C))]) == (
        ("PR", B), ("CR", C),
    )  # fmt: skip


def test_of_a_course_that_may_be_the_next_what_was_reached_before_it_stands() -> None:
    """A relapse in one way, and none in the other."""
    first = Reached((("CR", A),))
    second = first.ended()
    assert SCALE.merged([first, second]).shown == (("CR", A),)
    third = second._replace(own=(("PR", B),))
    assert SCALE.merged([first, third]).shown == (("CR", A),)
    assert (second.shown, third.shown) == ((("CR", A),), (("PR", B),))


# ------------------------------------------------------------------------ suspicion by blood (3.7)


@pytest.mark.parametrize("marrow", range(61, 80))
def test_a_good_marrow_of_a_later_day_ends_a_suspicion(marrow: int) -> None:
    """Near the blasts or not: those that follow it raise another."""
    found = now(remission().blood(60, smear=2).marrow(marrow, 2).blood(80, smear=2))
    assert (found.state, day(found.state_since), day(found.first_sign)) == (
        "relapse-suspected", 80, 80,
    )  # fmt: skip
    assert "counted from the sample of 2026-03-21" in found.next_better


@pytest.mark.parametrize("marrow", [61, 63, 64, 70])
def test_until_then_the_remission_stands(marrow: int) -> None:
    """What the marrow proves by itself stands beside it."""
    found = now(remission().blood(60, smear=2).marrow(marrow, 2))
    assert (found.category, found.state, day(found.state_since)) == ("CR", "in-remission", 30)
    assert found.latest is not None
    assert found.latest.category == ("NR" if marrow < 64 else "MLFS")


def test_one_that_is_not_good_enough_ends_none() -> None:
    """Too few cells; nor does one of the day of the blasts."""
    for course in (
        remission().blood(60, smear=2).marrow(62, 2, cells=80),
        remission().blood(60, smear=2).marrow(60, 2),
    ):
        assert now(course).category == "RELAPSE_SUSPECTED"


def test_a_second_sample_too_late_for_the_rule_leaves_the_suspicion_of_the_first() -> None:
    """Nothing has ended it; the rule counts from the second, its first sign (3.7)."""
    found = now(remission().blood(60, smear=2).blood(120, smear=2))
    assert (day(found.state_since), day(found.first_sign)) == (60, 120)
    assert "counted from the sample of 2026-04-30" in found.next_better


@pytest.mark.parametrize("name", ["iwg-2003", "pediatric-2012"])
@pytest.mark.parametrize("blood", [70, 71, 80, 84])
def test_blasts_in_the_blood_complete_what_a_low_marrow_began(name: str, blood: int) -> None:
    """A relapse of the day of the blood, first seen in the marrow (3.7)."""
    course = remission().chemo(40).marrow(70, 10).blood(blood, smear=3)
    for found in (now(course, name), now(course.marrow(100, 30), name)):
        assert (found.category, day(found.response_date), day(found.first_sign)) == (
            "RELAPSE", blood, 70,
        )  # fmt: skip
        assert day(found.state_since) == blood


def test_blood_after_a_clear_marrow_takes_a_remission_back_on_its_own_day() -> None:
    """By the lay set (3.8)."""
    found = now(remission().marrow(60, 2).blood(65, smear=3), "healthtree-2024")
    assert (found.state, day(found.state_since)) == ("active-disease", 65)
