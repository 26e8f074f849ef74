"""Knowing less allows more courses, never fewer: every table of known and unknown values."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from decimal import Decimal
from itertools import product
from random import Random

import pytest

from fhir_remission.domain.course.ground import as_told
from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.inputs import Interval
from fhir_remission.domain.record.facts import read_facts
from tests.domain.builder import (
    LATER,
    Course,
    anchored,
    criteria,
    induction,
    judge,
    now,
    remission,
    value,
)
from tests.domain.generated import course_of, dense_course_of
from tests.domain.search_courses import lost, named
from tests.domain.stories import guards, story

UNREAD = "?"
VALUES = ((2, 20), (1500, 300), (150_000, 60_000), (0, 3), ("negative", "positive"))
Row = tuple[int | str, ...]


def said(row: Row, *, before: bool) -> Assessment:
    """The answer for blasts, ANC, platelets, smear and lesion of day 100."""
    blasts, anc, platelets, smear, lesion = row
    course = remission() if before else induction()
    course.marrow(100, blasts, emd=lesion).blood(100, anc, platelets, smear=smear)
    return anchored(judge(course), 100)


@pytest.mark.parametrize("before", [False, True], ids=["before a remission", "in one"])
def test_each_value_unread_adds_ways_and_takes_none(before: bool) -> None:
    """One step, exhaustively: what a value would have made is said or named without it."""
    table = {
        row: said(row, before=before) for row in product(*((*known, UNREAD) for known in VALUES))
    }
    for row, less in table.items():
        for place, known in enumerate(VALUES):
            if row[place] != UNREAD:
                continue
            for one in known:
                more = table[(*row[:place], one, *row[place + 1 :])]
                ways = named(more) - {"IND"} if more.category == "IND" else {more.category}
                assert ways <= named(less), (row, one, more.category, named(less))


@pytest.mark.parametrize("many", [1, 3, 8])
def test_containment_on_a_few_courses(many: int) -> None:
    """What `make long-course` asks of two hundred thousand anchors."""
    for seed in range(3):
        record = course_of(Random(seed)).record()
        assert not list(lost(record, many, Random(~seed), Counter())), seed


@pytest.mark.parametrize("many", [8, 15])
def test_containment_where_marrows_are_many(many: int) -> None:
    """Also where more marrows cannot be read than are told apart one by one."""
    for seed in range(8):
        record = dense_course_of(Random(seed)).record()
        assert not list(lost(record, many, Random(~seed), Counter())), seed


def test_a_remission_held_back_once_is_named_as_long_as_it_may_be_the_best() -> None:
    """A better draw whose counts cannot be read is not forgotten at the next marrow."""
    known = induction().marrow(30, 2).blood(30, None, 99_000).blood(32, 1500, 150_000)
    known.marrow(55, 2).blood(54, 700)
    unread = induction().marrow(30, 2).blood(30, None, 99_000).blood(32, "?", "?")
    unread.marrow(55, 2).blood(54, 700)

    assert anchored(judge(known), 55).category == "CR"
    assert "CR" in named(anchored(judge(unread), 55))


UNSURE = "in-remission, responded 37"
SIGN = "IND, unknown since 33, signs-undecided, may be CR/RELAPSE_SUSPECTED, perhaps CR"


@pytest.mark.parametrize(
    ("anc", "bled", "clear", "told"),
    [
        ("?", 33, 37, [f"marrow 30: CR, {UNSURE}", f"blood 33: {SIGN}", f"blood 37: CR, {UNSURE}"]),
        ("?", 37, 37.1, [f"marrow 30: CR, {UNSURE}", f"blood 37: {SIGN.replace('33', '37')}",
                         f"blood 37: CR, {UNSURE}"]),
        (None, 33, 37, ["marrow 30: CR, in-remission since 37, responded 37"]),
        ("?", 29, 37, ["marrow 30: CR, in-remission since 37, responded 37"]),
        ("?", 30.1, 37, ["marrow 30: CR, in-remission since 37, responded 37"]),
        ("?", 36, 33, ["marrow 30: CR, in-remission since 33, responded 33",
                       "blood 36: RELAPSE_SUSPECTED, relapse-suspected since 36, first sign 36,"
                       " ask repeat-blood"]),
    ],
)  # fmt: skip
def test_blasts_after_counts_that_cannot_be_read_may_have_ended_a_remission(
    anc: str | None, bled: float, clear: float, told: list[str]
) -> None:
    """A clear draw stands before blasts come (2.5); of one that was never counted nobody asks."""
    course = induction().marrow(30, 2).blood(30, anc).blood(bled, smear=2)
    assert story(course.blood(clear, 1500, 150_000))[1:] == told


@pytest.mark.parametrize("bled", [(33,), (33, 34, 34.5, 35)])
def test_blasts_that_nobody_can_read_may_have_ended_it_too(bled: tuple[float, ...]) -> None:
    """They are one way, and none the other; also where they are too many to be told one by one."""
    course = induction().marrow(30, 2).blood(30, "?")
    for day in bled:
        course.blood(day, smear="?")
    sign = SIGN.replace("signs-undecided", "blood-blasts-undecided") + ", ask blood-blasts"
    assert story(course.blood(37, 1500, 150_000))[1:3] == [
        f"marrow 30: CR, {UNSURE}",
        f"blood 33: {sign}",
    ]


def test_a_draw_that_could_prove_no_remission_began_none() -> None:
    """With blasts of its own, without any neutrophils or platelets, or with nothing after it."""
    clear, end = induction().marrow(30, 2), {"anc": 1500, "platelets": 150_000}
    bloody = deepcopy(clear).blood(30, smear=2, **end).blood(33, smear=2).blood(37, **end)
    without = deepcopy(clear).result("wbc", 30, 4).blood(30).blood(33, smear=2).blood(37, **end)
    late = deepcopy(clear).blood(33, smear=2).blood(33.1, "?").blood(37, **end)
    for course in (bloody, without, late):
        assert story(course)[1:] == ["marrow 30: CR, in-remission since 37, responded 37"]


@pytest.mark.parametrize(
    ("raw", "diseased", "clear"),
    [
        ("2-8", "5-8", Interval(Decimal(2), Decimal(5), high_open=True)),
        ("<20", Interval(Decimal(5), Decimal(20), high_open=True), "<5"),
        (">2", ">=5", Interval(Decimal(2), Decimal(5), low_open=True, high_open=True)),
        ("?", ">=5", "<5"),
        ("7", "7", "7"),
    ],
)
def test_a_marrow_told_on_one_side_of_the_line_keeps_what_is_known_of_it(
    raw: str, diseased: str | Interval, clear: str | Interval
) -> None:
    """Its ends, and whether they belong to it."""
    facts = read_facts(induction().marrow(30, raw).record(), criteria(), LATER)
    for side, wanted in ((True, diseased), (False, clear)):
        told = as_told(facts, {("marrow", 1): side}, Decimal(5))
        assert told.marrows[1].blasts.reading == value(wanted)


def test_an_unread_word_on_the_sample_is_named_as_what_is_open() -> None:
    """It is no support: taken away, it would leave a remission."""
    course = induction().marrow(28, 2).result("marrow-adequacy", 28, "?")
    assert guards(now(course.blood(28, 1500, 150_000)))["marrow-usable"] == (
        "unknown", ["marrow-adequacy 28"],
    )  # fmt: skip


def test_a_draw_that_leaves_more_open_rests_on_no_less() -> None:
    """Of two draws that say the same, the one that assumes less is taken, whatever is unknown."""
    for platelets in (99_000, "?"):
        course = induction().blood(29, 1500, platelets).marrow(30, 3, emd=None)
        course.result("platelets", 40, 150)
        found = anchored(judge(course, "healthtree-2024"), 30)

        assert (found.category, found.confidence) == ("CRi", "proved"), platelets


@pytest.mark.parametrize("anc", ["?", "0.4-1.2", 700, 1500])
def test_a_draw_counts_only_where_no_count_of_it_fell(anc: int | str) -> None:
    """Had its count been high, a later one would have undercut it: it proves no recovery."""
    course = induction().blood(27, anc, 110_000).marrow(30, 8).blood(30, 990, 150_000)

    found = anchored(judge(course), 30)

    assert (found.category, found.possible_higher) == ("NR", ())


def test_a_draw_short_of_the_floor_adds_no_lower_answer() -> None:
    """Wide counts make a CRi at least; a draw without any, under a doubt, adds no MLFS to it."""
    course = induction().result("extramedullary-disease", 1, "positive").marrow(30, 2, emd=None)
    course.blood(30).result("extramedullary-disease", 32, "negative")
    course.blood(33, "0.4-1.2", "40-120")

    found = anchored(judge(course), 30)

    assert (found.category, found.possible_higher) == ("CRi", ("CR", "CRh"))


@pytest.mark.parametrize("more", [{"standing": "preliminary"}, {}], ids=["preliminary", "quality"])
def test_where_a_marrow_may_be_none_its_blood_speaks_for_itself(more: dict[str, str]) -> None:
    """Blood of the day is an anchor beside a marrow that cannot be judged, or may not be."""
    course = remission().marrow(100, 6, **more).blood(100, smear=2)
    if not more:
        course.result("marrow-adequacy", 100, "?")

    marrow, blood = judge(course)[-2:]

    assert {"CR", "RELAPSE"} <= named(marrow)
    assert (blood.anchor.kind, blood.candidates) == ("blood", ("RELAPSE", "RELAPSE_SUSPECTED"))


def test_a_marrow_without_any_count_names_nothing_at_the_next() -> None:
    """Nobody sent a count: what it might have shown is named there, and not as long as it lasts."""
    course = induction().marrow(30, 2).blood(30, 1500, 60_000).marrow(90, 1)
    course.marrow(150, 1).blood(150, 1500, 60_000)

    found = judge(course)

    assert anchored(found, 90).possible_higher == ("CR",)
    assert (anchored(found, 150).category, anchored(found, 150).possible_higher) == ("CRh", ())


def test_one_value_of_a_wide_count_does_not_speak_for_all() -> None:
    """Platelets that nobody can read may have doubled: disease that rose is PD, or is not."""
    course = Course(diagnosed=20).marrow(28, 12).blood(28, 2000, 99_000).chemo(48)
    course.marrow(88, 70).blood(88, None, "?")

    found = anchored(judge(course, "eln-2017"), 88)

    assert (found.category, found.candidates) == ("IND", ("PD", "NR"))


@pytest.mark.parametrize("anc", [499, "?", None])
@pytest.mark.parametrize("cells", [300, 80])
def test_blood_that_was_clear_on_the_day_of_a_marrow_keeps_what_stood(
    anc: int | str | None, cells: int
) -> None:
    """Blasts two weeks later are a sign of their own day, whatever the marrow says by itself."""
    course = remission().blood(50, anc, smear=None).marrow(51, 1, cells=cells).blood(51)
    course.blood(64, 2500, 150_000, smear=2)

    marrow, blood = judge(course)[-2:]

    assert (marrow.category, marrow.state) == ("CR", "in-remission")
    assert (blood.anchor.kind, blood.category) == ("blood", "RELAPSE_SUSPECTED")


@pytest.mark.parametrize("platelets", [50, "50-101"])
def test_counts_that_cannot_be_read_hold_back_what_another_draw_may_prove(
    platelets: int | str,
) -> None:
    """Where that draw proves it not, they still may have: too few cells leave MLFS to no marrow."""
    course = induction().marrow(30, 2).marrow(36, 4, cells="?").result("platelets", 35, "?")
    course.result("anc", 40, 1.5).result("platelets", 40, platelets)

    found = anchored(judge(course.blood(44, 499, 150_000)), 36)

    assert (found.category, found.candidates) == ("IND", ("CR", "CRh", "CRi", "MLFS", "NE"))


def test_the_start_without_which_a_marrow_of_a_later_cycle_is_the_baseline_is_cited() -> None:
    """Begun with the second cycle, its marrow is what the next is measured against: PR."""
    first = induction_of(1, 25, 35).marrow(28, 12).marrow(63, 6).blood(63, 1500, 150_000)
    found = anchored(judge(first, "healthtree-2024"), 63)
    assert found.category == "IND"
    assert "Procedure/e2" in {
        item.source.ref for line in found.criteria_results for item in line.evidence
    }
    later = induction_of(25, 35).marrow(28, 12).marrow(63, 6).blood(63, 1500, 150_000)
    assert anchored(judge(later, "healthtree-2024"), 63).category == "PR"


def induction_of(*days: int) -> Course:
    """A diagnosis and starts of therapy."""
    course = Course()
    for day in days:
        course.chemo(day, "intensive" if day > 1 else "less-intensive")
    return course
