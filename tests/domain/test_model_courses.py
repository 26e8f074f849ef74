"""Courses, absence, MRD, category and state, paragraph by paragraph (3.1 to 6.6)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from tests.domain.builder import Course, at, induction, judge, now, on, remission


def recovered(course: Course, day: int, blasts: Any = 2, **more: Any) -> Course:
    """A marrow with recovered counts and a clear smear."""
    return course.marrow(day, blasts, **more).blood(day, 1500, 150_000)


def test_3_1_only_confirmed_aml_proves_aml() -> None:
    """Confirmed proves, unconfirmed does not, a full marrow stands in for either."""
    sure = Course().chemo(1)
    assert now(recovered(sure, 30)).category == "CR"
    unsure = Course(diagnosed=None).event("aml-diagnosis", -6, certainty="unconfirmed").chemo(1)
    found = now(recovered(unsure, 30))
    assert (found.category, found.reason) == ("IND", "diagnosis-unconfirmed")
    nobody = now(recovered(Course(diagnosed=None).chemo(1), 30))
    assert (nobody.category, nobody.reason) == ("IND", "diagnosis-unknown")
    full = Course(diagnosed=None).marrow(-4, 20).chemo(1)
    assert now(recovered(full, 30)).confidence == "material"


@pytest.mark.parametrize(
    ("kind", "diagnosed", "expected", "reason"),
    [
        ("apl-diagnosis", -6, "NE", "apl-out-of-scope"),
        ("other-leukaemia", None, "NE", "other-leukaemia"),
        ("other-leukaemia", -6, "IND", "two-leukaemias"),
    ],
)
def test_3_1_other_leukaemias(kind: str, diagnosed: int | None, expected: str, reason: str) -> None:
    """APL is out of scope, another leukaemia is not evaluable, both confirmed is undecided."""
    course = induction(diagnosed=diagnosed).event(kind, -6)
    found = now(recovered(course, 30))
    assert (found.category, found.reason, found.state) == (expected, reason, "unknown")
    assert found.missing == ()


@pytest.mark.parametrize(
    ("answer", "expected"), [("positive", "NE"), ("?", "IND"), ("negative", "CR")]
)
def test_3_1_pml_rara(answer: str, expected: str) -> None:
    """A positive marker of APL ends it; a negative one is how APL is excluded."""
    course = recovered(induction(), 30).mrd(-4, answer, marker="PML::RARA", method="qpcr")
    assert now(course).category == expected


def test_3_2_a_marrow_is_a_response_only_after_something() -> None:
    """Nothing before it: NE. A diagnosis of three weeks: an assumption. Therapy: a response."""
    alone = now(recovered(Course(diagnosed=20), 30))
    assert (alone.category, alone.reason) == ("NE", "no-disease-or-therapy-before-marrow")
    old = now(recovered(Course(diagnosed=9), 30))
    assert old.category == "CR"
    assert [one.id for one in old.assumptions] == ["treated-before-marrow"]
    assert now(recovered(Course(diagnosed=10), 30)).category == "NE"
    blasts = Course(diagnosed=20).blood(22, smear=30)
    assert now(recovered(blasts, 30)).category == "CR"


def test_3_3_baseline_is_the_latest_marrow_up_to_the_first_start() -> None:
    """The day of the start included; re-induction keeps it."""
    course = Course().marrow(-5, 80).marrow(1, 20).chemo(1)
    assert now(course.marrow(30, 12).blood(30, 1500, 150_000)).category == "NR"
    kept = induction(baseline=40).marrow(30, 38).chemo(33).marrow(60, 20).blood(60, 1500, 150_000)
    assert now(kept).category == "PR"


def test_3_3_without_a_start_the_first_marrows_are_the_baseline() -> None:
    """Flagged, and the response assumes a therapy."""
    course = Course().marrow(-4, 60).marrow(30, 12).blood(30, 1500, 150_000)
    found = now(course)
    assert found.category == "PR"
    assert "baseline-inferred" in found.flags
    assert [one.id for one in found.assumptions] == ["therapy-before-marrow"]


def test_3_3_no_baseline_no_partial_remission() -> None:
    """Undecided where the counts allow PR, no response where they exclude it."""
    course = Course().chemo(1).marrow(30, 12)
    assert now(course).category == "IND"
    assert now(course.blood(30, 1500, 150_000)).missing == ("baseline-marrow",)
    low = Course().chemo(1).marrow(30, 12).blood(30, 300, 20_000)
    assert now(low).category == "NR"


@pytest.mark.parametrize(("blasts", "expected"), [("20", "PR"), ("20.1", "NR"), ("25", "NR")])
def test_3_3_half_of_forty(blasts: str, expected: str) -> None:
    """Exactly half is half."""
    course = induction(baseline=40).marrow(30, blasts).blood(30, 1500, 150_000)
    assert now(course).category == expected


def test_3_4_before_the_first_remission_a_start_opens_a_wait() -> None:
    """Awaiting response since the start; NE until a marrow."""
    found = now(induction())
    assert (found.category, found.state, found.state_since) == ("NE", "awaiting-response", on(1))
    nothing = now(Course().chemo(1))
    assert (nothing.anchor.kind, nothing.category, nothing.state) == (
        "none", "NE", "awaiting-response",
    )  # fmt: skip
    assert nothing.reason == "no-marrow"


@pytest.mark.parametrize(("blasts", "best"), [(50, None), (12, "PR")])
def test_3_4_a_start_after_a_marrow_and_before_any_remission(blasts: int, best: str | None) -> None:
    """What the last marrow said stands, and a response is awaited (T24); or nothing, by policy."""
    course = induction().marrow(30, blasts).blood(30, 1500, 150_000).chemo(35)
    kept = now(course)
    assert (kept.category, kept.state) == (best or "NR", "awaiting-response")
    assert "therapy-since" in kept.flags
    policy = {"answer_after_new_start": "not-evaluable"}
    *_, before, found = judge(course, policies=policy)
    assert (found.category, found.state, found.state_since) == ("NE", "awaiting-response", on(35))
    assert (found.anchor.kind, found.reason) == ("none", "therapy-after-marrow")
    assert (found.best_response, found.summary.count("no usable marrow since")) == (best, 1)
    assert (before.category, before.current) == (best or "NR", False)
    unread = now(induction().marrow(30, 12).chemo(35), policies=policy)
    assert (unread.category, unread.state) == ("NE", "awaiting-response")


def test_6_2_in_remission_since_the_first_category() -> None:
    """CRi on day 30, CR on day 39: in remission since day 30, CR since day 39."""
    course = induction().marrow(30, 2).blood(30, 1500, 40_000).blood(39, 1500, 150_000)
    found = now(course)
    assert (found.state_since, found.response_date) == (on(30), on(39))


def test_6_3_only_the_clock_depends_on_as_of() -> None:
    """The same evidence later: the same answer, but for the clock."""
    course = remission()
    early, late = now(course, as_of=at(40).start), now(course, as_of=at(400).start)
    assert early.clock.window_open
    assert not late.clock.window_open
    assert (early.clock.stale, late.clock.stale) == (False, True)
    assert replace(early, clock=late.clock) == late
    assert (early.last_marrow, early.last_blood, early.last_mrd) == (on(30), on(30), None)


def test_6_4_nothing_to_assess_still_gives_an_answer() -> None:
    """An empty record is NE without an anchor."""
    found = judge(Course(diagnosed=None))
    assert len(found) == 1
    assert (found[0].category, found[0].anchor.kind, found[0].current) == ("NE", "none", True)
    assert found[0].state == "unknown"
    assert now(Course()).state == "untreated"


def test_6_4_exactly_one_is_current() -> None:
    """The last of them, in order of time."""
    found = judge(remission().chemo(40).marrow(60, 2).marrow(100, 40))
    assert [one.current for one in found] == [False] * (len(found) - 1) + [True]


def test_6_5_the_sentence_leads_with_the_state() -> None:
    """As a haematologist would say it."""
    found = now(remission().mrd(30, "negative"))
    assert found.summary == (
        "In remission since 2026-01-30 (CR, MRD-negative); last marrow 2026-01-30, "
        "last count 2026-01-30, last MRD 2026-01-30."
    )


def test_6_6_flags_are_no_verdicts() -> None:
    """Deceased, a child, differentiation, transplant, a claim that disagrees."""
    course = remission().event("differentiating-drug", 20).event("transplant", 45)
    record = course.claim("relapse", 35).record(died=True, born=date(2010, 5, 1))
    found = now(record)
    assert found.category == "CR"
    assert {
        "deceased", "adult-criteria-in-child", "differentiation-possible", "transplant",
        "claim-disagrees",
    } <= set(found.flags)  # fmt: skip
    assert [one.agrees for one in found.claims] == [False]
    agreeing = now(remission().claim("remission", 35))
    assert agreeing.claims[0].agrees is True
    assert "claim-disagrees" not in agreeing.flags


def test_evidence_not_read_whole_is_never_positive() -> None:
    """A failed resource type: undecided, with its flag."""
    found = now(remission().record(failed=frozenset({"Procedure"})))
    assert (found.category, found.reason, found.state) == ("IND", "read-failed", "unknown")
    assert "read-failed:Procedure" in found.flags


@pytest.mark.parametrize(
    ("blasts", "counts", "expected"),
    [(40, (300, 20_000), "PD"), ("30", (300, 20_000), "NR"), ("34.9", (300, 20_000), "NR"),
     ("35", (300, 20_000), "PD"), (40, (900, 20_000), "IND")],
)  # fmt: skip
def test_eln_2017_progressive_disease(blasts: Any, counts: tuple[int, int], expected: str) -> None:
    """From 20 %: more than half again and at least 15 points, and no count improved."""
    course = induction(baseline=20).marrow(60, blasts).blood(60, *counts)
    assert now(course, "eln-2017").category == expected


def test_eln_2017_stable_disease_lasts_three_months() -> None:
    """Before that it is no response."""
    for day, expected in ((90, "NR"), (91, "SD")):
        course = induction().marrow(day, 50).blood(day, 300, 20_000)
        assert now(course, "eln-2017").category == expected


def test_auer_rods_by_set() -> None:
    """They break a remission in 2017 and 2003, not in 2022."""
    course = recovered(induction(), 30).result("auer-rods", 30, "positive")
    assert now(course).category == "CR"
    assert now(course, "eln-2017").category == "NR"
    assert now(course, "iwg-2003").category == "NR"
