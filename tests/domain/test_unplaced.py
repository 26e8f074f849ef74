"""What nobody can place in time: what every place of it gives is said, what differs is named."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from fhir_remission.domain.nouns.inputs import Claim, Skipped, Source, When
from tests.domain.builder import Course, all_day, induction, now, on, remission


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


@pytest.mark.parametrize("kind", ["transplant", "donor-lymphocytes"])
def test_a_graft_of_no_day_is_no_start(kind: str) -> None:
    """Wherever it lies, the remission is one."""
    assert said(now(floating(remission(), kind))) == ("CR", "in-remission", (), ())


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


def test_a_start_that_nobody_can_place_and_no_marrow() -> None:
    """Something came that may matter."""
    assert now(floating(Course())).reason == "evidence-unplaced"
