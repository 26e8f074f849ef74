"""Events that last, and those of a month: no better answer than on the worst of their days."""

from __future__ import annotations

from functools import cache

import pytest

from fhir_remission.domain.answer.follow_up import _independent
from fhir_remission.domain.answer.wording import ADVICE, START_DAY
from fhir_remission.domain.nouns.inputs import Claim, Event, Source, When
from fhir_remission.domain.record.lasting import lasting, touches
from tests.domain.builder import Course, all_day, induction, judge, now, on, remission
from tests.domain.test_coarse_times import month
from tests.domain.test_properties import SETS

DRAWN, COUNTED = 28, 34
FIRST, LAST = 10, 27
NAMES = (*SETS, "pediatric-2012", "cibmtr-aml")
CLAIMS = ("CR", "CRh", "CRi", "MLFS", "PR")
GIVEN = (
    "rbc-transfusion", "platelet-transfusion", "transfusion-unspecified", "gcsf", "gcsf-pegylated",
    "differentiating-drug",
)  # fmt: skip
STARTS = ("therapy-start", "transplant", "donor-lymphocytes")


def until(first: int, last: int) -> When:
    """From one day to another, as one time."""
    one, two = all_day(first), all_day(last)
    return When(one.start, two.end, one.first_day, two.last_day, f"{one.text}/{two.text}")


def course(counted: int = DRAWN) -> Course:
    """Leukaemia, therapy on 2026-01-01, a clear marrow of 2026-01-28, and counts then or later."""
    found = induction().marrow(DRAWN, 2)
    if counted > DRAWN:
        found.blood(DRAWN, 300, 20_000, smear=0)
    return found.blood(counted, 1500, 150_000, smear=0)


def with_event(made: Course, kind: str, when: When, ended: When | None = None) -> Course:
    """The course, and something more."""
    if kind == "dependence":
        return made.result("rbc-transfusion-independence", 1, "negative", when=when)
    return made.event(kind, 1, when=when, ended=ended)


def ranks(made: Course, name: str) -> list[int]:
    """What is claimed at the marrow and now, and whether that is a remission: higher is better."""
    found = judge(made, name)
    of_it = [one for one in found if one.anchor.effective.startswith(str(on(DRAWN)))]
    both = (*of_it[:1], found[-1])
    claims = [-CLAIMS.index(one.category) if one.category in CLAIMS else -9 for one in both]
    return [*claims, *(int(one.state == "in-remission") for one in both)]


@cache
def of_day(kind: str, day: int, name: str, counted: int) -> list[int]:
    """The same, where something more is of one day."""
    return ranks(with_event(course(counted), kind, all_day(day)), name)


def no_better(kind: str, times: tuple[When, When | None], days: range, name: str) -> None:
    """Neither a claim nor a state is better than on the day that leaves the least of it."""
    for counted in (DRAWN, COUNTED):
        got = ranks(with_event(course(counted), kind, *times), name)
        single = [of_day(kind, day, name, counted) for day in days]
        least = [min(many) for many in zip(*single, strict=True)]
        assert all(one <= most for one, most in zip(got, least, strict=True)), (got, least)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [*GIVEN, *STARTS, "dependence", "extramedullary"])
