"""What was done to the patient: cycles, and for how long a treatment props up a count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from fhir_remission.domain.nouns.inputs import Event
from fhir_remission.domain.record.therapy import Therapy, read_support, read_therapy
from tests.domain.builder import Course, all_day, at, criteria, on
from tests.domain.sights import event, in_order
from tests.domain.sights import given as by_kinds

NUMBERS = criteria().numbers


def starts(*days: float | None, detail: str = "") -> list[Event]:
    """Starts of therapy of these days."""
    course = Course(diagnosed=None)
    for day in days:
        course.event("therapy-start", day, detail)
    return course.events


def therapy(*days: float | None) -> Therapy:
    """The cycles of these starts."""
    return read_therapy(in_order(starts(*days)), NUMBERS)


def days_of(found: Any) -> list[int]:
    """The days on which cycles begin."""
    return [(one.day - on(0)).days for one in found]


def test_starts_less_than_fourteen_days_apart_are_one_cycle() -> None:
    """Counted from the dose before, so that a week of doses and one more is one cycle."""
    assert days_of(therapy(1, 2, 3, 16, 30, 43, 57).cycles) == [1, 30, 57]
    assert therapy(1, 14).days == (on(1),)
    assert therapy(1, 15).days == (on(1), on(15))
    assert [len(one.events) for one in therapy(1, 2, 3, 30).cycles] == [3, 1]


def test_cycles_stand_in_order_whatever_the_order_of_the_record() -> None:
    """A start without a day makes no cycle, and other events are none."""
    mixed = [*starts(30, None, 1), event("gcsf", 60), event("rbc-transfusion", 90)]
    found = read_therapy(in_order(mixed), NUMBERS)
    assert found.days == (on(1), on(30))
    assert read_therapy([], NUMBERS) == Therapy((), ())


@pytest.mark.parametrize(
    ("day", "detail", "cycles"),
    [
        (49, "intensive", [1, 49]),
        (50, "intensive", [1]),
        (60, "intensive", [1]),
        (61, "intensive", [1, 61]),
        (74, "prophylaxis", [1]),
        (75, "prophylaxis", [1, 75]),
    ],
)
def test_what_is_given_for_a_graft_starts_no_cycle(
    day: int, detail: str, cycles: list[int]
) -> None:
    """From ten days before it on, and what keeps it from attacking for two weeks after it."""
    given = [*starts(1), *starts(day, detail=detail), event("transplant", 60)]
    found = read_therapy(in_order(given), NUMBERS)
    assert days_of(found.cycles) == cycles
    assert len(found.conditioning) == 2 - len(cycles)
    assert found.since(on(2)) == on(min(day, 60))
    later = replace(NUMBERS, conditioning=None)
    assert days_of(read_therapy(in_order(given), later).cycles) == [1, day]


def test_a_drug_that_may_be_a_start_is_none_before_a_graft() -> None:
    """Busulfan ten days before a graft is conditioning, and leaves no doubt."""
    busulfan = [replace(one, certainty="unconfirmed") for one in starts(54)]
    assert len(read_therapy(busulfan, NUMBERS).possible) == 1
    grafted = read_therapy([*busulfan, event("transplant", 60)], NUMBERS)
    assert (grafted.possible, len(grafted.conditioning)) == ((), 1)


@pytest.mark.parametrize(
    ("details", "intensity"),
    [
        (["", ""], ""),
        (["", "less-intensive"], "less-intensive"),
        (["intensive", "less-intensive", ""], "intensive"),
        (["less-intensive", "intensive"], "intensive"),
    ],
)
def test_a_cycle_is_as_intensive_as_the_strongest_thing_said_of_it(
    details: list[str], intensity: str
) -> None:
    """Azacitidine beside 7+3 is an intensive cycle; nothing said is nothing known."""
    course = Course(diagnosed=None)
    for day, detail in enumerate(details, 1):
        course.event("therapy-start", day, detail)
    (cycle,) = read_therapy(in_order(course.events), NUMBERS).cycles
    assert cycle.intensity == intensity


def test_cycles_are_found_by_day() -> None:
    """The day of a start belongs to its cycle."""
    found = therapy(1, 30, 60)
    one, two, three = found.cycles
    assert [found.latest(on(day)) for day in (0, 1, 29, 30, 99)] == [None, one, one, two, three]
    assert [found.first_from(on(day)) for day in (1, 2, 60, 61)] == [one, two, three, None]
    assert days_of(found.from_until(on(1), on(60))) == [1, 30]
    assert days_of(found.from_until(on(2), on(61))) == [30, 60]


def raised(
    count: str, given: Event | list[Event], first: int, last: int | None = None, hour: float = 9
) -> bool:
    """Whether the treatment may have raised a count drawn on that day at that hour."""
    events = given if isinstance(given, list) else [given]
    end = datetime.combine(on(last or first), datetime.min.time(), UTC) + timedelta(hours=hour)
    return (
        read_support(by_kinds(events), NUMBERS)[count].raises(on(first), on(last or first), end)
        is not None
    )


@pytest.mark.parametrize(
    ("kind", "count", "days"),
    [
        ("platelet-transfusion", "platelets", 7),
        ("transfusion-unspecified", "platelets", 7),
        ("gcsf", "anc", 7),
        ("gcsf-pegylated", "anc", 14),
    ],
)
def test_a_treatment_raises_its_own_count_for_so_many_days(
    kind: str, count: str, days: int
) -> None:
    """Model 2.2: the last of these days included, the day before the treatment not."""
    given = event(kind, 10)
    answers = [raised(count, given, day) for day in (9, 10, 10 + days, 11 + days)]
    assert answers == [False, True, True, False]
    other = "anc" if count == "platelets" else "platelets"
    assert not raised(other, given, 11)


def test_a_treatment_does_not_reach_back_to_the_morning() -> None:
    """Given at nine, a count of eight o'clock is the patient's own."""
    given = event("platelet-transfusion", 10)
    assert not raised("platelets", given, 10, hour=8)
    assert raised("platelets", given, 10, hour=9)
    assert raised("platelets", given, 10, hour=10)


def test_a_count_of_several_days_is_raised_if_any_of_them_may_be() -> None:
    """A period of draws; a treatment that follows all of them does not reach back."""
    given = event("platelet-transfusion", 10)
    assert raised("platelets", given, 5, 11)
    assert raised("platelets", given, 17, 25)
    assert not raised("platelets", given, 18, 25)
    assert not raised("platelets", given, 5, 9)


def test_a_treatment_without_a_day_may_have_been_any_day() -> None:
    """Nothing drawn ever after or before proves recovery."""
    given = event("platelet-transfusion", None)
    assert raised("platelets", given, 1)
    assert raised("platelets", given, 1000)
    assert not raised("anc", given, 1)
    assert raised("platelets", [event("platelet-transfusion", 500), given], 1)


def test_a_period_of_treatment_counts_from_its_last_day() -> None:
    """Filgrastim over a week, given as one period."""
    given = event("gcsf", 10)
    assert given.when is not None
    long = replace(given, when=replace(given.when, last_day=on(20), end=all_day(20).end))
    assert raised("anc", long, 27)
    assert not raised("anc", long, 28)


def test_the_longer_of_two_treatments_decides() -> None:
    """A pegylated dose before a plain one, and the other way round."""
    pegylated, plain = event("gcsf-pegylated", 10), event("gcsf", 12)
    assert raised("anc", [plain, pegylated], 24)
    assert raised("anc", [pegylated, plain], 13)
    assert not raised("anc", [pegylated, plain], 25)
    assert raised("anc", [event("gcsf", 12), event("gcsf-pegylated", 40)], 19)
    assert not raised("anc", [event("gcsf", 12), event("gcsf-pegylated", 40)], 20)
    many = [event("gcsf", day) for day in range(1, 60)]
    assert raised("anc", many, 66)
    assert not raised("anc", many, 67)


def test_the_event_that_is_cited_is_one_that_was_given_before() -> None:
    """Of a dose of the morning and one of the evening the evening's raises nothing at noon."""
    early, late = event("gcsf", 10), event("gcsf", 10.4)
    noon = datetime.combine(on(10), datetime.min.time(), UTC) + timedelta(hours=12)
    found = read_support(by_kinds([late, early]), NUMBERS)["anc"].raises(on(10), on(10), noon)
    assert found == early


