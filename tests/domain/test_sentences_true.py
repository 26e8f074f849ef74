"""What a sentence denies is nowhere else on its page: never, none, nothing, not known."""

from __future__ import annotations

import pytest

from fhir_remission.domain.answer.page import explain
from fhir_remission.domain.answer.page_parts import Page
from fhir_remission.domain.nouns.inputs import PatientRecord
from fhir_remission.domain.record.facts import read_facts
from fhir_remission.jobs.files.explain import words_of_pages
from tests.domain.builder import LATER, Course, criteria, induction, judge, now, on
from tests.domain.builder import remission as cr
from tests.domain.test_coarse_times import month

CSF = "cns-blasts"


def page(course: Course | PatientRecord) -> str:
    """The page of a course, in one line."""
    record = course.record() if isinstance(course, Course) else course
    facts = read_facts(record, criteria(), LATER)
    shown = Page(facts, judge(record), words_of_pages(), "v", width=132)
    return " ".join(" ".join(explain(shown)).split())


def test_a_site_that_was_cleared_was_reported() -> None:
    """What is assumed is that there is no other (f70)."""
    course = Course().marrow(-4, 60, emd=None).result(CSF, -3, 30).chemo(1).result(CSF, 20, 0)
    told = page(course.marrow(30, 2, emd=None).blood(30, 1500, 150_000))
    assert "never reported" not in told
    assert "none of this course is on record that was not cleared since" in told


def test_a_lesion_of_unknown_end_is_not_unknown_on_the_day_it_was_seen() -> None:
    """The silence since then is what leaves it open (f77)."""
    course = induction().result(CSF, -2, 30).marrow(60, 2, emd=None).blood(60, 1500, 150_000)
    assert (
        f"(not known: cns blasts seen on {on(-2)}, with no word on that up to the draw that counts)"
        in now(course).next_better
    )
    known = induction().event("extramedullary", -2).marrow(60, 2, emd=None)
    found = now(known.blood(60, 1500, 150_000))
    assert f"a lesion seen on {on(-2)}" in found.next_better
    some = induction().event("extramedullary", -2, ended=month("2026-03"))
    found = now(some.marrow(60, 2, emd=None).blood(60, 1500, 150_000))
    assert f"a lesion seen on {on(-2)}, said to have ended in 2026-03)" in found.next_better


def test_a_transplant_is_something_on_record() -> None:
    """It is no cycle, and yet not nothing (f71)."""
    course = Course(diagnosed=-200).event("transplant", 1).marrow(30, 2).blood(30, 1500, 150_000)
    told = page(course)
    assert "A transplant is on record." in told
    assert "nothing else is on record" not in told
    assert "no cycle of therapy before the marrow is on record" in told


def test_therapy_of_the_course_before_is_known() -> None:
    """None is known of this course alone (f72)."""
    relapsed = cr().marrow(100, 8).blood(100, 1500, 150_000).marrow(120, 3)
    told = page(relapsed.blood(120, 1500, 150_000))
    assert "No start of therapy is known" not in told
    assert "No cycle of therapy of this course is known" in told
    waits = now(cr().event("extramedullary", 100).marrow(105, 2))
    assert "no start of therapy known in this course" in waits.summary


def test_a_remission_that_stands_among_the_responses_is_known() -> None:
    """Open is the marrow that cannot be read (f73)."""
    found = now(cr().marrow(100, 40).blood(100, 500, 40_000).marrow(107, "?"))
    assert (found.category, found.candidates) == ("IND", ("CR", "RELAPSE"))
    assert (found.reason, found.missing) == ("marrow-undecided", ("marrow-blasts",))


def test_whether_a_known_remission_had_ended_is_what_is_asked() -> None:
    """Where nothing of the day decides it."""
    course = cr().marrow(100, "?").chemo(110).marrow(130, 12).blood(130, 1500, 150_000)
    found = now(course)
    assert found.reason == "remission-end-unknown"
    assert "remission-end" in found.missing
    assert found.next_better == "An answer needs to know whether the remission before had ended."
    doubt = now(induction().marrow(30, "?").chemo(40).marrow(70, 40).blood(70, 1500, 150_000))
    assert doubt.reason == "earlier-remission-unknown"


def test_a_status_of_mrd_that_the_last_sample_is_not_of_says_so() -> None:
    """A positive at an early marrow leaves it and raises a suspicion (f63)."""
    course = cr().mrd(30, "negative").chemo(40).marrow(52, 1).blood(52, 100, 10_000)
    found = now(course.mrd(52, "positive"))
    assert found.mrd == "negative"
    assert "MRD-negative by earlier samples" in found.summary
    assert f"last MRD {on(52)} (positive by itself)" in found.summary
    assert "by earlier samples" in page(course)
    assert "by earlier samples" not in now(cr().mrd(30, "negative")).summary
    early = cr().mrd(30, "negative").chemo(40).marrow(52, 1).blood(52, 100, 10_000)
    unread = now(early.mrd(52, "?"))
    assert unread.mrd == "negative"
    assert f"last MRD {on(52)} (not readable by itself)" in unread.summary


