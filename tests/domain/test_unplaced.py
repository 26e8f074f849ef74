"""What nobody can place in time: what every place of it gives is said, what differs is named."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from msgspec.structs import replace

from fhir_remission.domain.answer import placements
from fhir_remission.domain.answer.placements import in_doubt, placings
from fhir_remission.domain.answer.possible_days import Days, _far, _near
from fhir_remission.domain.course.budget import steps_of
from fhir_remission.domain.criteria.loading import CriteriaSet
from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.inputs import Claim, Event, Skipped, Source, When
from fhir_remission.domain.record.facts import read_facts
from tests.domain.builder import (
    LATER,
    Course,
    all_day,
    criteria,
    induction,
    judge,
    now,
    on,
    remission,
)
from tests.domain.stories import proof
from tests.domain.test_histories import good


def apart(course: Course, undated: int = 1) -> Any:
    """The record with its last results without a day."""
    record = course.record()
    kept, lost = record.results[:-undated], record.results[-undated:]
    return replace(record, results=kept, undated=lost)


# ------------------------------------------------------------------------------------------- MRD


@pytest.mark.parametrize("answer", ["positive", "low-level", "indeterminate", "?"])
def test_mrd_of_no_day_moves_no_category_and_leaves_mrd_unknown(answer: str) -> None:
    """Model 5.4; beside it no negative of a known day stays proved."""
    for course in (remission(), remission().mrd(30, "negative"), remission().mrd(31, "positive")):
        found = now(apart(course.mrd(60, answer)))
        assert (found.category, found.state, found.mrd) == ("CR", "in-remission", "unknown")
        assert (found.code, found.state_since) == ("CR", on(30))


def worded() -> CriteriaSet:
    """A set of a site that has a code for a remission whose MRD nobody knows."""
    base = criteria()
    rows = [replace(o, mrd={**o.mrd, "unknown": f"{o.id}_MRDunknown"}) for o in base.category]
    return replace(base, category=tuple(rows))


@pytest.mark.parametrize(
    ("course", "code", "own"),
    [
        (remission().mrd(30, "negative"), "CR_MRDunknown", 30),
        (remission().blood(100, smear=2), "RELAPSE_SUSPECTED", None),
        (remission().mrd(30, "negative").mrd(90, "positive").mrd(120, "positive"), "MRD_RELAPSE",
         120),
    ],
)  # fmt: skip
def test_mrd_of_no_day_is_coded_and_cited_as_unknown(
    course: Course, code: str, own: int | None
) -> None:
    """By the word that a site has for it; a relapse of MRD that is proved stays one."""
    found = now(apart(deepcopy(course).mrd(60, "positive")), worded())
    assert (found.code, found.mrd, found.flags) == (code, "unknown", ())
    verdict, cites = proof(found, "mrd-negative")
    assert (verdict, sorted(cites)) == (
        "unknown",
        sorted({"mrd 60", *([f"mrd {own}"] if own else [])}),
    )


def test_a_negative_of_no_day_takes_nothing_away() -> None:
    """It says nothing at all."""
    assert now(apart(remission().mrd(60, "negative"))).code == "CR"
    assert now(apart(remission().mrd(30, "negative").mrd(60, "negative"))).code == "CR_MRDneg"


def test_a_negative_that_the_laboratory_calls_positive_takes_one_away() -> None:
    """With its day it did."""
    course = remission().mrd(30, "negative").mrd(31, "negative", word="positive")
    assert now(course).code == now(apart(course)).code == "CR"


def test_mrd_of_no_day_says_nothing_of_disease() -> None:
    """Not even that there is any."""
    found = now(apart(induction().marrow(30, 30).blood(30, 200, 10_000).mrd(60, "positive")))
    assert (found.category, found.state) == ("NR", "active-disease")


def test_a_marker_of_apl_of_no_day_leaves_the_diagnosis_in_doubt() -> None:
    """It tells of another leukaemia, on whatever day."""
    found = now(apart(remission().mrd(60, "positive", marker="PML::RARA")))
    assert (found.category, found.reason) == ("IND", "evidence-unplaced")
    assert now(apart(remission().mrd(60, "negative", marker="PML::RARA"))).category == "CR"


# ---------------------------------------------------------------------------------------- claims


def claimed(course: Course, onset: int, ref: str = "Condition/c") -> Course:
    """Somebody codes the AML as in remission, with an onset and no other day."""
    source = Source(ref, "1", "", "")
    course.claims.append(Claim(source, "in remission", "remission", onset=on(onset)))
    return course


@pytest.mark.parametrize("onset", [30, 35, 200])
def test_a_remission_is_not_claimed_of_before_its_onset(onset: int) -> None:
    """It cannot have been there before."""
    found = now(claimed(remission(), onset))
    assert (found.state_since, found.remission_number) == (on(30), 1)
    assert now(claimed(induction().marrow(30, 30), onset)).category == "NR"


@pytest.mark.parametrize("onset", [29, -6, -20])
def test_an_onset_before_the_marrow_leaves_open_when_it_was(onset: int) -> None:
    """One of the diagnosis itself says nothing."""
    assert now(claimed(remission(), onset)).remission_number is None
    assert now(claimed(induction().marrow(30, 30), onset)).candidates == ("RELAPSE", "NR")


def test_an_onset_counts_beside_an_earlier_diagnosis_alone() -> None:
    """The only diagnosis was recoded, and its onset is that of the leukaemia, or of anything."""
    alone = Course(diagnosed=None).marrow(-4, 60).chemo(1).marrow(30, 30)
    alone.event("aml-diagnosis", 60, ref="Condition/c")
    assert now(claimed(alone, 60)).candidates == ("RELAPSE", "NR")


@pytest.mark.parametrize(
    ("diagnosed", "certainty", "onset", "told"),
    [
        (-6, "unconfirmed", 60, ("RELAPSE", "NR")), (-6, "confirmed", 60, ()),
        (40, "confirmed", 35, ("RELAPSE", "NR")), (35, "confirmed", 35, ("RELAPSE", "NR")),
    ],
)  # fmt: skip
def test_the_diagnosis_beside_which_an_onset_counts_is_a_known_one(
    diagnosed: int, certainty: Any, onset: int, told: tuple[str, ...]
) -> None:
    """Of a day before the onset, and confirmed."""
    course = Course(diagnosed=None).marrow(-4, 60).chemo(1).marrow(30, 30)
    course.event("aml-diagnosis", 60, ref="Condition/c")
    course.event("aml-diagnosis", diagnosed, certainty=certainty)
    assert now(claimed(course, onset)).candidates == told


def test_a_remission_whose_onset_comes_later_leaves_nothing_open_before() -> None:
    """At the first marrow nobody had been in remission; without one nobody knows."""
    found = now(claimed(Course().marrow(-4, 60), 30))
    assert (found.state, found.state_since) == ("untreated", on(-6))
    assert now(claimed(Course(), 30)).state == "unknown"


# ------------------------------------------------------------------------------ starts of therapy


def floating(course: Course, kind: str = "therapy-start", **more: Any) -> Any:
    """The record with something that was done, and nobody says when."""
    lost = Course(diagnosed=None).event(kind, None, ref="Procedure/lost", **more).events
    return course.record(floating=tuple(lost))


def month(day: int, days: int, text: str) -> When:
    """So many days, told as one."""
    first, last = all_day(day), all_day(day + days - 1)
    return When(first.start, last.end, first.first_day, last.last_day, text)


JANUARY = month(-8, 31, "2026-01")


def said(one: Any) -> tuple[Any, ...]:
    """The answer with what else is possible."""
    return one.category, one.state, one.possible_higher, one.candidates


def test_a_start_of_no_day_is_tried_on_every_day() -> None:
    """Three weeks before the marrow it makes it early: the lower answer is said."""
    found = now(floating(remission()))
    assert said(found) == ("MLFS", "unknown", ("CR",), ())
    assert (found.provisional, found.cycle, found.response_date) == (True, None, on(30))
    assert "course-known" in [one.criterion for one in found.criteria_results]


def test_a_start_of_no_day_leaves_open_what_disease_means() -> None:
    """Too early to be judged, or no response; after a relapse, or before it."""
    bad = induction().marrow(30, 30).blood(30, 200, 10_000)
    assert said(now(floating(bad))) == ("IND", "unknown", (), ("NR", "NE"))
    relapsed = now(floating(remission().marrow(100, 40)))
    assert relapsed.category == "IND"
    assert {"RELAPSE", "NR"} <= set(relapsed.candidates)


def test_lymphocytes_of_no_day_are_no_start() -> None:
    """Wherever they lie, the remission is one."""
    found = said(now(floating(remission(), "donor-lymphocytes")))
    assert found == ("CR", "in-remission", (), ())


def test_after_a_graft_of_no_day_the_marrow_may_have_come_too_soon() -> None:
    """It clears the marrow that it finds, and is no proof of a response for three weeks."""
    assert said(now(floating(remission(), "transplant"))) == ("MLFS", "unknown", ("CR",), ())
    later = floating(remission().marrow(60, 2).blood(60, 1500, 150_000), "transplant")
    assert now(later).category == "CR"


def test_a_start_of_a_month_is_tried_on_its_days_alone() -> None:
    """The marrow is early after some of them; weeks later it is after none."""
    for day, want in ((30, ("MLFS", "unknown", ("CR",), ())), (60, ("CR", "in-remission", (), ()))):
        course = Course().marrow(-4, 60).event("therapy-start", 0, when=JANUARY)
        assert said(now(course.marrow(day, 2).blood(day, 1500, 150_000))) == want


def test_a_start_of_the_year_before_changes_nothing() -> None:
    """It came before the disease."""
    year = month(-373, 365, "2025")
    course = Course().event("therapy-start", 0, when=year).marrow(-4, 60).chemo(1)
    found = now(course.marrow(30, 2).blood(30, 1500, 150_000))
    assert said(found) == ("CR", "in-remission", (), ())
    lines = [one for line in found.criteria_results for one in line.evidence]
    assert all(one.when is None or one.when.text != "" for one in lines)


def test_a_lesion_of_the_year_before_is_denied_by_what_says_so_later() -> None:
    """Only where no marrow lies among its days."""
    year = month(-373, 365, "2025")
    course = induction().event("extramedullary", 0, when=year)
    assert said(now(course.marrow(30, 2).blood(30, 1500, 150_000)))[:2] == ("CR", "in-remission")
    late = remission().event("extramedullary", 0, when=month(20, 31, "2026-02"))
    assert now(late).reason == "evidence-unplaced"


@pytest.mark.parametrize(
    ("first", "told"),
    [(1, ("CR", "in-remission", (), ())), (0, ("CR", "in-remission", (), ())),
     (-5, ("CR", "in-remission", (), ())), (-30, ("IND", "unknown", ("CR",), ("CR", "NR")))],
)  # fmt: skip
def test_a_lesion_of_a_month_is_tried_on_its_days(first: int, told: tuple[Any, ...]) -> None:
    """Denied a month after the first marrow: after the last of its days, or on it."""
    course = Course(diagnosed=-40).event("extramedullary", 0, when=month(-30, 31, "2025-12"))
    course.marrow(first, 60).chemo(first).marrow(first + 30, 2).blood(first + 30, 1500, 150_000)
    assert said(now(course)) == told


@pytest.mark.parametrize("day", [20, 25, 29])
def test_what_may_have_been_a_start_is_tried_on_its_day(day: int) -> None:
    """A status that nobody knows; a drug that no table names, given once or for days."""
    maybe = Course(diagnosed=None).event("therapy-start", day, certainty="unconfirmed").events
    want = ("MLFS", "unknown", ("CR",), ())
    assert said(now(remission().record(floating=tuple(maybe)))) == want
    course = remission().event("therapy-start", day, certainty="unconfirmed")
    assert said(now(course)) == want
    assert said(now(course.event("therapy-start", day + 1, certainty="unconfirmed"))) == want


def test_more_than_can_be_tried_is_left_open() -> None:
    """Two starts of no day at all, or a result beside it that cannot be placed."""
    two = Course(diagnosed=None).event("therapy-start", None).event("therapy-start", None).events
    assert said(now(remission().record(floating=tuple(two)))) == ("IND", "unknown", (), ())
    lost = (Skipped(source="Observation/lost", reason="it has no time"),)
    record = replace(floating(remission()), unplaced=lost)
    assert said(now(record)) == ("IND", "unknown", (), ())
    assert proof(now(record), "record-read") == ("unknown", ["therapy-start"])
    assert printed(now(record), "record-read") == (
        "all that came can be read, and placed among the rest in time",
        "what cannot be read proves nothing",
    )


def printed(found: Assessment, criterion: str) -> tuple[str, str]:
    """What a line of the proof asks, and on what ground."""
    (line,) = [one for one in found.criteria_results if one.criterion == criterion]
    return line.rule, line.source


def test_what_may_have_been_therapy_is_told_where_the_set_withholds_an_answer_after_it() -> None:
    """By a line of its own, with what it may have been."""
    course = remission().event("therapy-start", 20, certainty="unconfirmed")
    found = now(course, policies={"answer_after_new_start": "not-evaluable"})
    assert proof(found, "therapy-known") == ("unknown", ["therapy-start 20"])
    assert printed(found, "therapy-known") == (
        "of all that was given near the marrow it is known whether it is therapy",
        "what cannot be read proves nothing",
    )


def test_so_many_ways_are_tried_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as the bound, and of all of them as many steps."""
    facts = read_facts(floating(remission()), criteria(), LATER)

    def tried() -> int | None:
        found = placings(facts, LATER)
        return found and len(found.records)

    ways = tried()
    assert ways is not None
    for bound, most in (("MOST_PLACINGS", ways), ("MOST_PLACED_STEPS", ways * steps_of(facts))):
        with monkeypatch.context() as patch:
            patch.setattr(placements, bound, most)
            assert tried() == ways
            patch.setattr(placements, bound, most - 1)
            assert tried() is None