def daily(*taken: tuple[str, int, int], cycle: tuple[int, ...] = ()) -> list[int]:
    """The days on which cycles begin, where each drug is taken from one day to another."""
    events = starts(*cycle, detail="less-intensive")
    for drug, first, last in taken:
        for one in starts(*range(first, last + 1), detail="targeted"):
            events.append(replace(one, source=replace(one.source, code=drug)))
    return days_of(read_therapy(in_order(events), NUMBERS).cycles)


@pytest.mark.parametrize(
    ("taken", "cycle", "began"),
    [
        ([("gilteritinib", 1, 90)], (), [1]),
        ([("gilteritinib", 1, 30), ("gilteritinib", 58, 80)], (), [1]),
        ([("gilteritinib", 1, 30), ("gilteritinib", 59, 80)], (), [1, 59]),
        ([("venetoclax", 1, 60), ("gilteritinib", 8, 60)], (), [1]),
        ([("midostaurin", 1, 60), ("gilteritinib", 66, 90)], (), [1, 66]),
        ([("venetoclax", 1, 45)], (1,), [1]),
        ([("venetoclax", 1, 21), ("venetoclax", 49, 60)], (1,), [1]),
        ([("venetoclax", 1, 21), ("venetoclax", 50, 60)], (1,), [1, 50]),
        ([("gilteritinib", 1, 120)], (70,), [1, 70]),
    ],
)
def test_a_drug_taken_daily_is_one_start(
    taken: list[tuple[str, int, int]], cycle: tuple[int, ...], began: list[int]
) -> None:
    """However long, through pauses and past the cycle it began in; another drug is another."""
    assert daily(*taken, cycle=cycle) == began


def test_targeted_drugs_alone_are_less_intensive() -> None:
    """So that a marrow is early for two weeks of them, and half a year of them is enough."""
    found = read_therapy(in_order(starts(1, 2, detail="targeted")), NUMBERS)
    assert [one.intensity for one in found.cycles] == ["less-intensive"]


@pytest.mark.parametrize(
    ("kind", "count"), [("platelet-transfusion", "platelets"), ("gcsf", "anc")]
)
def test_what_was_given_for_days_raises_a_count_after_its_last_day(kind: str, count: str) -> None:
    """The longer it was given the longer it may raise, and not from its first day alone."""
    event = Course().event(kind, 1, ended=at(12)).events[-1]
    support = read_support(by_kinds([event]), NUMBERS)[count]
    assert support.raises(on(13), on(13), at(13).end) is event
    assert support.raises(on(40), on(40), at(40).end) is None
