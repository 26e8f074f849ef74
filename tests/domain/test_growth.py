"""The work for a patient grows with the results, no faster; counted in lines run, not in time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from tests.domain.builder import judge
from tests.domain.long_courses import AS_OF, COURSES, GAPS

FEW, MANY = 200, 2000
AT_MOST = 1.5
"""So much more a result of the long course may cost than one of the short."""


def lines_run(work: Callable[[], object]) -> int:
    """How many lines ran, each turn of a loop counted."""
    count = 0

    def line(_frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return line

    before = sys.gettrace()
    sys.settrace(line)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def test_a_loop_over_everything_is_seen() -> None:
    """The measure tells a square from a line, also where the loop is inside one expression."""

    def square(size: int) -> list[list[int]]:
        return [[other for other in range(size)] for _ in range(size)]  # noqa: C416 - turns count

    few, many = (lines_run(lambda size=size: square(size)) for size in (FEW, MANY))

    assert many / MANY > 5 * few / FEW


def work(kind: str, size: int, *, history: bool) -> int:
    """The lines run to judge a course of this many results."""
    record = COURSES[kind](size)
    return lines_run(lambda: judge(record, as_of=AS_OF, current_only=not history))


@pytest.mark.parametrize("kind", COURSES)
def test_ten_times_the_results_are_ten_times_the_work(kind: str) -> None:
    """Whatever a long record is full of, or lacks at each marrow."""
    few, many = (work(kind, size, history=False) for size in (FEW, MANY))

    assert many / MANY <= AT_MOST * few / FEW, f"{many / MANY:.0f} and {few / FEW:.0f} per result"


@pytest.mark.parametrize("kind", [one for one in COURSES if one not in {*GAPS, "blasts"}])
def test_a_history_grows_as_evenly(kind: str) -> None:
    """Every anchor told; where each marrow cites all before it, the page itself is a square."""
    few, many = (work(kind, size, history=True) for size in (FEW, MANY))

    assert many / MANY <= AT_MOST * few / FEW, f"{many / MANY:.0f} and {few / FEW:.0f} per result"


@pytest.mark.parametrize("kind", GAPS)
def test_no_answer_carries_more_evidence_than_there_is(kind: str) -> None:
    """What may have been a remission is gathered once, however many marrows come after it."""
    record = COURSES[kind](MANY)
    there = len(record.results) + len(record.events)

    for found in judge(record, as_of=AS_OF, current_only=True):
        assert all(len(line.evidence) <= there for line in found.criteria_results)