def test_the_doses_of_a_drug_that_no_table_names_are_therapy_together() -> None:
    """Each such drug is one thing that nobody knows, and so is each event of no day."""
    course = remission()
    for day, name in ((20, "A"), (25, "B"), (21, "A")):
        course.event("therapy-start", day, certainty="unconfirmed", original=name)
    facts = read_facts(floating(course), criteria(), LATER)
    told = [[(one.original, one.when and one.when.first_day) for one in way]
            for way in in_doubt(facts)]  # fmt: skip
    assert told == [[("", None)], [("A", on(20)), ("A", on(21))], [("B", on(25))]]


def test_a_start_that_nobody_can_place_and_no_marrow() -> None:
    """Something came that may matter."""
    assert now(floating(Course())).reason == "evidence-unplaced"


def test_days_between_which_nothing_lies_are_tried_once() -> None:
    """Each near a marrow or a start (four weeks, by the widest number), a relapse rule's days
    before a marrow, those of all else, and the day after each; never what a day cannot be."""
    course = Course(diagnosed=-300).marrow(30, 2, cells=None, emd=None).blood(100, 1500)
    course.mrd(130, "negative").event("extramedullary", 160).event("extramedullary", None)
    course.event("platelet-transfusion", 190).event("rbc-transfusion", 200).chemo(250)
    facts = read_facts(course.record(), criteria("iwg-2003"), LATER)
    runs = [(-300, -299), (-31, -28), (1, 60), (100, 101), (130, 131), (160, 161), (200, 201),
            (221, 280)]  # fmt: skip
    days = [on(day).toordinal() for first, last in runs for day in range(first, last + 1)]
    found = Days(facts, facts.record.events, on(400))
    assert (found.known, found.last) == (days, on(400).toordinal())
    assert Days(facts, facts.record.events, on(270)).known == [
        day for day in days if day <= on(270).toordinal()
    ]
    assert Days(facts, (), date.max).last == date.max.toordinal() - 1
    first = Course(diagnosed=None).chemo(20 - on(0).toordinal()).events
    assert Days(facts, first, on(400)).known[0] == 1


