"""What stands around an answer: dates, clock, claims, assumptions and the sentences."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.inputs import PatientRecord
from tests.domain.builder import Course, anchored, induction, judge, now, on, remission
from tests.domain.stories import day, story


def noon(when: int) -> datetime:
    """Noon of a day of the course."""
    return datetime.combine(on(when), time(12), UTC)


# ------------------------------------------------------------------------------------ dates


def dates(one: Assessment) -> tuple[int | None, int | None, int | None]:
    """The last marrow, count and MRD."""
    return day(one.last_marrow), day(one.last_blood), day(one.last_mrd)


def test_the_last_evidence_is_that_before_the_next_answer() -> None:
    """Each answer knows what came until the next one, and nothing after it."""
    course = remission().blood(50, 1500, smear=None).mrd(60, "positive").blood(70, smear=0)
    course.marrow(90, 2).blood(95, platelets=90_000, smear=None)
    found = judge(course)
    assert dates(anchored(found, -4)) == (-4, None, None)
    assert dates(anchored(found, 30)) == (30, 50, None)
    assert dates(anchored(found, 60)) == (30, 50, 60)
    assert dates(anchored(found, 90)) == (90, 95, 60)
    assert [one.current for one in found] == [False] * (len(found) - 1) + [True]


def test_a_smear_alone_is_no_count() -> None:
    """Neutrophils or platelets are, read or not."""
    assert day(now(remission().blood(50, smear=0)).last_blood) == 30
    assert day(now(remission().blood(50, "?", smear=None)).last_blood) == 50
    assert now(induction()).last_blood is None


@pytest.mark.parametrize(
    ("course", "closes"),
    [
        (remission(), 44),
        (remission().marrow(40, 2), 54),
        (remission().chemo(35), 35),
        (remission().mrd(90, "positive"), None),
        (remission().blood(90, smear=2), None),
        (remission().marrow(90, 2).result("marrow-adequacy", 90, "negative"), None),
    ],
)
def test_when_the_window_of_an_answer_closes(course: Course, closes: int | None) -> None:
    """Only a marrow that was judged has one."""
    assert day(now(course).window_closes) == closes


# -------------------------------------------------------------------------------- the clock


@pytest.mark.parametrize(("today", "is_open"), [(30, True), (44, True), (45, False)])
def test_the_window_is_open_to_its_last_day(today: int, is_open: bool) -> None:
    """Counts may still come; the clock says as of when."""
    found = now(remission(), as_of=noon(today))
    assert found.clock.window_open is is_open
    assert found.clock.as_of == noon(today).isoformat()


@pytest.mark.parametrize(
    ("course", "today", "stale"),
    [
        (remission(), 213, False),
        (remission(), 214, True),
        (remission().blood(150, 1500, 150_000), 242, False),
        (remission().blood(150, 1500, 150_000), 243, True),
        (remission().mrd(150, "negative"), 300, False),
        (remission().mrd(150, "negative"), 333, False),
        (remission().mrd(150, "negative"), 334, True),
        (induction().marrow(28, 40).blood(28, 300, 20_000), 900, False),
        (Course().chemo(1), 900, False),
        (remission().record(died=True), 900, False),
    ],
)
def test_when_a_remission_is_stale(course: Course | PatientRecord, today: int, stale: bool) -> None:
    """Half a year without marrow and MRD, and a quarter without a count (model 6.3)."""
    assert now(course, as_of=noon(today)).clock.stale is stale


def test_the_day_is_that_of_the_site() -> None:
    """Half past eleven at night in London is the next day in Berlin."""
    from zoneinfo import ZoneInfo

    from fhir_remission.domain.answer.assess import assess
    from tests.domain.builder import criteria

    late = datetime.combine(on(44), time(23, 30), UTC)
    for zone, is_open in ((UTC, True), (ZoneInfo("Europe/Berlin"), False)):
        found = assess(remission().record(), criteria(), as_of=late, zone=zone)
        assert found[-1].clock.window_open is is_open


# --------------------------------------------------------------------------------- claims


def claims(course: Course, **options: Any) -> list[tuple[str, bool | None]]:
    """What is shown beside the last answer, and whether it agrees."""
    return [(one.text, one.agrees) for one in now(course, **options).claims]


@pytest.mark.parametrize(
    ("course", "says", "agrees"),
    [
        (remission(), "remission", True),
        (remission(), "relapse", False),
        (remission(), "active", False),
        (remission().marrow(90, 40), "remission", False),
        (remission().marrow(90, 40), "relapse", True),
        (remission().marrow(90, 40), "active", True),
        (remission().marrow(90, 40).chemo(95), "relapse", True),
        (remission().marrow(90, 40).chemo(95), "active", True),
        (remission().blood(90, smear=2), "relapse", True),
        (remission().blood(90, smear=2), "active", True),
        (remission().marrow(90, "?"), "remission", None),
        (remission().marrow(90, "?"), "active", None),
        (induction().marrow(28, 40), "remission", False),
        (induction().marrow(28, 40), "active", True),
        (induction().marrow(28, 40), "relapse", True),
        (Course().marrow(-4, 60), "active", True),
        (Course().marrow(-4, 60), "relapse", False),
        (Course().marrow(-4, 60), "remission", False),
    ],
)
def test_whether_a_claim_agrees(course: Course, says: str, agrees: bool | None) -> None:
    """Somebody's word of day 120 beside the state of that day; flagged only where it denies it."""
    course = deepcopy(course).claim(says, 120, "a word")
    assert claims(course) == [("a word", agrees)]
    assert ("claim-disagrees" in now(course).flags) is (agrees is False)


