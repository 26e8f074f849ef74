"""What nobody can place in time: what every place of it gives is said, what differs is named."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from fhir_remission.domain.nouns.inputs import Claim, Source
from tests.domain.builder import Course, induction, now, on, remission


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