def test_of_a_month_nothing_better_is_said_than_on_its_worst_day(kind: str, name: str) -> None:
    """It may have been on any of its days, the last as well as the first."""
    no_better(kind, (month("2026-01"), None), range(1, 32), name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", GIVEN)
def test_what_was_given_over_days_was_given_on_the_last_of_them(kind: str, name: str) -> None:
    """A period of a Procedure, read from its first to its last day."""
    no_better(kind, (all_day(FIRST), all_day(LAST)), range(FIRST, LAST + 1), name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["dependence", "extramedullary"])
def test_what_began_or_was_said_within_days_may_be_of_each(kind: str, name: str) -> None:
    """The onset of a lesion; a statement of dependence."""
    no_better(kind, (until(FIRST, 50), None), range(FIRST, 51), name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", STARTS)
def test_therapy_over_days_began_on_the_first(kind: str, name: str) -> None:
    """How long a cycle takes is no doubt about its start."""
    whole = with_event(course(), kind, all_day(FIRST), all_day(LAST))
    assert ranks(whole, name) == ranks(with_event(course(), kind, all_day(FIRST)), name)


@pytest.mark.parametrize(
    ("when", "ended", "want"),
    [
        # The last of the days on which it was given lies in the week before the draw, or none.
        (all_day(10), all_day(27), ("MLFS", ())),
        (all_day(10), all_day(20), ("CR", ())),
        (all_day(10), all_day(21), ("MLFS", ())),
        (all_day(29), all_day(40), ("CR", ())),
        # It may, and nobody can say.
        (month("2026-01"), None, ("MLFS", ("CR",))),
        (all_day(10), until(10, 300), ("MLFS", ("CR",))),
        (all_day(10), month("2026-01"), ("MLFS", ("CR",))),
        (month("2025-12"), None, ("CR", ())),
        # From some day of the month on it went on to the day before the draw.
        (month("2026-01"), all_day(27), ("MLFS", ("CR",))),
        (month("2025-12"), all_day(27), ("MLFS", ())),
    ],
)
def test_red_cells_over_days(
    when: When, ended: When | None, want: tuple[str, tuple[str, ...]]
) -> None:
    """Surely near the draw, perhaps, or not."""
    found = now(with_event(course(), "rbc-transfusion", when, ended), "iwg-2003")
    assert (found.category, found.possible_higher) == want


def test_a_period_that_goes_on_after_the_day_of_judging_is_read_as_one() -> None:
    """As of its middle it was given until then."""
    made = with_event(course(), "rbc-transfusion", all_day(10), all_day(60))
    found = now(made, "iwg-2003", as_of=all_day(30).end)
    assert (found.category, found.possible_higher) == ("MLFS", ())


@pytest.mark.parametrize(
    ("answer", "when", "want"),
    [
        ("negative", month("2026-01"), ("MLFS", ("CR",))),
        ("?", month("2026-01"), ("MLFS", ("CR",))),
        ("negative", month("2026-02"), ("CR", ())),
        ("negative", all_day(DRAWN), ("MLFS", ())),
        ("positive", month("2026-01"), ("CR", ())),
    ],
)
def test_dependence_of_some_day(answer: str, when: When, want: tuple[str, tuple[str, ...]]) -> None:
    """Independence of a month supports nothing and stands against nothing."""
    made = course().result("rbc-transfusion-independence", 1, answer, when=when)
    found = now(made, "iwg-2003")
    assert (found.category, found.possible_higher) == want


@pytest.mark.parametrize("kind", ["differentiating-drug", "rbc-transfusion"])
def test_flags_are_of_the_last_day(kind: str) -> None:
    """A drug that was taken until the day of the marrow, begun long before."""
    flag = {"rbc-transfusion": "rbc-transfused", "differentiating-drug": "differentiation-possible"}
    long_before = with_event(course(), kind, all_day(-200), all_day(-190))
    until_then = with_event(course(), kind, all_day(-200), all_day(DRAWN))
    assert flag[kind] not in now(long_before).flags
    assert flag[kind] in now(until_then).flags


@pytest.mark.parametrize(
    ("days", "answer"),
    [((1, 9), False), ((28, 40), False), ((9, 10), True), ((27, 30), True), ((12, 12), True)],
)
def test_a_period_touches_its_days(days: tuple[int, int], answer: bool) -> None:
    """Its first day and its last; of a month it is no more than perhaps."""
    source = Source("Procedure/e", "1", "", "")
    given = Event("gcsf", all_day(10), source, ended=all_day(27))
    of_month = Event("gcsf", until(10, 27), source)
    first, last = map(on, days)
    assert touches(given, first, last) is answer
    assert touches(of_month, first, last) is (None if answer else False)
    assert touches(of_month, on(9), on(28)) is True
    found = lasting([given])
    assert found.near(first, last) == ((given,) if answer else ())


def test_an_event_without_any_day_may_be_of_each() -> None:
    """Until its end, if that is known."""
    source = Source("Procedure/e", "1", "", "")
    never, ended = Event("gcsf", None, source), Event("gcsf", None, source, ended=all_day(20))
    found = lasting([never, ended])
    assert found.near(on(20), on(21)) == (never, ended)
    assert found.near(on(21), on(22)) == (never,)
    assert touches(never, on(1), on(2)) is None


@pytest.mark.parametrize(("text", "since"), [("2025-12", "None"), ("2025-12-20", "2025-12-20")])
def test_untreated_since_a_day_that_somebody_told(text: str, since: str) -> None:
    """A diagnosis of a month has no day."""
    when = month(text) if len(text) == len("2025-12") else all_day(-11)
    found = now(Course(diagnosed=None).event("aml-diagnosis", 1, when=when))
    assert (found.state, str(found.state_since)) == ("untreated", since)
    marrow = now(Course(diagnosed=None).event("aml-diagnosis", 1, when=when).marrow(-4, 60))
    assert (marrow.state, str(marrow.state_since)) == ("untreated", since)


def test_a_month_of_blood_blasts_is_no_day_to_count_from() -> None:
    """The second sample that is relapse lies so many days after a first that nobody can place."""
    found = now(remission().result("blasts-blood", 1, 3, when=month("2026-03")))
    assert found.category == "RELAPSE_SUSPECTED"
    assert found.next_better == ADVICE["repeat-blood"]
    dated = now(remission().blood(70, smear=3))
    assert "counted from the sample of 2026-03-11" in dated.next_better


def test_a_marrow_that_may_be_early_is_not_said_to_be() -> None:
    """It is three weeks after some days of the month of its therapy, and not after others."""
    told = Course().marrow(-4, 60).event("therapy-start", 1, when=month("2026-01"))
    found = now(told.marrow(45, 2).blood(45, 1500, 150_000))
    assert (found.category, found.possible_higher) == ("MLFS", ("CR",))
    assert "early-marrow" not in found.flags
    assert found.next_better == START_DAY


@pytest.mark.parametrize(
    ("when", "ended", "told"),
    [
        (all_day(10), None, "last 2026-01-10 [Procedure/e], 50 days without"),
        (all_day(10), all_day(27), "last 2026-01-27 [Procedure/e], 33 days without"),
        (all_day(10), all_day(90), "last 2026-03-01 [Procedure/e], 0 days without"),
        (month("2026-01"), None, "last 2026-01 [Procedure/e], at least 29 days without"),
        (all_day(10), month("2026-02"), "last 2026-02 [Procedure/e], at least 1 day without"),
        (all_day(10), until(10, 60), "last 2026-01-10 or later [Procedure/e]"),
    ],
)
def test_the_last_transfusion_is_of_its_last_day(when: When, ended: When | None, told: str) -> None:
    """No day is made up of a month, nor of a period that is still open."""
    given = Event("rbc-transfusion", when, Source("Procedure/e", "1", "", ""), ended=ended)
    assert _independent(given, on(60)) == told


@pytest.mark.parametrize(
    ("when", "category"),
    [
        (all_day(68), "PR"),
        (all_day(80), "IND"),
        (month("2026-03"), "IND"),
        (month("2026-02"), "PR"),
    ],
)
def test_a_word_of_the_month_of_a_relapse_may_be_of_after_it(when: When, category: str) -> None:
    """The relapse of 2026-03-11 was treated; was it the second remission that somebody meant?"""
    made = remission().marrow(70, 40).chemo(75).marrow(105, 12).blood(105, 1500, 150_000)
    claim = Claim(Source("Condition/c", "1", "", ""), "in remission", "remission", when)
    assert now(made.record(claims=(claim,))).category == category
