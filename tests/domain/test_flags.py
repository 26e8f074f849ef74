"""What a reader should know beside the answer, and on which answer of the course it stands."""

from __future__ import annotations

import pytest

from tests.domain.builder import Course, anchored, induction, judge, now, remission
from tests.domain.test_histories import good

LATER_LOW = "counts-below-criteria"
LATER_GOOD = "recovered-after-window"


def derived() -> Course:
    """A remission whose ANC was computed from leukocytes and their differential."""
    counts = induction().marrow(30, 2).result("wbc", 30, 3).result("neutrophils-pct", 30, 50)
    return counts.blood(30, None, 150_000)


def test_an_answer_carried_past_a_bad_marrow_repeats_nothing_of_the_old_counts() -> None:
    """What was said of a count stands on the answer that rests on it."""
    found = judge(derived().marrow(90, 2).result("marrow-adequacy", 90, "negative"))

    assert "anc-derived" in anchored(found, 30).flags
    assert anchored(found, 90).category == "CR"
    assert "inadequate-marrow" in anchored(found, 90).flags
    assert "anc-derived" not in anchored(found, 90).flags


@pytest.mark.parametrize(
    ("day", "flagged"), [(60, True), (89, True), (90, False), (91, False), (120, False)]
)
def test_low_counts_stand_on_the_answer_of_their_time(day: int, flagged: bool) -> None:
    """From the marrow to the eve of the next one; later counts belong to that."""
    course = remission().marrow(90, 2)
    if day != 90:
        course.blood(90, 1500, 150_000)
    first = anchored(judge(course.blood(day, 300, 20_000)), 30)

    assert (LATER_LOW in first.flags) is flagged


def test_the_last_answer_sees_all_counts_that_follow() -> None:
    """No next marrow, no end."""
    assert LATER_LOW in now(remission().blood(400, 300, 20_000)).flags


def test_low_counts_with_a_suspected_relapse_are_no_remark_on_the_remission() -> None:
    """Blasts in the blood say more than low counts do."""
    found = now(remission().blood(100, 300, 20_000, smear=2))

    assert found.state == "relapse-suspected"
    assert LATER_LOW not in found.flags


@pytest.mark.parametrize(("name", "flagged"), [("eln-2022", True), ("healthtree-2024", False)])
def test_red_cells_are_a_remark_only_where_no_category_asks_for_independence(
    name: str, flagged: bool
) -> None:
    """Where one asks, the transfusion is in the answer itself."""
    found = now(good(induction(), 30).event("rbc-transfusion", 28), name)

    assert ("rbc-transfused" in found.flags) is flagged


@pytest.mark.parametrize(
    ("day", "flagged"), [(44, False), (45, True), (59, True), (60, False), (70, False)]
)
def test_counts_that_recovered_too_late_stand_on_the_answer_they_miss(
    day: int, flagged: bool
) -> None:
    """After the window of 14 days, before the next marrow."""
    course = induction().marrow(30, 2).blood(30, 300, 20_000).marrow(60, 2)
    if day != 60:
        course.blood(60, 300, 20_000)
    first = anchored(judge(course.blood(day, 1500, 150_000)), 30)

    assert (LATER_GOOD in first.flags) is flagged


def test_counts_of_the_last_days_of_the_window_did_not_come_after_it() -> None:
    """Red cells keep them from CR; the draw was looked at all the same."""
    course = induction().marrow(30, 2).blood(30, 300, 20_000).event("rbc-transfusion", 43)
    found = now(course.blood(44, 1500, 150_000), "healthtree-2024")

    assert found.category == "CRi"
    assert LATER_GOOD not in found.flags


def test_a_marrow_that_proves_nothing_misses_nothing() -> None:
    """Counts that recover beside disease would not have proved more."""
    found = now(induction().marrow(30, 60).blood(30, 300, 20_000).blood(50, 1500, 150_000))

    assert found.category == "NR"
    assert LATER_GOOD not in found.flags


def test_a_baseline_taken_from_the_first_marrows_is_said_to_be_inferred() -> None:
    """No start of therapy is known, so nothing says which marrow came before it."""
    untold = Course().marrow(-4, 60).marrow(30, 2).blood(30, 1500, 150_000)

    assert "baseline-inferred" in now(untold).flags
    assert "baseline-inferred" not in now(remission()).flags
    assert "baseline-inferred" not in now(Course().marrow(30, 2).blood(30, 1500, 150_000)).flags