def test_each_event_is_tried_where_it_may_lie() -> None:
    """On the days that differ, and on the first and the last on which it may have been."""
    first = Course(diagnosed=None).chemo(20 - on(0).toordinal()).events
    facts = read_facts(Course(diagnosed=None).marrow(100, 2).record(), criteria(), LATER)
    days = Days(facts, first, on(400))
    near = [one - on(0).toordinal() for one in days.known]
    assert (near[0], near[-1]) == (1 - on(0).toordinal(), 130)
    maybe: dict[str, Any] = {"certainty": "unconfirmed"}
    for more, told in (
        ({"when": month(-10, 200, "2026")}, [-10, *[d for d in near if -10 <= d <= 189], 189]),
        ({"when": month(131, 30, "2026-05")}, [131, 160]),
        ({"when": month(130, 1, ""), **maybe}, [None, 130]),
        ({"day": None}, [*near, 400]),
        ({"day": None, **maybe}, [None, *near, 400]),
        ({"day": None, "ended": month(71, 30, "")}, [d for d in near if d <= 100]),
        ({"day": None, "ended": month(61, 9, "")}, [*[d for d in near if d < 69], 69]),
    ):
        event = Course(diagnosed=None).event("therapy-start", **{"day": 0, **more}).events
        ways = list(days.ways(tuple(event)))
        assert [stays(way) for way in ways] == told, more
        events = [one for way in ways for one in way if isinstance(one, Event)]
        assert {one.certainty for one in events} == {"confirmed"}
    lost = Course(diagnosed=None).event("therapy-start", None).events
    assert [stays(way) for way in Days(facts, (), on(400)).ways(tuple(lost))][:2] == [-81, -80]
    doses = [Course(diagnosed=None).event("therapy-start", day, **maybe).events[0]
             for day in (5, 6)]  # fmt: skip
    sure = tuple(replace(one, certainty="confirmed") for one in doses)
    assert list(days.ways(tuple(doses))) == [(), sure]


