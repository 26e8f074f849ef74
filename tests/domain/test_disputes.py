"""Courses on which readers of the model disagreed, and how they are settled."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from fhir_remission.domain.nouns.inputs import Certainty, Skipped
from tests.domain.builder import Course, anchored, induction, judge, now, on, remission


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


def test_2_6_an_unread_marrow_that_its_repeat_contradicts_was_no_remission() -> None:
    """Below 5 % it is contradicted, above it never was one: PR and NR are still tested."""
    course = induction().marrow(28, "rare").blood(28, 1500, 150_000)
    assert now(course.marrow(36, 30).blood(36, 1500, 150_000)).category == "NR"
    far = induction().marrow(28, "rare").blood(28, 1500, 150_000)
    assert now(far.marrow(50, 30).blood(50, 1500, 150_000)).category == "IND"


def test_3_6_after_a_claimed_remission_blood_blasts_may_be_relapse() -> None:
    """Blasts beside a clear marrow are no response before a remission, a suspicion after one."""
    course = induction().marrow(30, 2).blood(30, 1500, 150_000, smear=3)
    assert now(course).category == "NR"
    found = now(course.claim("remission", 20))
    assert (found.category, found.candidates) == ("IND", ("RELAPSE_SUSPECTED", "NR"))


def test_2_7_too_early_and_too_few_cells_is_not_evaluable_on_either_side_of_5() -> None:
    """Below 5 % too few cells, above it too early: no response is never the answer."""
    course = induction().marrow(15, "4-6", cells=80).blood(15, 300, 20_000)
    assert now(course).category == "NE"
    open_end = induction().marrow(15, "4-6").blood(15, 300, 20_000)
    assert now(open_end).candidates == ("MLFS", "NE")


@pytest.mark.parametrize(("blasts", "expected"), [(2, "MLFS"), (50, "NR"), (12, "PR")])
def test_6_1_a_marrow_that_cannot_be_judged_leaves_the_answer_before_it(
    blasts: int, expected: str
) -> None:
    """The category is that of the latest evaluable marrow, unless therapy began since."""
    day = 15 if blasts == 2 else 30
    course = induction().marrow(day, blasts).blood(day, 1500, 150_000)
    first = now(course)
    found = now(course.result("marrow-adequacy", 50, "negative"))
    assert first.category == found.category == expected
    assert (found.response_date, found.provisional) == (first.response_date, True)
    assert "inadequate-marrow" in found.flags
    later = now(course.chemo(40), policies={"answer_after_new_start": "not-evaluable"})
    assert later.category == "NE"


def test_4_3_lesions_of_before_the_course_are_history() -> None:
    """Long before the diagnosis: not of this leukaemia; shortly before it: what led to it."""
    for day, expected in ((-200, "CR"), (-30, "IND"), (-5, "IND")):
        course = Course().marrow(-4, 60, emd=None).chemo(1).event("extramedullary", day)
        found = now(course.marrow(30, 2, emd=None).blood(30, 1500, 150_000))
        assert found.category == expected


@pytest.mark.parametrize(
    ("answer", "expected"), [("negative", "IND"), ("indeterminate", "IND"), ("positive", "NE")]
)
def test_1_4_a_preliminary_doubt_of_the_sample_blocks(answer: str, expected: str) -> None:
    """It lifts nothing and leaves the marrow unknown; a preliminary approval supports nothing."""
    course = induction().marrow(30, 2, cells=80).blood(30, 300, 20_000)
    course.result("marrow-adequacy", 30, answer, standing="preliminary")
    assert now(course).category == expected
    good = induction().marrow(30, 2).blood(30, 1500, 150_000)
    good.result("marrow-adequacy", 30, answer, standing="preliminary")
    assert now(good).category == ("CR" if expected == "NE" else "IND")


@pytest.mark.parametrize(("day", "agrees"), [(None, None), (29, None), (30, None), (40, False)])
def test_6_6_a_disease_called_active_denies_no_remission_it_could_not_know(
    day: int | None, agrees: bool | None
) -> None:
    """Only what was said after the remission was there disagrees with it."""
    found = judge(remission().claim("active", day, "not having achieved remission"))
    last = found[-1] if day != 29 else anchored(found, 30)
    assert [one.agrees for one in last.claims] in ([agrees], [])
    assert ("claim-disagrees" in last.flags) is (agrees is False)


def test_the_marrow_before_therapy_is_told_as_that() -> None:
    """A diseased marrow after the diagnosis is a baseline; a start asks for the next one."""
    before = now(Course(diagnosed=-6).marrow(-4, 60))
    assert (before.category, before.reason) == ("NE", "before-therapy")
    left = Skipped("Observation/o9", "its specimen is unsatisfactory")
    found = now(induction().record(skipped=(left,)))
    assert (found.category, found.state, found.reason) == (
        "NE", "awaiting-response", "therapy-after-marrow",
    )  # fmt: skip
    assert "left out: Observation/o9, its specimen is unsatisfactory" in found.summary


def test_a_draw_that_gave_one_count_is_told_as_joined() -> None:
    """It was used, though it was not chosen."""
    course = induction().marrow(30, 2).blood(30, anc=1500).blood(31, platelets=150_000, smear=None)
    taken, given = now(course).draws
    assert taken.chosen
    assert "completes the draw of 2026-01-30" in given.reason


def test_a_count_that_treatment_raised_is_told_once() -> None:
    """The day is that of the count, not of the treatment."""
    course = induction().marrow(30, 2).blood(30, 1500, 105_000)
    told = now(course.event("platelet-transfusion", 28)).next_better
    assert "platelets <=105 10*9/L on 2026-01-30 (treatment may have raised it)" in told


def test_what_may_be_missing_of_the_input_is_assumed_of_every_answer() -> None:
    """Damage that nobody can attribute makes each answer rest on a material assumption."""
    for record in (remission().record(), Course().record()):
        for one in judge(replace(record, doubts=("archive-complete",))):
            assert "archive-complete" in [assumed.id for assumed in one.assumptions]
            assert (one.provisional, one.confidence) == (True, "material")
