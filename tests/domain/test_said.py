"""What is said of an answer fits the answer: its sentence, its criteria and its draws."""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

import pytest

from fhir_remission.domain.nouns.assessment import Assessment, Verdict
from tests.domain.builder import CRITERIA, Course, criteria, induction, judge, now, on, remission
from tests.domain.generated import course_of, dense_course_of, partly_counted_of

SETS = sorted(path.stem for path in CRITERIA.glob("*.toml"))
HOLD = (Verdict.MET, Verdict.ASSUMED)


def order(name: str) -> list[str]:
    """The categories of a set, the best first."""
    return list(dict.fromkeys(row.id for row in criteria(name).category))


def lacking(one: Assessment, name: str) -> list[str]:
    """What the category of an answer asks and its criteria do not show; of alternatives, least."""
    shown = {row.criterion: row.verdict for row in one.criteria_results}
    rows = [row.requires for row in criteria(name).category if row.id == one.category]
    told = [[each for each in row if shown.get(each, Verdict.MET) not in HOLD] for row in rows]
    return min(told, key=len, default=[])


def wrong(one: Assessment, name: str) -> Iterator[str]:
    """What does not fit together in an answer."""
    ranks = order(name)
    told = re.match(r"(\w+), (?:not|perhaps) (\w+)[:,]", one.next_better)
    if told and {*told.groups()} <= {*ranks}:
        own, better = map(ranks.index, told.groups())
        if better >= own:
            yield f"no better answer: {one.next_better}"
    if (one.possible_higher or one.missing) and not one.next_better:
        yield "nothing is asked for"
    if not one.provisional and lacking(one, name):
        yield f"{one.category} without {lacking(one, name)}"


@pytest.mark.parametrize("name", SETS)
def test_what_is_said_fits_the_answer(name: str) -> None:
    """Over courses of every kind."""
    for seed in range(60):
        for drawn in (course_of, dense_course_of, partly_counted_of):
            found = judge(drawn(Random(seed)), name)
            faults = [told for one in found for told in wrong(one, name)]
            assert not faults, (seed, drawn.__name__, faults)


def test_a_later_marrow_that_may_prove_it_again_takes_no_proof_away() -> None:
    """CR of day 30 is proved by the counts of day 30; the later marrow stands under `latest`."""
    course = remission().marrow(60, 1).blood(60, "0.7-1", 150_000)
    found = now(course)
    assert (found.category, found.confidence, found.next_better) == ("CR", "proved", "")
    assert not lacking(found, "eln-2022")
    assert found.latest is not None
    assert found.latest.category == "CRh"
    assert "(CRh by itself)" in found.summary
    assert [note.reason for note in found.draws] == ["proves CRh"]


def test_a_count_that_the_later_marrow_lacks_is_named_beside_it() -> None:
    """And no draw of months ago was chosen for it."""
    found = now(remission().marrow(106, 2).blood(119, 1000))
    assert (found.category, found.response_date, found.next_better) == ("CR", on(30), "")
    assert not lacking(found, "eln-2022")
    assert f"last marrow {on(106)} (CRi by itself, without platelets)" in found.summary
    assert [note.effective[:10] for note in found.draws] == [str(on(119))]


@pytest.mark.parametrize(
    "course",
    [
        lambda: induction().marrow(33, 4).blood(34, 1000, 100_000).marrow(106, 2)
        .blood(119, 1000).blood(104, 700),
        lambda: induction().marrow(37, 2).blood(37, 1500, 50_000).blood(37, 700, 100_000)
        .marrow(47, 3).blood(52, 1200, 150_000, smear=None),
    ],
)  # fmt: skip
def test_nothing_is_better_than_the_best(course: object) -> None:
    """Also where the ways to read the record prove it by different marrows."""
    assert callable(course)
    found = now(course())
    assert (found.category, found.next_better) == ("CR", "")
    assert not lacking(found, "eln-2022")


