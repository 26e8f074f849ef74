"""What is known by its month or year alone: it blocks where the day decides what it means."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fhir_remission.domain.nouns.inputs import When
from tests.domain.builder import LATER, Course, induction, judge


def month(text: str) -> When:
    """A month or a year as it is read."""
    year, _, of = text.partition("-")
    first = datetime(int(year), int(of or 1), 1, tzinfo=UTC)
    after = int(of or 12) + 1
    end = datetime(int(year) + after // 13, after % 12 or 12, 1, tzinfo=UTC)
    return When(first, end, first.date(), (end.replace(day=1)).date(), text)


def remission() -> Course:
    """Leukaemia, therapy on 2026-01-01, a proved remission on 2026-01-30."""
    return induction().marrow(30, 2).blood(30, 1500, 150_000)


def said(course: Course) -> tuple[str, str]:
    """Category and state of the current answer."""
    found = judge(course.record(), as_of=LATER, current_only=True)[-1]
    return found.category, found.state


@pytest.mark.parametrize(
    "more",
    [
        remission().result("blasts-marrow", 1, 45, when=month("2026")),
        remission().result("blasts-marrow", 1, "<5", when=month("2026-01")),
        remission().result("blasts-blood", 1, 3, when=month("2026")),
    ],
    ids=["marrow of the year", "marrow of the month", "blood of the year"],
)
def test_a_year_that_holds_another_marrow_orders_nothing(more: Course) -> None:
    """The leukaemia that was treated, or its relapse: nobody can say."""
    assert said(more) == ("IND", "unknown")


@pytest.mark.parametrize(
    ("when", "category"),
    [("2026-01", "MLFS"), ("2026", "MLFS"), ("2025-11", "CR"), ("2026-06", "CR")],
)
def test_a_start_known_by_its_month_matters_where_a_marrow_is_near(
    when: str, category: str
) -> None:
    """Up to three weeks before a marrow it would be early, up to two after it the counts end."""
    course = remission()
    course.event("therapy-start", None)
    last = course.events[-1]
    course.events[-1] = type(last)(last.kind, month(when), last.source)

    assert said(course)[0] == category


def test_a_diagnosis_of_a_year_is_a_diagnosis() -> None:
    """It opens the course whatever its day."""
    course = Course(diagnosed=None).event("aml-diagnosis", None)
    last = course.events[-1]
    course.events[-1] = type(last)(last.kind, month("2025"), last.source)
    course.marrow(-3, 60).chemo(1).marrow(30, 2).blood(30, 1500, 150_000)

    assert said(course) == ("CR", "in-remission")