def test_a_claim_stands_beside_the_answer_of_its_day() -> None:
    """From the day of the anchor to the day before the next; undated ones stand with the last."""
    course = remission().marrow(90, 40)
    course.claim("remission", 29, "before").claim("remission", 30, "on the day")
    course.claim("remission", 89, "last").claim("remission", None, "undated")
    course.claim("relapse", 90, "relapse")
    found = judge(course)
    shown = {day_: [one.text for one in anchored(found, day_).claims] for day_ in (-4, 30, 90)}
    assert shown == {-4: ["before"], 30: ["on the day", "last"], 90: ["relapse", "undated"]}


def test_a_disease_called_active_before_its_remission_denies_nothing() -> None:
    """Of the day of the remission or earlier; without a date nobody knows."""
    assert claims(remission().claim("active", 30, "a")) == [("a", None)]
    assert claims(remission().claim("active", 31, "a")) == [("a", False)]
    assert claims(remission().claim("active", None, "a")) == [("a", None)]
    again = remission().marrow(90, 2).blood(90, 1500, 150_000)
    assert claims(again.claim("active", 90, "a")) == [("a", False)]


def test_a_disease_called_active_after_its_remission_denies_it_though_the_marrow_is_poor() -> None:
    """Too few cells to say a category: the remission of day 30 goes on, and is denied."""
    course = remission().marrow(105, 2, cells=80)
    assert (now(course).category, now(course).state) == ("CR", "in-remission")
    assert claims(course.claim("active", 110, "a")) == [("a", False)]


def test_a_start_of_therapy_on_the_day_of_the_diagnosis_is_of_its_course() -> None:
    """The wait began with it."""
    course = Course(diagnosed=1).chemo(1).marrow(15, 2).blood(15, 1500, 150_000)
    assert story(course) == ["marrow 15: MLFS, awaiting-response since 1, responded 15"]


# ---------------------------------------------------------------------- assumptions and doubts


def unasked(diagnosed: int | None = -6) -> Course:
    """An induction in which nobody asked for disease outside the marrow."""
    return Course(diagnosed=diagnosed).marrow(-4, 60, emd=None).chemo(1)


def test_a_site_may_accept_routine_assumptions() -> None:
    """Accepted ones no longer make the answer provisional; material ones always do."""
    course = unasked().marrow(30, 2, emd=None).blood(30, 1500, 150_000)
    found = now(course)
    assert [one.id for one in found.assumptions] == ["extramedullary-disease-absent"]
    assert (found.provisional, found.confidence) == (True, "routine")
    accepted = now(course, accept_routine=frozenset({"extramedullary-disease-absent"}))
    assert (accepted.provisional, accepted.confidence) == (False, "routine")
    assert now(course, accept_routine=frozenset({"something-else"})).provisional
    silent = induction().marrow(30, 2).blood(30, 1500, 150_000, smear=None)
    material = now(silent, accept_routine=frozenset({"blood-blasts-absent"}))
    assert (material.provisional, material.confidence) == (True, "material")


