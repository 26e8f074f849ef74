"""Marrows after a graft, conditioning or lymphocytes of a donor; what is known of one by a code."""

from __future__ import annotations

import pytest

from tests.domain.builder import Course, induction, now, remission


def told() -> Course:
    """A diagnosis; whatever was done before the graft was done elsewhere."""
    return Course().event("aml-diagnosis", -200)


@pytest.mark.parametrize("kind", ["transplant", "donor-lymphocytes"])
def test_disease_after_a_graft_is_no_marrow_of_before_therapy(kind: str) -> None:
    """The first marrow on record may come long after therapy elsewhere (D310)."""
    found = now(told().event(kind, 1).marrow(70, 20).blood(70, 1000, 70_000, smear=3))
    assert (found.category, found.state) == ("NR", "active-disease")
    assert "therapy-before-marrow" in {one.id for one in found.assumptions}


@pytest.mark.parametrize(
    ("day", "category"), [(89, "MLFS"), (97, "MLFS"), (104, "MLFS"), (109, "MLFS"), (110, "CR")]
)
def test_a_marrow_soon_after_a_graft_proves_no_remission(day: int, category: str) -> None:
    """What is given for a graft clears a marrow as a cycle does; counts have not fallen yet, or
    fell (D302). The graft is on day 90, its conditioning from day 84 on."""
    active = induction().marrow(30, 30).blood(30, 300, 20_000)
    course = active.chemo(84, 86).event("transplant", 90)
    found = now(course.marrow(day, 2).blood(day, 1500, 150_000))
    assert found.category == category
    assert ("early-marrow" in found.flags) is (category == "MLFS")


def test_what_protects_a_graft_makes_no_marrow_early() -> None:
    """Methotrexate on days 1 to 11 after it; the marrow of day 28 is one as any (D107)."""
    course = induction().marrow(30, 30).blood(30, 300, 20_000).event("transplant", 90)
    for day in (91, 93, 96, 101):
        course = course.event("therapy-start", day, "prophylaxis")
    found = now(course.marrow(118, 1).blood(118, 800, 70_000))
    assert (found.category, found.state) == ("CRh", "in-remission")


def test_in_a_remission_a_graft_takes_nothing_away() -> None:
    """What the marrow of the aplasia shows stands beside it."""
    found = now(remission().event("transplant", 90).marrow(100, 2).blood(100, 100, 10_000))
    assert (found.category, found.state) == ("CR", "in-remission")
    assert found.latest is not None
    assert found.latest.category == "MLFS"


def test_a_code_of_a_graft_in_the_past_is_a_flag() -> None:
    """Z94.84 names no day: it opens no wait and makes no marrow early."""
    found = now(remission().event("transplant-history", 25))
    assert (found.category, "transplant" in found.flags) == ("CR", True)


def test_the_number_of_a_remission_is_said_where_only_its_first_day_is_open() -> None:
    """4 to 6 % may have been the first day of the same first remission (E402)."""
    course = induction().marrow(30, "4-6").blood(30, 1500, 150_000)
    found = now(course.marrow(60, 2).blood(60, 1500, 150_000))
    assert (found.category, found.remission_number, found.state_since) == ("CR", 1, None)
    claimed = now(induction().claim("remission", -20).marrow(30, 2).blood(30, 1500, 150_000))
    assert (claimed.category, claimed.remission_number) == ("CR", None)
