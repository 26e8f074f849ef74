"""Courses on which readers of the model disagreed, and how they are settled."""

from __future__ import annotations

import pytest

from fhir_remission.domain.inputs import Certainty
from tests.domain.builder import Course, induction, now, on


def test_2_5_after_blasts_no_draw_is_clear_by_assumption() -> None:
    """A clear smear between the blasts and the counts does not speak for the counts' own draw."""
    course = induction().marrow(30, 2).blood(32, smear=3).blood(36, smear=0)
    found = now(course.blood(40, 1500, 150_000, smear=None))
    assert (found.category, found.response_date) == ("MLFS", on(36))
    assert found.possible_higher[:1] == ("CR",)
    assert now(course.result("blasts-blood", 40, 0, method="manual")).category == "CR"


def test_2_3_a_joined_count_may_be_the_lower_one() -> None:
    """Platelets of the day after the marrow, joined to its draw, are later than the draw before."""
    course = induction().blood(26, 1500, 150_000).marrow(29, 2).blood(29)
    assert now(course).category == "CR"
    found = now(course.blood(30, platelets=20_000, smear=None))
    assert (found.category, found.response_date) == ("CRi", on(29))


def test_2_3_a_count_joined_from_the_draw_itself_is_not_lower() -> None:
    """A smear without counts does not make a wide count fall below itself."""
    course = Course(diagnosed=-6).marrow(-4, 60).chemo(1).blood(28, ">1", 150_000)
    assert now(course.blood(28.5).marrow(29, 2)).category == "CR"


@pytest.mark.parametrize(
    ("kind", "certainty", "reason"),
    [
        ("aml-diagnosis", "unconfirmed", "diagnosis-unconfirmed"),
        ("aml-refuted", "confirmed", "diagnosis-refuted"),
    ],
)
def test_4_1_no_lineage_is_assumed_where_somebody_looked(
    kind: str, certainty: Certainty, reason: str
) -> None:
    """A provisional or refuted diagnosis was reported; a full marrow does not replace it."""
    course = induction(diagnosed=None).marrow(30, 2).blood(30, 1500, 150_000)
    assert now(course).category == "CR"
    found = now(course.event(kind, -6, certainty=certainty))
    assert (found.category, found.reason, found.state) == ("IND", reason, "unknown")
    assert now(course.event("aml-diagnosis", -5)).confidence == "proved"