def test_mrd_of_a_month_is_no_earlier_sample() -> None:
    """What stands is told by its month, and lies after the last whose day is known (f64)."""
    course = cr().mrd(30, "negative").mrd(1, "positive", when=month("2026-04"))
    found = now(course)
    assert (found.mrd, found.mrd_event) == ("positive", "relapse-suspected")
    assert f"MRD-positive, MRD relapse suspected); last marrow {on(30)}" in found.summary
    assert found.summary.endswith("last MRD 2026-04.")
    assert found.mrd_history == (), "no day of the month is made up"
    assert "by earlier samples" not in page(course)


@pytest.mark.parametrize(
    ("course", "why"),
    [
        (lambda: induction().marrow(28, 4).blood(28, 1500, 150_000).marrow(35, 6),
         "=> MLFS, no remission, for the next marrow does not agree;"),
        (lambda: induction().marrow(15, 4).blood(15, 1500, 150_000),
         "=> MLFS, no remission, for the marrow came too soon after the start of therapy;"),
    ],
)  # fmt: skip
def test_a_marrow_with_recovered_counts_says_why_it_is_no_remission(
    course: object, why: str
) -> None:
    """All marks beside it are those of one (f78)."""
    assert callable(course)
    assert why in page(course())


def test_what_was_reached_stays_beside_the_best_response() -> None:
    """Until the new course has responses of its own (f80)."""
    course = cr().marrow(100, 40).marrow(130, 50)
    reached = (("CR", on(30)),)
    assert [one.responses for one in judge(course)][-2:] == [reached, reached]
    treated = course.chemo(140).marrow(170, 50)
    assert (now(treated).best_response, now(treated).responses) == ("CR", reached)
    second = now(treated.marrow(200, 12).blood(200, 1500, 150_000))
    assert (second.best_response, second.responses) == ("PR", (("PR", on(200)),))


@pytest.mark.parametrize(
    "course",
    [
        induction,
        lambda: induction().marrow(10, 0, cells=50).blood(10, 0, 8_000),
        lambda: induction().marrow(10, 30),
        lambda: induction().marrow(10, 2).result("marrow-adequacy", 10, "negative"),
        lambda: cr().blood(100, smear=2),
        lambda: cr().mrd(30, "negative").mrd(90, "positive"),
        lambda: cr().marrow(100, "?"),
    ],
)
@pytest.mark.parametrize("name", ["eln-2022", "healthtree-2024"])
def test_of_the_dead_nothing_is_awaited_and_nothing_asked(course: object, name: str) -> None:
    """What nobody can do any more is no advice (f84)."""
    assert callable(course)
    found = now(course().record(died=True, died_on="2026-07-19"), name)
    assert "waiting response" not in found.summary
    for asked in ("An answer needs", "decides.", "is relapse", "is MRD relapse"):
        assert asked not in found.next_better


def test_of_the_dead_the_record_may_still_be_read() -> None:
    """A diagnosis can be written down; counts that fell short are told."""
    unknown = Course(diagnosed=None).marrow(-4, 10).chemo(1).record(died=True)
    assert now(unknown).next_better == "An answer needs a confirmed diagnosis of AML."
    short = now(induction().marrow(30, 2).blood(30, 300, 150_000).record(died=True))
    assert "because ANC 0.3" in short.next_better


def test_doses_of_a_cycle_that_began_before_the_relapse_are_known() -> None:
    """None that began after it is (f50)."""
    told = words_of_pages().sentence("states", "relapsed")
    assert "no therapy that began after it is known" in told


def test_a_count_of_the_day_after_is_reported_and_not_in_the_draw() -> None:
    """It stands in the same table, and is of another draw."""
    course = induction().marrow(30, 2).blood(30, 1500).blood(32, platelets=150_000, smear=None)
    found = now(course)
    assert "platelets not reported in the draw that counts, CR needs" in found.next_better
    never = now(induction().marrow(30, 2).blood(30, 1500))
    assert "platelets not reported, CR needs" in never.next_better


def test_a_remission_of_the_course_before_is_known() -> None:
    """What is not known is whether the second course had one."""
    course = cr().marrow(100, 40).chemo(107).marrow(140, 2).marrow(170, 50)
    found = now(course.blood(170, 300, 20_000))
    assert found.reason == "earlier-remission-unknown"
    assert "earlier in this course" in found.summary
    assert "earlier in this course" in found.next_better


def test_a_baseline_is_inferred_only_where_all_ways_say_so() -> None:
    """In one of them the course is the first, whose therapy is known."""
    found = now(cr().marrow(100, "?").marrow(140, 1).blood(140, 1500, 150_000))
    assert found.category == "CR"
    assert "baseline-inferred" not in found.flags


def test_a_fall_is_not_unknown_on_the_day_of_a_marrow_that_is_known() -> None:
    """The marrow that it is measured against is what nobody knows."""
    course = Course().chemo(1).marrow(30, 12).blood(30, 1500, 150_000)
    assert (
        "(not known without a marrow of before therapy that can be read)" in now(course).next_better
    )
