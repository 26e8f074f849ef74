"""Marrows: what is one, whose number counts, and when none does."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhir_remission.domain.nouns.assessment import Assumption
from fhir_remission.domain.nouns.inputs import Interval, Unreadable
from fhir_remission.domain.nouns.intervals import point
from fhir_remission.domain.record.marrows import Marrow, read_marrows
from tests.domain.builder import (
    Course,
    all_day,
    at,
    criteria,
    induction,
    judge,
    now,
    on,
    remission,
    value,
)
from tests.domain.sights import cited, in_order

FIVE = Decimal(5)


def bare() -> Course:
    """A patient of whom nothing is known."""
    return Course(diagnosed=None)


def marrows(course: Course, name: str = "eln-2022", *, start: int | None = 1) -> tuple[Marrow, ...]:
    """The marrows of a course whose therapy began on day 1."""
    first = None if start is None else on(start)
    return read_marrows(in_order(course.results), criteria(name), first)


def one(course: Course, name: str = "eln-2022", *, start: int | None = 1) -> Marrow:
    """The only marrow of a course."""
    (found,) = marrows(course, name, start=start)
    return found


def blasts(day: int, raw: Any, **more: Any) -> Course:
    """A marrow with a blast percentage alone."""
    return bare().result("blasts-marrow", day, raw, **more)


# ----------------------------------------------------------------------------- what is a marrow


def test_everything_of_one_day_is_one_marrow() -> None:
    """Percentages, cells and words, in order of time; what is no marrow stays out."""
    course = bare().result("marrow-cells-counted", 30.2, 250).result("marrow-cellularity", 30, 40)
    course.result("blasts-marrow", 30.1, 3).result("auer-rods", 30, "negative")
    course.result("marrow-adequacy", 30, "positive").blood(30, 1500).mrd(30, "negative")
    found = one(course)
    assert (found.day, found.effective) == (on(30), at(30).text)
    assert found.end == at(30.2).end
    assert found.blasts.reading == value(3)
    assert found.cells.reading == value(250)
    assert found.cellularity.reading == value(40)
    assert (found.auer.state, found.statement.state) == ("absent", "present")
    assert found.refs == tuple(f"Observation/o{n}" for n in range(1, 6))
    assert (found.inadequate, found.questioned, found.certain) == (False, False, True)


def test_two_days_are_two_marrows_in_order() -> None:
    """Whatever the order of the record."""
    course = blasts(40, 8).result("blasts-marrow", 30, 2)
    assert [(found.day, found.blasts.reading) for found in marrows(course)] == [
        (on(30), value(2)), (on(40), value(8)),
    ]  # fmt: skip


def test_cells_counted_a_day_later_belong_to_the_marrow_of_their_specimen() -> None:
    """The specimen names the marrow; of two that it could be of it is the earlier."""
    course = blasts(30, 2, draw_keys=("S", "T")).result(
        "marrow-cells-counted", 31, 300, draw_keys=("S",)
    )
    assert one(course).cells.reading == value(300)
    other = blasts(30, 2, draw_keys=("S",))
    other.result("marrow-adequacy", 31, "negative", draw_keys=("X",))
    assert [found.inadequate for found in marrows(other)] == [False, True]
    two = blasts(30, 2, draw_keys=("S",)).result("blasts-marrow", 31, 3, draw_keys=("T",))
    two.result("marrow-cells-counted", 33, 300, draw_keys=("T", "S"))
    assert [found.cells.reading for found in marrows(two)] == [value(300), None]


def test_a_percentage_is_of_its_own_day_whatever_its_specimen_is_called() -> None:
    """Two percentages of one specimen name are two marrows."""
    course = blasts(30, 2, draw_keys=("S",)).result("blasts-marrow", 40, 8, draw_keys=("S",))
    assert [found.day for found in marrows(course)] == [on(30), on(40)]


def test_what_says_nothing_of_blasts_or_quality_is_no_marrow() -> None:
    """Cells alone, or a word of approval alone, leave nothing to judge; a complaint does."""
    assert marrows(bare().result("marrow-cells-counted", 30, 300)) == ()
    assert marrows(bare().result("marrow-adequacy", 30, "positive")) == ()
    found = one(bare().result("marrow-adequacy", 30, "negative"))
    assert (found.inadequate, found.questioned, found.certain) == (True, True, True)
    unclear = one(bare().result("marrow-adequacy", 30, "?"))
    assert (unclear.inadequate, unclear.questioned, unclear.certain) == (False, True, False)


@pytest.mark.parametrize(
    ("raw", "kept"), [(2, False), ("4.9", False), (5, True), ("4-6", True), ("?", True), (40, True)]
)
def test_a_preliminary_marrow_is_looked_at_only_where_it_may_be_diseased(
    raw: Any, kept: bool
) -> None:
    """It supports nothing, and blocks where it may show disease; it is no certain marrow."""
    found = marrows(blasts(30, raw, standing="preliminary"))
    assert bool(found) is kept
    if kept:
        assert isinstance(found[0].blasts.reading, Unreadable)
        assert not found[0].certain


def test_a_final_percentage_beside_a_preliminary_one_makes_the_marrow_certain() -> None:
    """Even though together they only span."""
    course = blasts(30, 2).result("blasts-marrow", 30, 40, standing="preliminary")
    found = one(course)
    assert found.certain
    assert found.blasts.reading == value("2-40")


@pytest.mark.parametrize(
    ("raw", "answer"), [(5, True), ("4.9", False), ("<=5", None), ("?", None), (90, True)]
)
def test_disease_is_five_percent_or_more(raw: Any, answer: bool | None) -> None:
    """What straddles the line, or cannot be read, is neither."""
    assert one(blasts(30, raw)).reaches(FIVE) is answer


# ---------------------------------------------------------------------------- the word on it


@pytest.mark.parametrize(
    ("final", "preliminary", "state"),
    [
        (["positive"], [], "present"),
        (["negative"], [], "absent"),
        (["positive", "negative"], [], "unknown"),
        (["positive"], ["negative"], "unknown"),
        (["positive"], ["?"], "unknown"),
        (["positive"], ["positive"], "present"),
        (["negative"], ["positive"], "absent"),
        (["negative"], ["negative"], "absent"),
        ([], ["negative"], "unknown"),
        ([], ["positive"], "silent"),
    ],
)
def test_a_preliminary_word_doubts_a_sample_and_never_approves_it(
    final: list[str], preliminary: list[str], state: str
) -> None:
    """Model 1.4; and a number from a doubted sample cannot be read."""
    course = blasts(30, 2)
    for word in final:
        course.result("marrow-adequacy", 30, word)
    for word in preliminary:
        course.result("marrow-adequacy", 30, word, standing="preliminary")
    found = one(course)
    assert found.statement.state == state
    if state == "unknown":
        assert isinstance(found.blasts.reading, Unreadable)
        assert found.blasts.reading.reason == "adequacy was reported and is unclear"
        assert found.blasts.reading.raw
        doubts = len(found.statement.proof)
        assert cited(found.blasts.proof) == ["blasts-marrow 30"] + ["marrow-adequacy 30"] * doubts
        assert doubts == len(final) + sum(one != "positive" for one in preliminary)
    else:
        assert found.blasts.reading == value(2)
        assert cited(found.blasts.proof) == ["blasts-marrow 30"]


# ------------------------------------------------------------------------- whose number counts


def test_the_method_of_the_set_and_an_unnamed_one_count_then_the_other() -> None:
    """ELN reads morphology, the lay set flow; the other stands in by a named assumption."""
    course = blasts(30, 2, method="morphology").result("blasts-marrow", 30, 7, method="flow")
    assert one(course).blasts.reading == value(2)
    assert one(course, "healthtree-2024").blasts.reading == value(7)
    course.result("blasts-marrow", 30, 3)
    assert one(course).blasts.reading == value("2-3")
    assert one(course, "healthtree-2024").blasts.reading == value("3-7")
    unnamed = blasts(30, 3).result("blasts-marrow", 30, 7, method="flow")
    assert one(unnamed).blasts.reading == value(3)
    assert one(unnamed).blasts.assumes is None
    flow = one(blasts(30, 3, method="flow"))
    assert flow.blasts.reading == value(3)
    assert flow.blasts.assumes == Assumption("flow-as-morphology", "material")
    eye = one(blasts(30, 3, method="morphology"), "healthtree-2024")
    assert eye.blasts.assumes == Assumption("morphology-as-flow", "routine")


def test_several_readings_by_one_method_span() -> None:
    """Aspirate and biopsy: never the better one, and both are cited."""
    found = one(blasts(30, 2).result("blasts-marrow", 30, 8))
    assert found.blasts.reading == value("2-8")
    assert cited(found.blasts.proof) == ["blasts-marrow 30"] * 2


# -------------------------------------------------------------- fractions that say percent


def doubtful(course: Course, *, start: int | None = 1) -> list[bool]:
    """Of each marrow, whether its number is refused as a fraction that may say percent."""
    found = marrows(course, start=start)
    refused = [isinstance(one.blasts.reading, Unreadable) for one in found]
    flagged = ["blasts-scale-doubtful" in one.flags for one in found]
    assert refused == flagged
    return refused


def test_the_baseline_that_raises_the_doubt_is_cited() -> None:
    """Without it the later number would be read; of its own marrow it is cited once."""
    first, later = marrows(blasts(-4, "?").result("blasts-marrow", 30, "0.02"), start=1)
    assert cited(first.blasts.proof) == ["blasts-marrow -4"]
    assert cited(later.blasts.proof) == ["blasts-marrow -4", "blasts-marrow 30"]


@pytest.mark.parametrize(
    ("baseline", "later", "refused"),
    [
        ("0.6", "0.02", [True, True]),
        (1, "0.02", [False, False]),
        ("1.1", "0.02", [False, False]),
        (0, "0.02", [False, False]),
        ("0.6", 2, [False, False]),
        ("0.6", "0.5-2", [True, True]),
        ("<1", "0.02", [True, True]),
    ],
)
def test_a_baseline_of_at_most_one_percent_makes_its_source_doubtful(
    baseline: Any, later: Any, refused: list[bool]
) -> None:
    """Model 1.6; any value above 1 of the same source shows that it means percent."""
    assert doubtful(blasts(-4, baseline).result("blasts-marrow", 30, later)) == refused


def test_only_a_baseline_raises_the_doubt() -> None:
    """A clear marrow after therapy is no fraction, nor is one with no known start before it."""
    assert doubtful(blasts(30, "0.6")) == [False]
    assert doubtful(blasts(1, "0.6")) == [True]
    assert doubtful(blasts(30, "0.6"), start=None) == [False]


def test_a_doubt_is_of_one_source_and_one_code() -> None:
    """Another laboratory's percent is a percent."""
    course = blasts(-4, "0.6").result("blasts-marrow", 30, "0.02", code="another")
    assert doubtful(course) == [True, False]


