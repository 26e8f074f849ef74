"""Shares of one differential that add up to more than there can be."""

from __future__ import annotations

import pytest

from fhir_remission.domain.nouns.inputs import Unreadable
from fhir_remission.domain.record.wholes import FLAG, checked
from fhir_remission.effects.files.mapping_files import load_criteria
from tests.domain.builder import Course, induction, judge, remission
from tests.domain.test_properties import cited, claim, without

NEUTROPHILS, BLASTS = "neutrophils-pct", "blasts-blood"
PARTS = ("neutrophils-segmented-pct", "neutrophils-band-pct")


@pytest.mark.parametrize(
    ("shares", "is_refused"),
    [
        ({NEUTROPHILS: 60, BLASTS: 45}, False),
        ({NEUTROPHILS: 60, BLASTS: 46}, True),
        ({PARTS[0]: 50, PARTS[1]: 11, BLASTS: 45}, True),
        ({PARTS[0]: 50, PARTS[1]: 10, BLASTS: 45}, False),
        # The sum and its two addends are the same cells.
        ({NEUTROPHILS: 60, PARTS[0]: 50, PARTS[1]: 10, BLASTS: 40}, False),
        ({NEUTROPHILS: 60}, False),
    ],
)
def test_a_differential_of_more_than_105_percent(
    shares: dict[str, int], *, is_refused: bool
) -> None:
    """No share of it can be used, and each says why."""
    course = Course()
    for analyte, share in shares.items():
        course.result(analyte, 30, share)

    found = checked(course.results, load_criteria("eln-2022").numbers)

    assert all(isinstance(one.value, Unreadable) == is_refused for one in found)
    assert all((FLAG in one.flags) == is_refused for one in found)


@pytest.mark.parametrize(
    ("cells", "is_open"), [(1.8, True), (">=0", True), ("<5", True), (">=3", False), (4, False)]
)
def test_a_whole_that_may_be_less_than_its_part_leaves_it_open(
    cells: float | str, *, is_open: bool
) -> None:
    """However its leukocytes are told: widened, what excluded a count must not prove it (P1)."""
    course = Course().result("wbc", 30, cells).result("anc", 30, 2.5)

    counts = [
        one
        for one in checked(course.results, load_criteria("eln-2022").numbers)
        if one.analyte == "anc"
    ]

    assert [isinstance(one.value, Unreadable) for one in counts] == [is_open]


@pytest.mark.parametrize("whole", ["?", 1, "<5"])
def test_leukocytes_that_leave_a_count_open_are_cited(whole: str | int) -> None:
    """Also where an earlier marrow gives the answer: taken away, they would leave a CR (P3)."""
    course = induction().marrow(30, 2).marrow(62, 2, cells=150).blood(60, 1500, 150_000)
    course.result("wbc", 60, whole, ref="Observation/wbc")

    found, fewer = judge(course), judge(without(course.record(), "Observation/wbc"))

    assert (found[-1].category, fewer[-1].category) == ("MLFS", "CR")
    assert "Observation/wbc" in cited(found)[1]


def test_shares_that_leave_a_smear_open_are_cited() -> None:
    """A differential of 110 % clears no blood; with a share of it less it would (P3)."""
    course = remission().blood(100, smear=2).result(PARTS[0], 107, 60)
    course.result(PARTS[1], 107, 50, ref="Observation/bands").blood(107)

    found, fewer = judge(course), judge(without(course.record(), "Observation/bands"))

    assert claim(fewer[-1]) > claim(found[-1])
    assert "Observation/bands" in cited(found)[1]
