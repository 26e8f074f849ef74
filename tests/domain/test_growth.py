"""The work for a patient grows with the results, no faster; counted in lines run, not in time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from fhir_remission.domain.inputs import PatientRecord
from tests.domain.builder import judge
from tests.domain.long_courses import AS_OF, COURSES

FEW, MANY = 100, 1000
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


@pytest.mark.parametrize("history", [False, True], ids=["current", "history"])
@pytest.mark.parametrize("kind", COURSES)
def test_ten_times_the_results_are_ten_times_the_work(kind: str, history: bool) -> None:
    """Whatever a long record is full of."""

    def work(record: PatientRecord) -> int:
        return lines_run(lambda: judge(record, as_of=AS_OF, current_only=not history))

    few, many = (work(COURSES[kind](size)) for size in (FEW, MANY))

    assert many / MANY <= AT_MOST * few / FEW, f"{many / MANY:.0f} and {few / FEW:.0f} per result"