def test_a_baseline_that_cannot_be_read_raises_it_too() -> None:
    """Nobody can say that it was more than 1; what was said as sent stays visible."""
    assert doubtful(blasts(-4, "?").result("blasts-marrow", 30, "0.02")) == [True, True]
    found = one(blasts(-4, "0.6"))
    assert found.blasts.reading == Unreadable("0.6", "may be a fraction sent as percent")
    assert cited(found.blasts.proof) == ["blasts-marrow -4"]


def test_the_first_marrow_of_a_source_decides_whether_it_is_doubted() -> None:
    """A first value above the ceiling ends the question, a second below it does not open it."""
    assert doubtful(blasts(-9, 60).result("blasts-marrow", -4, "0.6")) == [False, False]


def test_a_marrow_dated_by_the_day_alone_is_of_that_day() -> None:
    """Its end is the end of the day."""
    found = one(blasts(30, 2, when=all_day(30)))
    assert (found.day, found.end) == (on(30), all_day(30).end)
    assert found.blasts.reading == point(Decimal(2))
    assert isinstance(found.blasts.reading, Interval)


@pytest.mark.parametrize(
    ("blasts", "equivalents", "want"),
    [(2, 2, "CR"), (3, 4, "IND"), (1, 9, "IND"), (3, "?", "IND"), (0, "<5", "CR")],
)
def test_1_8_blasts_and_what_may_count_as_blasts_are_added(
    blasts: Any, equivalents: Any, want: str
) -> None:
    """Promonocytes of a leukaemia of unstated type are blasts, or none."""
    course = remission().marrow(60, blasts).result("blasts-marrow-equivalent", 60, equivalents)
    assert now(course.blood(60, 1500, 150_000)).category == want