def test_strict_accepts_nothing() -> None:
    """What is accepted is not even assumed."""
    course = unasked().marrow(30, 2, emd=None).blood(30, 1500, 150_000)
    accepted = frozenset({"extramedullary-disease-absent"})
    found = now(course, accept_routine=accepted, strict=True)
    assert (found.category, found.assumptions) == ("IND", ())
    by_policy = now(course, accept_routine=accepted, policies={"strict": "yes"})
    assert (by_policy.category, by_policy.assumptions) == ("IND", ())


def test_assumptions_are_named_once_in_order() -> None:
    """By id, with those of the reading itself."""
    course = unasked(None).marrow(30, 2, emd=None).blood(30, 1500, 150_000, smear=None)
    found = now(course.record(doubts=("archive-complete",)))
    assert [(one.id, one.cls) for one in found.assumptions] == [
        ("aml-lineage", "material"),
        ("archive-complete", "material"),
        ("blood-blasts-absent", "material"),
        ("extramedullary-disease-absent", "routine"),
    ]


# ------------------------------------------------------------------------------- sentences


@pytest.mark.parametrize(
    ("course", "said"),
    [
        (remission(), "In remission since 2026-01-30 (CR); last marrow 2026-01-30, last count"
         " 2026-01-30."),
        (remission().mrd(30, "negative"), "In remission since 2026-01-30 (CR, MRD-negative); last"
         " marrow 2026-01-30, last count 2026-01-30, last MRD 2026-01-30."),
        (remission().mrd(30, "low-level", method="qpcr"), "In remission since 2026-01-30 (CR, MRD"
         " low-level); last marrow 2026-01-30, last count 2026-01-30, last MRD 2026-01-30."),
        (remission().mrd(30, "negative").mrd(60, "positive"), "In remission since 2026-01-30 (CR,"
         " MRD-positive, MRD relapse suspected); last marrow 2026-01-30, last count 2026-01-30,"
         " last MRD 2026-03-01."),
        (induction().marrow(30, 2), "Awaiting response to therapy since 2026-01-01 (MLFS, may be"
         " CR or CRh or CRi, assuming blood blasts absent); last marrow 2026-01-30."),
        (induction().marrow(30, "<=5").blood(30, 300, 20_000), "State unknown since 2026-01-30"
         " (IND, may be CRi or NR); last marrow 2026-01-30, last count 2026-01-30."),
        (Course(), "Untreated as far as known since 2025-12-25 (NE, no marrow on record); no marrow"
         " and no count."),
    ],
)  # fmt: skip
def test_the_sentence(course: Course, said: str) -> None:
    """State first, then by what, then how old the evidence is."""
    assert now(course).summary == said


@pytest.mark.parametrize(
    ("course", "said"),
    [
        (remission(), ""),
        (induction().marrow(30, 2).blood(30, 700, 62_000),
         "CRh, not CR, because ANC 0.7 10*9/L on 2026-01-30, CR needs >= 1.0 10*9/L; platelets 62"
         " 10*9/L on 2026-01-30, CR needs >= 100 10*9/L."),
        (induction().marrow(30, 2).blood(30, 1500, None),
         "CRi, perhaps CR: platelets not reported, CR needs >= 100 10*9/L."),
        (induction().marrow(30, 2).blood(30, 1500, "?"),
         "CRi, perhaps CR: platelets not readable on 2026-01-30, CR needs >= 100 10*9/L."),
        (induction().marrow(30, 40).blood(30, 1500, 150_000),
         "NR, not CR, because marrow blasts 40 % on 2026-01-30, CR needs < 5 %."),
        (induction().marrow(30, 2).blood(30, 1500, 150_000, smear=3),
         "NR, not CR, because CR needs no blasts in the blood (not met on 2026-01-30)."),
    ],
)  # fmt: skip
def test_what_is_missing_for_the_next_better(course: Course, said: str) -> None:
    """With the value, its day and the threshold of that category."""
    assert now(course).next_better == said


def test_the_age_of_evidence_is_counted_in_days() -> None:
    """183 and 92: the numbers of the file."""
    from tests.domain.builder import criteria

    numbers = criteria().numbers
    assert (numbers.stale_marrow.days, numbers.stale_blood.days) == (183, 92)
    assert on(213) - on(30) == timedelta(days=183)
