"""What is known by its month or year alone: it is tried on each of its days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fhir_remission.domain.answer.placements import in_doubt
from fhir_remission.domain.answer.possible_days import Days
from fhir_remission.domain.answer.proof import OF_A_MONTH
from fhir_remission.domain.nouns.inputs import Result, When
from fhir_remission.domain.nouns.verdicts import day_of
from fhir_remission.domain.record.facts import read_facts
from tests.domain.builder import LATER, Course, criteria, induction, judge, now, on
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
        [] if analyte == "blasts-blood" else [f"{OF_A_MONTH}: it says none of {analyte}"] * 4
    )


def answered(course: Course) -> tuple[str, str, tuple[str, ...]]:
    """The current answer with its reason and its candidates."""
    found = now(course)
    return found.category, found.reason, found.candidates


def test_where_ways_are_too_many_denials_are_left_out_first() -> None:
    """What is then tried is tried on each day: the marrow is early, the last one, or between."""
    course = remission()
    for _ in range(4):
        course.result("extramedullary-disease", 1, "negative", when=month("2026-02"))
    assert answered(marrow_of(course, "2026-02", 40)) == (
        "IND", "evidence-unplaced", ("RELAPSE", "NR")
    )  # fmt: skip


def test_then_what_lies_near_no_marrow_is_left_open() -> None:
    """Blasts of April and May: they may have been there or not; the marrow of February is tried."""
    course = marrow_of(remission(), "2026-02", 2).marrow(50, 1)
    for text in ("2026-04", "2026-05"):
        course.result("blasts-blood", 1, 3, when=month(text))
    told = [(one.category, one.state) for one in judge(course)]
    assert told[1:4] == [("CR", "in-remission")] * 3
    assert answered(course) == (
        "IND", "blood-blasts-undecided", ("CR", "RELAPSE", "RELAPSE_SUSPECTED")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("results", "together"),
    [
        ([("blasts-marrow", "02"), ("marrow-cells-counted", "02")], [[0, 1]]),
        ([("marrow-cells-counted", "02"), ("blasts-marrow", "02"), ("auer-rods", "02")],
         [[1, 0, 2]]),
        ([("blasts-marrow", "02"), ("marrow-cells-counted", "03")], [[0]]),
        ([("blasts-marrow", "02"), ("blasts-marrow", "03"), ("marrow-cells-counted", "03")],
         [[0], [1, 2]]),
        ([("blasts-marrow", "02"), ("blasts-marrow", "02"), ("marrow-cells-counted", "02")],
         [[0], [1], [2]]),
        ([("blasts-marrow", "02"), ("anc", "02")], [[0]]),
        ([("blasts-blood", "02"), ("marrow-cells-counted", "02")], [[0]]),
        ([("blasts-blood", "02"), ("blasts-marrow", "02"), ("marrow-cells-counted", "02")],
         [[0], [1, 2]]),
        ([("blasts-blood", "02", "a"), ("anc", "02", "a", "b"), ("platelets", "02", "b")],
         [[0, 1, 2]]),
        ([("blasts-blood", "02", "a"), ("anc", "03", "a")], [[0]]),
    ],
)  # fmt: skip
def test_results_of_one_sample_move_together(
    results: list[tuple[str, ...]], together: list[list[int]]
) -> None:
    """One specimen or accession; what names no marrow, with the only count of its month."""
    course = Course(diagnosed=None)
    for analyte, of, *keys in results:
        course.result(analyte, 1, 1, when=month(f"2026-{of}"), draw_keys=tuple(keys))
    found = in_doubt(read_facts(course.record(), criteria(), LATER))
    assert [[course.results.index(one) for one in way] for way in found] == together


@pytest.mark.parametrize(
    ("of", "last", "days"),
    [("02", 400, range(32, 60)), ("02", 59, range(32, 60)), ("02", 58, range(32, 59)),
     ("02", 32, [32]), ("02", 20, [32])],
)  # fmt: skip
def test_results_of_a_month_are_tried_until_today(of: str, last: int, days: range) -> None:
    """On each of its days that is past; where none is, on the first."""
    sample = marrow_of(Course(diagnosed=None), f"2026-{of}", 2)
    facts = read_facts(sample.record(), criteria(), LATER)
    ways = list(Days(facts, (), on(last)).ways(tuple(sample.results)))
    assert [{one.when.first_day for one in way if one.when} for way in ways] == [
        {on(day)} for day in days
    ]
    assert {one.when.text for way in ways for one in way if one.when} == {f"2026-{of}"}


@pytest.mark.parametrize("kind", ["therapy-start", "extramedullary"])
@pytest.mark.parametrize(("today", "last"), [(400, 59), (45, 45), (32, 32)])
def test_what_is_given_or_seen_in_a_month_is_tried_until_today(
    kind: str, today: int, last: int
) -> None:
    """No day of it lies ahead; nor does one of a lesion known by the month of its end."""
    course = Course().marrow(40, 2).event(kind, 32, when=month("2026-02"))
    facts = read_facts(course.record(), criteria(), LATER)
    days = Days(facts, (), on(today))
    assert [day for way in days.ways((course.events[-1],)) for day in map(day_of, way)][-1] == on(
        last
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