@pytest.mark.parametrize(("flow", "told"), [(12, True), (4, False), ("4-6", False)])
def test_1_5_a_method_that_does_not_decide_is_told_where_it_disagrees(
    flow: Any, *, told: bool
) -> None:
    """Morphology decides (V085); that the flow counts a relapse the reader should know."""
    course = remission().marrow(60, 3, method="morphology").blood(60, 1500, 150_000)
    found = now(course.result("blasts-marrow", 60, flow, method="flow"))
    assert (found.category, "blast-methods-disagree" in found.flags) == ("CR", told)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("iwg-2003", "NE"),
        ("pediatric-2012", "NE"),
        ("cibmtr-aml", "CR"),
        ("eln-2022", "CR"),
        ("healthtree-2024", "CR"),
    ],
)
def test_a_hypocellular_marrow_is_no_sample_where_cellularity_rescues_none(
    name: str, answer: str
) -> None:
    """Full counts beside it do not make up for it (`criteria.md` D2); an empty one is NE in all."""
    full = induction().marrow(30, 2, None).result("marrow-cellularity", 30, 5)
    last = judge(full.blood(30, 1500, 150_000), name)[-1]
    assert (last.category, last.provisional) == (answer, answer == "CR")
    empty = induction().marrow(30, 0, None).result("marrow-cellularity", 30, 1)
    assert judge(empty.blood(30, 100, 5000), name)[-1].category == "NE"
    dense = induction().marrow(30, 2, None).result("marrow-cellularity", 30, 40)
    assert judge(dense.blood(30, 1500, 150_000), name)[-1].category == "CR"


@pytest.mark.parametrize(("baseline", "blasts"), [(">20", 9), ("45-55", 12), (">30", 12)])
@pytest.mark.parametrize("name", ["iwg-2003", "pediatric-2012"])
def test_a_baseline_between_two_bands_proves_what_both_ask(
    name: str, baseline: str, blasts: int
) -> None:
    """Every value that it may be gives the same answer (model, section 0)."""
    course = induction(baseline=baseline).marrow(30, blasts).blood(30, 1500, 150_000)
    assert judge(course, name)[-1].category == "PR"


def test_a_baseline_that_may_lie_below_every_band_proves_nothing() -> None:
    """A marrow of 15 % before therapy asks for something else."""
    course = induction(baseline="15-60").marrow(30, 6).blood(30, 1500, 150_000)
    assert judge(course, "iwg-2003")[-1].category != "PR"
