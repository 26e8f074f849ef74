"""A seeded part of the matrix: each fault at each kind of moment, each persona with most faults.

Every pair of them: `make lane-matrix`; all of it: `make long-matrix`.
"""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path

import pytest

from fhir_remission.rehearsal.faults.fault_kinds import FAULT_KINDS
from fhir_remission.rehearsal.server.personas import persona_names
from tests.matrix.cells import TROUBLES, Cell, cells, play

SEED = 20261001


@cache
def chosen() -> tuple[Cell, ...]:
    """Cover (fault, moment) and (persona, moment), by cells that bring new (persona, fault)."""
    left = list(cells())
    random.Random(SEED).shuffle(left)
    faults: set[tuple[str, str]] = set()
    moments: set[tuple[str, str]] = set()
    pairs: dict[tuple[str, str], int] = {}
    found: list[Cell] = []
    for cell in sorted(left, key=lambda cell: cell.place == "always"):
        fault, moment = cell.trouble.fault, _moment(cell)
        if (fault, moment) in faults and (cell.persona, moment) in moments:
            continue
        if pairs.get((cell.persona, fault)) and (cell.persona, moment) in moments:
            rivals = {c.persona for c in left if c.trouble == cell.trouble}
            if any(not pairs.get((rival, fault)) for rival in rivals):
                continue
        faults.add((fault, moment))
        moments.add((cell.persona, moment))
        pairs[cell.persona, fault] = pairs.get((cell.persona, fault), 0) + 1
        found.append(cell)
    return tuple(found)


def _moment(cell: Cell) -> str:
    return re.sub(r"write ([3-9]|\d\d)", "later write", cell.place)


@pytest.mark.parametrize("persona", persona_names())
def test_the_run_ends_as_documented_and_heals(persona: str, tmp_path: Path) -> None:
    """The exit code, nothing wrong written, and once healed what a run without fault leaves."""
    wrong: list[str] = []
    for number, cell in enumerate(c for c in chosen() if c.persona == persona):
        _, found = play(cell, tmp_path / str(number))
        wrong += [f"{cell.name} ({cell.spec}): {one}" for one in found]

    assert wrong == []


def test_no_fault_and_no_persona_is_left_out() -> None:
    """A fault that the embedded server learns must join the matrix."""
    tried = {trouble.fault.partition(":")[0] for trouble in TROUBLES}
    met = {(cell.persona, cell.trouble.fault.partition(":")[0]) for cell in chosen()}

    assert tried == set(FAULT_KINDS)
    assert {fault for _, fault in met} == set(FAULT_KINDS)
    assert {persona for persona, _ in met} == set(persona_names())
