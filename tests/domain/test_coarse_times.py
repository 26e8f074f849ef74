"""What is known by its month or year alone: it is tried on each of its days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fhir_remission.domain.answer.proof import NO_DAY
from fhir_remission.domain.nouns.inputs import Result, When
from tests.domain.builder import LATER, Course, induction, judge
from tests.domain.search_courses import blurred, contained
from tests.domain.test_properties import SETS


def month(text: str) -> When:
    """A month or a year as it is read."""
    year, _, of = text.partition("-")
    first = datetime(int(year), int(of or 1), 1, tzinfo=UTC)
    after = int(of or 12) + 1
    end = datetime(int(year) + after // 13, after % 12 or 12, 1, tzinfo=UTC)
    return When(first, end, first.date(), (end - timedelta(days=1)).date(), text)


def remission() -> Course:
    """Leukaemia, therapy on 2026-01-01, a proved remission on 2026-01-30."""
    return induction().marrow(30, 2).blood(30, 1500, 150_000)


def said(course: Course) -> tuple[str, str]:
    """Category and state of the current answer."""
    found = judge(course.record(), as_of=LATER, current_only=True)[-1]
    return found.category, found.state


def marrow_of(course: Course, when: str, blasts: Any, cells: Any = 300) -> Course:
    """A marrow that is told by its month or year."""
    course.result("blasts-marrow", 1, blasts, when=month(when))
    return course.result("marrow-cells-counted", 1, cells, when=month(when))


@pytest.mark.parametrize(
    ("more", "want"),
    [
        # The leukaemia that was treated, or its relapse.
        (marrow_of(remission(), "2026", 45), ("IND", "unknown")),
        (remission().result("blasts-blood", 1, 3, when=month("2026")), ("IND", "unknown")),
        # Wherever it lies, it says no other thing.
        (marrow_of(remission(), "2026-01", "<5"), ("CR", "in-remission")),
        (marrow_of(remission(), "2026-02", 2).marrow(50, 1), ("CR", "in-remission")),
        (marrow_of(remission(), "2025-12", 60), ("CR", "in-remission")),
        (marrow_of(remission(), "2026-03", 40), ("RELAPSE", "relapsed")),
        (marrow_of(remission(), "2026-03", 2), ("CR", "in-remission")),
        (remission().event("extramedullary", 1, when=month("2026-03")), ("RELAPSE", "relapsed")),
        # Cleared by what came later, or not.
        (
            remission().result("blasts-blood", 1, 3, when=month("2026-03")),
            ("RELAPSE_SUSPECTED", "relapse-suspected"),
        ),
        (
            remission().result("blasts-blood", 1, 3, when=month("2026-03")).blood(70, smear=0),
            ("IND", "unknown"),
        ),
        (
            remission().result("blasts-blood", 1, 3, when=month("2026-02")).blood(70, smear=0),
            ("CR", "in-remission"),
        ),
    ],
)
def test_what_is_told_by_its_month_is_tried_on_each_of_its_days(
    more: Course, want: tuple[str, str]
) -> None:
    """What is true on every day is said (0)."""
    assert said(more) == want


def test_a_relapse_of_a_month_is_named_by_its_month() -> None:
    """Its day is not made up: neither in the anchor, nor as a date, nor in the evidence."""
    found = judge(marrow_of(remission(), "2026-03", 40))[-1]
    assert (found.anchor.effective, found.response_date, found.state_since) == (
        "2026-03", None, None
    )  # fmt: skip
    cited = [one for line in found.criteria_results for one in line.evidence]
    told = [one.when for one in cited if isinstance(one, Result) and one.original == "40"]
    assert told == [month("2026-03")] * len(told) != []


def test_what_the_days_of_a_month_tell_apart_is_printed_open() -> None:
    """A criterion that one day meets and another does not; draws stand beside their own marrow."""
    found = judge(marrow_of(remission(), "2026-01", 40))
    told = {one.criterion: one.verdict.value for one in found[-1].criteria_results}
    assert (found[-1].category, told["marrow-blasts-below-5"]) == ("IND", "unknown")
    assert [(one.anchor.effective[:10], len(one.draws)) for one in found[1:]] == [
        ("2026-01-30", 1), ("2026-01", 0)
    ]  # fmt: skip


@pytest.mark.parametrize("analyte", ["extramedullary-disease", "blasts-blood"])
def test_a_denial_of_a_month_stands_against_nothing(analyte: str) -> None:
    """Where there are more than can be tried it is left out, and said to be."""
    answer = {"extramedullary-disease": "negative", "blasts-blood": 0}[analyte]
    course = remission()
    for _ in range(1 if analyte == "blasts-blood" else 4):
        course.result(analyte, 1, answer, when=month("2026-02"))
    found = judge(course)[-1]
    assert (found.category, found.state) == ("CR", "in-remission")
    left = [one.reason for one in found.skipped]
    assert left == (
        [] if analyte == "blasts-blood" else [f"{NO_DAY}: it says none of {analyte}"] * 4
    )


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


@pytest.mark.parametrize("name", SETS)
def test_what_is_told_by_its_month_loses_no_answer(name: str) -> None:
    """Whatever a day of the month gives is said or named; `make long-course` looks at thousands."""
    assert contained(60, 600_000, name, less=blurred) == 0
