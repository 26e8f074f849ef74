"""Knowing less allows more courses, never fewer: every table of known and unknown values."""

from __future__ import annotations

from collections import Counter
from itertools import product
from random import Random

import pytest

from fhir_remission.domain.nouns.assessment import Assessment
from tests.domain.builder import anchored, induction, judge, remission
from tests.domain.generated import course_of
from tests.domain.search_courses import lost, named

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
            for value in known:
                more = table[(*row[:place], value, *row[place + 1 :])]
                ways = named(more) - {"IND"} if more.category == "IND" else {more.category}
                assert ways <= named(less), (row, value, more.category, named(less))


@pytest.mark.parametrize("many", [1, 3, 8])
def test_containment_on_a_few_courses(many: int) -> None:
    """What `make long-course` asks of two hundred thousand anchors."""
    for seed in range(3):
        record = course_of(Random(seed)).record()
        assert not list(lost(record, many, Random(~seed), Counter())), seed
