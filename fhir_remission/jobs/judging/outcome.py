"""What became of one patient at one sink, and at all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from fhir_remission.fhir.writing.assessment_json import Written

Told = Callable[[Written], None]
"""Writes the audit line of a write that was answered, before the state says that it is done."""
_WORST: tuple[Written, ...] = ("parked", "retracted", "updated", "created", "none")


class Outcome(Struct, frozen=True):
    """What became of one patient at one sink."""

    written: Written = "none"
    locations: tuple[str, ...] = ()
    problem: str = ""
    stop: bool = False
    """A person must look: the run goes on with the others and ends with 5."""
    acknowledged: bool = False
    """A person knows of everything that waits for one."""


def together(outcomes: Sequence[Outcome]) -> Outcome:
    """What became of one patient at all sinks."""
    return Outcome(
        min((one.written for one in outcomes), key=_WORST.index, default="none"),
        tuple(place for one in outcomes for place in one.locations),
        next((one.problem for one in outcomes if one.problem), ""),
        any(one.stop for one in outcomes),
        all(one.acknowledged for one in outcomes if one.problem),
    )