@pytest.mark.parametrize("told", [True, False])
def test_what_is_tried_on_a_day_is_told_in_the_words_that_were_sent(told: bool) -> None:
    """A whole day where the site is; of no time at all no words are made."""
    zone = timezone(timedelta(hours=2))
    start = datetime(2026, 1, 1, tzinfo=zone)
    sent = When(start, start + timedelta(days=31), on(1), on(31), "2026-01") if told else None
    event = Course(diagnosed=None).event("therapy-start", None, when=sent).events[0]
    facts = read_facts(Course(diagnosed=None).marrow(25, 2).record(), criteria(), LATER)
    ways = list(Days(facts, (), on(400)).ways((event,)))
    begun = datetime(2026, 1, 5, tzinfo=zone if told else UTC)
    when = When(begun, begun + timedelta(days=1), on(5), on(5), "2026-01" if told else "")
    assert (replace(event, when=when),) in ways


def stays(way: tuple[Any, ...]) -> int | None:
    """The day of the course on which one event lies; None where it does not."""
    return (way[0].when.first_day - on(0)).days if way else None


@pytest.mark.parametrize(
    ("name", "far"), [("eln-2022", [0, 180]), ("iwg-2003", [60]), ("healthtree-2024", [])]
)
def test_how_long_before_a_marrow_a_start_matters(name: str, far: list[int]) -> None:
    """Four weeks by the early marrows and the gaps; for a landmark or a relapse rule, longer."""
    facts = read_facts(Course().record(), criteria(name), LATER)
    assert (_near(facts), _far(facts)) == (29, far)


