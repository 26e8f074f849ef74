"""MRD that is told by its month or a period: what each of its days shows is said, and no more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import product
from random import Random
from typing import Any

import pytest

from fhir_remission.domain.answer.together import MRD_EVENTS
from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.inputs import When
from tests.domain.builder import Course, all_day, induction, judge, on
from tests.domain.test_lasting import until

NPM1: dict[str, Any] = {"marker": "NPM1", "method": "qpcr"}
ANSWERS = ("negative", "negative", "positive", "positive", "?")


def course(counted: int = 30) -> Course:
    """Leukaemia, therapy, and a marrow of day 30 that counts of this day make a CR."""
    return induction().marrow(30, 2).blood(counted, 1500, 150_000)


def with_samples(counted: int, samples: list[tuple[str, str, When]]) -> Course:
    """The same with samples of NPM1."""
    made = course(counted)
    for answer, tissue, when in samples:
        made.mrd(1, answer, specimen=tissue, when=when, **NPM1)
    return made


def last(made: Course, name: str = "eln-2022") -> Assessment:
    """What stands now."""
    return judge(made, name, current_only=True)[-1]


def told(days: range) -> When:
    """Some days as one period."""
    return until(days[0], days[-1])


@pytest.mark.parametrize("seed", range(60))
def test_what_every_day_shows_is_said(seed: int) -> None:
    """Status and event are those of all days; events that differ have begun where all say so."""
    dice = Random(seed)
    counted = dice.choice((30, 30, 34, 40))
    samples = [
        (dice.choice(ANSWERS), dice.choice(("marrow", "blood")), all_day(dice.randrange(16, 200)))
        for _ in range(dice.randrange(1, 5))
    ]
    first = dice.randrange(20, 170)
    days = range(first, first + dice.choice((3, 14, 31)))
    answer, tissue = dice.choice(ANSWERS), dice.choice(("marrow", "blood"))
    name = dice.choice(("eln-2022", "eln-2022", "eln-2017"))
    each = [
        last(with_samples(counted, [*samples, (answer, tissue, all_day(day))]), name)
        for day in days
    ]
    said = last(with_samples(counted, [*samples, (answer, tissue, told(days))]), name)

    assert said.category == "CR"
    events = sorted(MRD_EVENTS.index(one.mrd_event) for one in each)
    assert events[0] <= MRD_EVENTS.index(said.mrd_event) <= events[-1]
    assert said.mrd == (each[0].mrd if len({one.mrd for one in each}) == 1 else "unknown")
    codes = {one.code for one in each}
    suspected = {"MRD_RELAPSE_SUSPECTED"} if said.mrd_event == "relapse-suspected" else set[str]()
    assert said.code in {*codes, "CR", *suspected}
    assert len(codes) > 1 or said.code in codes


@pytest.mark.parametrize("seed", range(12))
def test_two_of_no_day_are_tried_against_each_other(seed: int) -> None:
    """How far apart they are decides as well."""
    dice = Random(seed)
    exact = [(dice.choice(ANSWERS), "marrow", all_day(dice.randrange(16, 140))) for _ in range(3)]
    first = dice.randrange(30, 120)
    spans = [range(first, first + 9), range(after := first + dice.choice((0, 5, 24)), after + 9)]
    vague = [(dice.choice(ANSWERS[:4]), "marrow") for _ in spans]
    each = {
        (one.mrd, one.mrd_event)
        for days in product(*spans)
        for one in [last(with_samples(30, [*exact, *_told(vague, map(all_day, days))]))]
    }
    said = last(with_samples(30, [*exact, *_told(vague, map(told, spans))]))

    events = sorted(MRD_EVENTS.index(event) for _, event in each)
    assert events[0] <= MRD_EVENTS.index(said.mrd_event) <= events[-1]
    statuses = {mrd for mrd, _ in each}
    assert said.mrd == (statuses.pop() if len(statuses) == 1 else "unknown")


def _told(vague: list[tuple[str, str]], times: Iterable[When]) -> list[tuple[str, str, When]]:
    return [(*one, when) for one, when in zip(vague, times, strict=True)]


@pytest.mark.parametrize("many", [4, 10, 24])
def test_samples_of_a_registry_that_tells_months_alone(many: int) -> None:
    """One in each quarter, or in each month: their order is known."""
    samples = [("negative", "marrow", all_day(30))]
    months = [told(range(60 + 30 * place, 88 + 30 * place)) for place in range(many)]
    samples += [("negative", "marrow", one) for one in months[:-2]]
    samples += [("positive", "marrow", one) for one in months[-2:]]
    assert last(with_samples(30, samples)).code == "MRD_RELAPSE"


@pytest.mark.parametrize("tissue", ["marrow", "blood"])
@pytest.mark.parametrize("counted", [30, 40])
@pytest.mark.parametrize("later", [(), ("chemo",), ("chemo", "marrow")])
def test_a_negative_of_any_day_makes_the_next_positives_a_relapse(
    tissue: str, counted: int, later: tuple[str, ...]
) -> None:
    """Also of the days between the marrow and the counts that prove its remission."""
    for day in range(16, 110):
        made = course(counted)
        if "chemo" in later:
            made.chemo(60)
        if "marrow" in later:
            made.marrow(85, 2).blood(85, 1500, 150_000)
        for at, answer in ((day, "negative"), (120, "positive"), (150, "positive")):
            made.mrd(at, answer, specimen=tissue, **NPM1)
        found = last(made)
        assert (found.category, found.mrd_event) == ("CR", "relapse"), day


def test_one_more_negative_of_a_month_takes_nothing_away() -> None:
    """Nor does it end a relapse of MRD unless each of its days does."""
    own, month = ("negative", "marrow", all_day(28)), told(range(60, 91))
    negative = with_samples(30, [own, ("negative", "marrow", month)])
    assert last(negative).code == "CR_MRDneg"
    relapsed = [
        own, ("positive", "marrow", all_day(40)),
        ("positive", "marrow", all_day(50)), ("negative", "marrow", month),
    ]  # fmt: skip
    near = [*relapsed, ("negative", "marrow", all_day(100))]
    assert last(with_samples(30, near)).mrd_event == "relapse"
    far = [*relapsed, ("negative", "marrow", all_day(125))]
    assert last(with_samples(30, far)).mrd_event == "none"


@pytest.mark.parametrize(("days", "category"), [((150, 156), "IND"), ((150, 152), "RELAPSE")])
def test_a_period_that_has_not_ended_may_lie_ahead(days: tuple[int, int], category: str) -> None:
    """A marrow of a period that goes on after the day of judging may not have been taken yet."""
    made = course()
    made.result("blasts-marrow", 1, 40, when=until(*days))
    found = judge(made, as_of=_noon(on(153)), current_only=True)[-1]

    assert found.category == category
    assert category == "RELAPSE" or {"CR", "RELAPSE"} == set(found.candidates)


def _noon(day: date) -> Any:
    return all_day((day - on(0)).days).start + timedelta(hours=12)