def test_counts_that_may_have_been_better_before_say_nothing_of_those_that_prove() -> None:
    """0.7 and 0.9 are both at least 0.5."""
    course = induction().marrow(30, 2).blood(30, 300, 30_000).event("platelet-transfusion", 35)
    course.blood(36, 700, 60_000).blood(41, 1500, 150_000)
    found = now(course.marrow(60, 1).blood(60, 900, 90_000))
    assert (found.category, found.possible_higher) == ("CRh", ("CR",))
    assert not lacking(found, "eln-2022")
    assert found.draws[0].reason == "proves CRh"


def test_what_is_carried_lacks_what_it_lacked() -> None:
    """A sample of MRD, a clear smear or a poor marrow leaves the answer as it was."""
    short = induction().marrow(30, 2).blood(30, 300, 30_000).mrd(70, "negative")
    assert now(short).next_better == (
        f"CRi, not CRh, because ANC 0.3 10*9/L on {on(30)}, CRh needs >= 0.5 10*9/L; platelets 30"
        f" 10*9/L on {on(30)}, CRh needs >= 50 10*9/L."
    )
    untold = "CRi, perhaps CR: platelets not reported{}, CR needs >= 100 10*9/L."
    for course in (
        induction().marrow(30, 2).blood(30, 1500).mrd(70, "negative"),
        induction().marrow(30, 2).blood(30, 1500).blood(70),
    ):
        assert now(course).next_better == untold.format("")
    # What was reported outside the window is not called never reported.
    late = induction().marrow(30, 2).blood(30, 1500).marrow(70, 2, cells=100)
    window = f" from {on(27)} to {on(44)}"
    assert now(late.blood(70, 300, 30_000)).next_better == untold.format(window)


@pytest.mark.parametrize("blasts", [12, 40, 2])
def test_a_poor_marrow_before_a_remission_asks_for_a_good_one(blasts: int) -> None:
    """Whatever the marrow before it gave; its counts would do too."""
    counts = (1500, 150_000) if blasts > 2 else (None, None)
    found = now(induction().marrow(30, blasts).blood(30, *counts).marrow(40, 1, cells=100))
    assert found.possible_higher == ("CR", "CRh", "CRi")
    assert {"anc", "platelets"} <= {*found.missing}
    assert found.next_better == "An answer needs an adequate marrow."


def test_the_latest_marrow_may_be_the_one_without_counts() -> None:
    """It is no earlier one, and what it lacks is missing."""
    found = now(induction().marrow(30, 2).blood(30, 300, 30_000).marrow(85, 2))
    assert (found.category, found.missing) == ("CRi", ("anc", "platelets"))
    assert found.next_better == (
        f"CRi, perhaps CR by the marrow of {on(85)}: ANC not reported from {on(82)} to {on(99)},"
        f" CR needs >= 1.0 10*9/L; platelets not reported from {on(82)} to {on(99)}, CR needs"
        " >= 100 10*9/L."
    )


def raised() -> Course:
    """Platelets that a transfusion may have raised, in a draw that another one beats."""
    course = induction().marrow(30, 2).blood(30, 300, 30_000).event("platelet-transfusion", 35)
    return course.blood(40, 1500, 150_000)


def test_a_draw_gives_what_it_would_give_alone() -> None:
    """ANC of a remission without platelets is CRi (T25), not MLFS, and the flag says why not CR."""
    found = now(raised())
    assert [note.reason for note in found.draws] == ["proves CRi", "gives CRi"]
    assert "count-raised-by-treatment" in found.flags


def test_what_claims_no_response_has_no_day_of_one() -> None:
    """Stable or progressive disease is an answer without order."""
    course = induction().marrow(30, 60).blood(30, 300, 20_000).chemo(40)
    course.marrow(100, 60).blood(100, 300, 20_000)
    found = now(course, "eln-2017")
    assert found.category == "SD"
    assert found.response_date is None
