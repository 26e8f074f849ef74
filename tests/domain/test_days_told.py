"""No day is made up: not in a date, a sentence or a number of days, nor in the course of a page."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from fhir_remission.domain.nouns.inputs import When
from fhir_remission.domain.nouns.verdicts import day_told, is_of_no_day
from fhir_remission.jobs.files.explain import Request, run
from fhir_remission.rehearsal.cohort.evidence import chemotherapy, diagnosis, extramedullary, result
from tests.domain.builder import LATER, Course, induction, judge, on
from tests.domain.test_coarse_times import marrow_of, month, remission

Resource = dict[str, Any]


def dates(course: Course) -> set[str]:
    """Every date that is said of the marrows and counts, in each answer."""
    found = judge(course.record(), as_of=LATER)
    told = [
        (one.last_marrow, one.last_blood, one.last_mrd, one.window_closes, one.response_date,
         one.state_since)
        for one in found
    ]  # fmt: skip
    return {str(day) for many in told for day in many if day is not None}


@pytest.mark.parametrize("when", ["2026-03", "2026-02", "2026", "2026-01"])
@pytest.mark.parametrize("blasts", [2, 12, 40])
def test_no_date_is_one_that_was_made_up(when: str, blasts: int) -> None:
    """Of a marrow told by its month neither its day nor the end of a window is known."""
    assert dates(marrow_of(remission(), when, blasts)) <= dates(remission())


def test_a_marrow_of_a_month_has_no_day_of_a_cycle() -> None:
    """It is counted from a day."""
    found = judge(marrow_of(remission(), "2026-03", 40))[-1]
    assert (found.cycle, found.window_closes) == (None, None)


def test_the_last_marrow_and_count_are_told_as_they_were_sent() -> None:
    """Counts of a month are no counts of its first day, and can be read."""
    course = marrow_of(induction(), "2026-02", 2)
    for name, value in (("anc", 1500), ("platelets", 150_000)):
        course.result(name, 1, value, when=month("2026-02"))
    found = judge(course)[-1]
    assert (found.last_marrow, found.last_blood) == (judge(induction())[-1].last_marrow, None)
    assert found.summary.endswith("last marrow 2026-02, last count 2026-02.")
    assert "2026-02-" not in found.next_better
    assert "not readable" not in found.next_better


def test_a_criterion_of_an_answer_that_all_days_share_is_open_where_they_differ() -> None:
    """On the first day of the year the marrow is the baseline; then nothing was halved."""
    found = judge(marrow_of(remission(), "2026", 2))[-1]
    told = {one.criterion: one.verdict.value for one in found.criteria_results}
    assert (found.category, told["blasts-halved"]) == ("CR", "unknown")


def test_a_marrow_is_early_where_it_is_on_every_day() -> None:
    """The flag says it of the marrow."""
    some = judge(marrow_of(induction(), "2026", 2))[-1]
    every = judge(marrow_of(induction(), "2026-01", 2).chemo(28))[-1]
    assert "early-marrow" not in some.flags
    assert every.category == "MLFS"


@pytest.mark.parametrize(
    ("when", "want"),
    [
        # Three weeks before the marrow of 2026-01-30 on every day of it, on some, on none.
        ("2025-12", ("CR", "in-remission", (), "assumed")),
        ("2026-01", ("IND", "unknown", ("CR", "NE"), "unknown")),
        ("2026", ("IND", "unknown", ("CR", "NE"), "unknown")),
        ("2026-02", ("NE", "untreated", (), "not-met")),
    ],
)
def test_a_diagnosis_of_a_month_is_weeks_older_than_a_marrow_by_its_last_day(
    when: str, want: tuple[str, str, tuple[str, ...], str]
) -> None:
    """A diagnosis of the week before is no sign that the marrow was taken after therapy (3.2)."""
    course = Course(diagnosed=None).event("aml-diagnosis", 1, when=month(when))
    found = judge(course.marrow(30, 2).blood(30, 1500, 150_000).record())[-1]
    gate = next(o for o in found.criteria_results if o.criterion == "response-evaluation")
    assert (found.category, found.state, found.candidates, gate.verdict.value) == want
    assert ("diagnosis by its day" in found.next_better) is (found.category == "IND")


def test_since_when_somebody_is_untreated_is_told_by_a_day() -> None:
    """The marrow of the first day of the month of the diagnosis has one; the month has none."""
    course = Course(diagnosed=None).event("aml-diagnosis", 1, when=month("2026-01"))
    assert judge(course.record())[-1].state_since is None
    assert judge(course.marrow(1, 60).record())[-1].state_since == on(1)
    undated = Course(diagnosed=None).event("aml-diagnosis", 1, when=None)
    assert judge(undated.record())[-1].state_since is None


@pytest.mark.parametrize(("day", "category"), [(21, "NE"), (22, "IND"), (51, "IND"), (52, "CR")])
def test_three_weeks_after_some_day_of_the_month_or_all(day: int, category: str) -> None:
    """2026-01-22 is three weeks after the first of its days, 2026-02-21 after the last."""
    course = Course(diagnosed=None).event("aml-diagnosis", 1, when=month("2026-01"))
    found = judge(course.marrow(day, 2).blood(day, 1500, 150_000).record())[-1]
    assert found.category == category


def test_marrows_of_one_month_in_too_many_ways_say_nothing() -> None:
    """They are not one marrow of its first day, which is early and awaits another."""
    course = induction()
    for blasts in (40, 12, 2):
        course.result("blasts-marrow", 1, blasts, when=month("2026-01"))
    found = judge(course.blood(50, 1500, 150_000))[-1]
    assert (found.category, found.state, found.state_since, found.candidates, found.reason) == (
        "IND", "unknown", None, (), "evidence-unplaced"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ended", "want"),
    [
        ("2026-04-10", ("IND", "unknown", ("CR", "RELAPSE"))),
        ("2026-01-10", ("CR", "in-remission", ())),
    ],
)
def test_a_lesion_known_by_its_end_may_have_been_there_until_then(
    ended: str, want: tuple[str, str, tuple[str, ...]]
) -> None:
    """It ended after a remission that found none: it may have come after it."""
    day = date.fromisoformat(ended)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    course = remission().result("extramedullary-disease", 30, "negative")
    course.event("extramedullary", None, ended=When(start, start, day, day, ended))
    found = judge(course.record())[-1]
    assert (found.category, found.state, found.candidates) == want
    assert str(found.state_since) in ("None", "2026-01-30")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-03", "2026-03"),
        ("2026", "2026"),
        ("2026-01/2026-02", "2026-01/2026-02"),
        ("2026-01-28/2026-03-05", "2026-01-28/2026-03-05"),
        ("2026-01-28/ 2026-03-05", "2026-01-28/ 2026-03-05"),
        ("2026-03-01T22:00:00Z/2026-03-02T06:00:00Z", "2026-03-01"),
        ("2026-03-01", "2026-03-01"),
    ],
)
def test_a_day_is_told_where_it_was(text: str, told: str) -> None:
    """What is placed on a day keeps the words it came in; a night is of its first day."""
    first = month("2026-03")
    when = When(first.start, first.end, first.first_day, first.first_day, text)
    one = replace(remission().results[-1], when=when)
    assert (day_told(one), is_of_no_day(one)) == (told, told != "2026-03-01")


def page(*more: Resource) -> list[str]:
    """The page of a remission on 2026-03-01, and more."""
    course = [
        {"resourceType": "Patient", "id": "p1"},
        diagnosis("c1", "p1", "2026-01-28", "snomed"),
        result("m0", "p1", "2026-01-29", "marrow", "62 %"),
        chemotherapy("t1", "p1", "2026-02-01"),
        result("m1", "p1", "2026-03-01", "marrow", "2 %"),
        result("n1", "p1", "2026-03-01", "anc", "1.5 10*9/L"),
        result("h1", "p1", "2026-03-01", "platelets", "150 10*9/L"),
        *more,
    ]
    body = "\n".join(map(json.dumps, course)).encode()
    return list(run(io.BytesIO(body), Request(as_of="2026-12-01T00:00:00Z")).lines)


def of_month(one: Resource, name: str = "effectiveDateTime", when: str = "2026-06") -> Resource:
    """The same, told by its month."""
    return {**one, name: when}


@pytest.mark.parametrize(
    "one",
    [
        of_month(result("x", "p1", "2026-06-01", "marrow", "40 %")),
        of_month(result("x", "p1", "2026-06-01", "anc", "0.2 10*9/L")),
        of_month(result("x", "p1", "2026-06-01", "smear", "3 %")),
        of_month(extramedullary("x", "p1", "2026-06-01", "present")),
        of_month(chemotherapy("x", "p1", "2026-06-01"), "performedDateTime"),
    ],
)
def test_a_page_names_no_day_that_was_not_told(one: Resource) -> None:
    """It stands in the course under its month, with its value; nothing is called unread."""
    lines = page(one)
    assert not [line for line in lines if "2026-06-0" in line or "unread" in line]
    [row] = [line for line in lines if "some day of 2026-06:" in line]
    assert row.startswith("2026-06 ")
    assert f"/{one['id']}]" in row


def test_a_start_of_a_month_is_no_second_dose_of_its_first_day() -> None:
    """Beside a start of that very day each stands by itself."""
    more = of_month(chemotherapy("x", "p1", "2026-02-01"), "performedDateTime", "2026-02")
    assert not [line for line in page(more) if "2 times" in line]
