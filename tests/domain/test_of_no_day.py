"""Every analyte, told by three days, a month or a year: nothing better than its worst exact day."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.domain.answer.proof import OF_A_MONTH
from fhir_remission.domain.nouns.inputs import When
from fhir_remission.domain.record.of_no_day import MEANS
from fhir_remission.domain.tables.analytes import read_analytes
from tests.domain.builder import Course, all_day, at, induction, judge, now, on, per_litre
from tests.domain.test_coarse_times import month
from tests.domain.test_properties import claim

MAPPINGS = Path(__file__).parents[2] / "mappings"
TABLE = read_analytes((MAPPINGS / "analytes.tsv").read_text(encoding="utf-8"), file="analytes.tsv")
SETS = ("eln-2022", "iwg-2003", "cibmtr-aml")
TODAY = at(60).end
# The worst that each may say; and what says that nothing is wrong.
WORST: dict[str, Any] = {
    "marrow-adequacy": "negative",
    "marrow-cells-counted": 40,
    "marrow-cellularity": 5,
    "rbc-transfusion-independence": "negative",
    "blasts-marrow": 40,
    "anc": "0.1",
    "wbc": "0.1",
    "platelets": 5,
    "hemoglobin": 5,
}
BEST: dict[str, Any] = {
    "marrow-adequacy": "positive",
    "marrow-cells-counted": 500,
    "marrow-cellularity": 40,
    "rbc-transfusion-independence": "positive",
    "mrd": "negative",
    "anc": 3,
    "wbc": 5,
    "platelets": 300,
    "hemoglobin": 12,
}
NUMBERS = ("quantity", "either")
MARROW = 30


def days(first: int, last: int) -> When:
    """A Period told by its days."""
    begin, end = all_day(first), all_day(last)
    text = f"{begin.text}/{end.text}"
    return When(begin.start, end.end, begin.first_day, end.last_day, text)


SPANS = {
    "two days": days(MARROW - 1, MARROW),
    "three days": days(MARROW - 1, MARROW + 1),
    "month": month("2026-01"),
    "year": month("2026"),
}
"""What is not told to the day, around the marrow of 2026-01-30."""


def bases() -> Iterator[tuple[str, Course]]:
    """A remission that rests on nothing, one that rests on silence, and one on counts before it."""
    for name, cells, platelets, drawn in (
        ("proved", 300, 150_000, MARROW),
        ("assumed", None, 60_000, MARROW),
        ("before", 300, 150_000, MARROW - 2),
    ):
        course = induction().marrow(MARROW, 2, cells=cells).blood(drawn, 1500, platelets)
        yield name, course.mrd(MARROW, "negative")


def with_one(course: Course, analyte: str, raw: Any, when: When) -> Course:
    """The course with one result more."""
    more: dict[str, Any] = {"when": when}
    if analyte == "mrd":
        more |= {"method": "flow", "specimen": "marrow", "sensitivity": "0.01 %"}
    return Course.result(_copy(course), analyte, 1, raw, **more)


def _copy(course: Course) -> Course:
    found = Course(diagnosed=None)
    found.results, found.events = list(course.results), list(course.events)
    found.more = course.more
    return found


def raw_of(analyte: str, given: dict[str, Any], *, bad: bool) -> Any:
    """A value of the analyte that speaks against an answer, or for it."""
    number = TABLE[analyte].kind in NUMBERS and analyte != "mrd"
    plain = (20 if number else "positive") if bad else (0 if number else "negative")
    return given.get(analyte, plain)


def exact_days(when: When, analyte: str) -> Iterator[When]:
    """Days of the span that may differ, each with and without an hour.

    A count of no day is a draw of its own, and so is one without its hour.
    """
    for day in (1, 26, 29, 30, 31, 40):
        if when.first_day <= on(day) <= when.last_day:
            yield all_day(day)
            if MEANS[analyte] != "count":
                yield at(day)


RESULTS = sorted(name for name, one in TABLE.items() if one.kind != "attribute")


def test_every_analyte_has_its_row() -> None:
    """Of what a table adds somebody has to say what a month of it means."""
    assert {*RESULTS, "differential"} == set(MEANS)


@pytest.mark.parametrize(("analyte", "bad"), [*product(RESULTS, (True, False))])
def test_told_by_no_day_it_claims_no_more_than_on_its_worst(analyte: str, *, bad: bool) -> None:
    """Whatever it is a result of, and whether it speaks against an answer or for it."""
    raw = raw_of(analyte, WORST if bad else BEST, bad=bad)
    sets = SETS if bad else SETS[:1]
    for (base, course), (span, when), name in product(bases(), SPANS.items(), sets):
        told = now(with_one(course, analyte, raw, when), name, as_of=TODAY)
        every = [
            now(with_one(course, analyte, raw, day), name, as_of=TODAY)
            for day in exact_days(when, analyte)
        ]
        where = (base, span, name, told.category)
        assert claim(told) <= min(map(claim, every)), where
        remitted = all(one.state == "in-remission" for one in every)
        assert remitted or told.state != "in-remission", where


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize(
    ("analyte", "name", "want"),
    [
        ("marrow-adequacy", "eln-2022", ("IND", ("CR", "NE"))),
        ("auer-rods", "iwg-2003", ("IND", ("CR", "NR"))),
        ("auer-rods", "eln-2022", ("CR", ())),
        ("platelet-clumps", "eln-2022", ("CRi", ())),
    ],
)
def test_what_its_days_give_is_named(
    analyte: str, name: str, want: tuple[str, tuple[str, ...]], span: str
) -> None:
    """A statement of inadequacy beats every number, where it is of the marrow (3.1)."""
    course = dict(bases())["proved"]
    raw = raw_of(analyte, WORST, bad=True)
    found = now(with_one(course, analyte, raw, SPANS[span]), name, as_of=TODAY)
    assert (found.category, found.candidates) == want


@pytest.mark.parametrize("analyte", ["marrow-cells-counted", "marrow-cellularity"])
@pytest.mark.parametrize("bad", [True, False])
def test_what_is_told_of_a_month_is_not_called_never_reported(analyte: str, *, bad: bool) -> None:
    """Few cells of the month leave the answer open; enough of them, that they are of the marrow."""
    course = dict(bases())["assumed"]
    raw = raw_of(analyte, WORST if bad else BEST, bad=bad)
    found = now(with_one(course, analyte, raw, SPANS["month"]), as_of=TODAY)
    assert (found.category, [one.id for one in found.assumptions]) == (
        ("IND", []) if bad else ("CRh", ["marrow-adequate"])
    )
    sentences = (MAPPINGS / "vocabulary" / "assumptions.tsv").read_text(encoding="utf-8")
    assert "where the set asks for it, was reported for its day." in sentences


def test_where_words_on_samples_are_too_many_nothing_is_said() -> None:
    """Three of one month can be placed in more ways than are tried."""
    course = dict(bases())["proved"]
    for _ in range(3):
        course.result("marrow-adequacy", 1, "negative", when=month("2026-01"))
    found = now(course, as_of=TODAY)
    assert (found.category, found.reason) == ("IND", "evidence-unplaced")


def test_good_samples_that_are_too_many_are_left_out_and_named() -> None:
    """They stand against nothing, and support nothing."""
    course = dict(bases())["proved"]
    for _ in range(3):
        course.result("marrow-adequacy", 1, "positive", when=month("2026-01"))
    found = now(course, as_of=TODAY)
    assert found.category == "CR"
    assert [one.reason for one in found.skipped] == [
        f"{OF_A_MONTH}: nothing is wrong by marrow-adequacy"
    ] * 3


@pytest.mark.parametrize("when", [month("2026-04"), days(100, 104)])
def test_a_positive_of_a_month_after_a_negative_is_a_suspicion(when: When) -> None:
    """On each of its days it comes after it (5.4); how often it is tried depends on no length."""
    course = with_one(dict(bases())["proved"], "mrd", "positive", when)
    found = now(course)
    assert (found.category, found.mrd, found.mrd_event) == ("CR", "positive", "relapse-suspected")


def test_positives_of_three_months_are_a_relapse_of_mrd() -> None:
    """Of residual disease only the days are tried that differ."""
    course = dict(bases())["proved"]
    for of in ("2026-04", "2026-05", "2026-06"):
        course = with_one(course, "mrd", "positive", month(of))
    assert now(course).mrd_event == "relapse"


@pytest.mark.parametrize(("answer", "want"), [("positive", "NE"), ("negative", "CR")])
def test_a_marker_of_another_leukaemia_is_read_whatever_its_day(answer: str, want: str) -> None:
    """PML::RARA puts a patient out of scope on any day (3.1)."""
    course = dict(bases())["proved"]
    course.result("mrd", 1, answer, when=month("2026-01"), marker="PML::RARA")
    assert now(course).category == want


@pytest.mark.parametrize(("day", "hour", "want"), [(30, False, "CRi"), (30, True, "CR")])
def test_clumps_of_a_day_are_of_any_draw_of_it(day: int, *, hour: bool, want: str) -> None:
    """Those of another hour are of another draw."""
    course = dict(bases())["proved"]
    course.result("platelet-clumps", 1, "positive", when=at(day + 0.1) if hour else all_day(day))
    assert now(course).category == want


def before_marrow(draw: int, month_of: str, anc: int, *more: tuple[int, int]) -> Course:
    """A good draw before a clear marrow of 2026-03-01, and a count told by its month."""
    course = induction().marrow(60, 2).blood(draw, 1500, 150_000)
    course.result("anc", 1, per_litre(anc), when=month(month_of))
    for day, other in more:
        course.blood(day, other, 150_000)
    return course


@pytest.mark.parametrize(
    ("course", "said"),
    [
        (before_marrow(58, "2026-03", 400), ("MLFS", ("CR", "CRh", "CRi"))),
        (before_marrow(58, "2026-02", 400), ("MLFS", ("CR", "CRh", "CRi"))),
        (before_marrow(58, "2026", 400), ("MLFS", ("CR", "CRh", "CRi"))),
        (before_marrow(58, "2026-02", 2000), ("CR", ())),
        (before_marrow(58, "2026-01", 400), ("CR", ())),
        (before_marrow(59, "2026-02", 400), ("CR", ())),
        (before_marrow(58, "2026-01", 2000, (59, 700)), ("CRh", ())),
    ],
)
def test_a_lower_count_of_a_month_opens_the_draws_before_it(
    course: Course, said: tuple[str, tuple[str, ...]]
) -> None:
    """2.3: of the days between a draw and its marrow; none of them is called fallen for it."""
    found = judge(course.record())[-1]
    assert (found.category, found.possible_higher) == said