LONG_AGO = month(-280, 30, "2025-03")
RICH = {
    "MRD and a suspicion": lambda: remission().mrd(30, "negative").mrd(90, "positive")
    .mrd(120, "positive").blood(140, smear=2).blood(150, smear=0),
    "a second remission": lambda: good(
        good(remission().marrow(100, 40).chemo(110), 140).mrd(140, "negative"), 200
    ).blood(230, smear=1),
    "refractory": lambda: Course().marrow(-4, 60).chemo(1, "intensive").chemo(30, "intensive")
    .marrow(60, 30).blood(60, 300, 20_000),
    "a baseline after the start": lambda: good(Course().chemo(1).marrow(2, 60), 30),
    "a lesion": lambda: remission(attested=False).event("extramedullary", 100),
    "an open marrow": lambda: good(remission().marrow(100, "?"), 160),
    "what is assumed": lambda: Course(attested=False).chemo(1).marrow(30, 2, emd=None, cells=None)
    .blood(30, 1500, 150_000, smear=None),
}  # fmt: skip


@pytest.mark.parametrize("title", RICH)
def test_a_start_that_ended_before_the_disease_leaves_every_word_as_it_was(title: str) -> None:
    """Wherever it lies; it is evidence that there was therapy, and of nothing else."""

    def told(record: Any) -> list[Assessment]:
        return [replace(one, criteria_results=()) for one in judge(record)]

    course = RICH[title]()
    assert told(floating(course, ended=LONG_AGO)) == told(course)
