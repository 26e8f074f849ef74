"""The record with what cannot be read turned out in one way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeVar, overload

from msgspec.structs import replace

from fhir_remission.domain.course.world import Key, Side
from fhir_remission.domain.nouns.inputs import Interval
from fhir_remission.domain.nouns.verdicts import SignReading
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.marrows import Marrow

T = TypeVar("T")


class Overlay(Sequence[T]):
    """A sequence in which a few places hold something else."""

    def __init__(self, base: Sequence[T], told: Mapping[int, T]) -> None:
        self._base, self._told = base, told

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...
    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        """What is at the place."""
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        return self._told[place] if place in self._told else self._base[place]

    def __len__(self) -> int:
        """As many as there were."""
        return len(self._base)


def as_told(facts: Facts, told: Mapping[Key, Side], line: Decimal) -> Facts:
    """The facts with each unknown thing as it was told."""
    marrows: dict[int, Marrow] = {}
    smears: dict[int, SignReading] = {}
    lesions: dict[date, bool] = {}
    for (kind, at), way in told.items():
        if kind == "marrow":
            marrows[at] = _sided(facts.marrows[at], way, line)
        elif kind == "smear":
            smears[at] = replace(facts.smears[at], state="present" if way else "absent")
        elif kind == "lesion":
            lesions[date.fromordinal(at)] = bool(way)
    if not (marrows or smears or lesions):
        return facts
    return replace(
        facts,
        marrows=Overlay(facts.marrows, marrows),
        smears=Overlay(facts.smears, smears),
        extramedullary=replace(facts.extramedullary, told=lesions),
    )


def _sided(marrow: Marrow, way: Side, line: Decimal) -> Marrow:
    """The marrow on one side of the line of disease; where there is none, nobody asks for it."""
    if way is None:
        return marrow
    if marrow.reaches(line) is None:
        reading = marrow.blasts.reading
        known = reading if isinstance(reading, Interval) else Interval(Decimal(0), None)
        if way:
            told = Interval(line, known.high, high_open=known.high_open)
        else:
            told = Interval(known.low, line, known.low_open, high_open=True)
        marrow = replace(marrow, blasts=replace(marrow.blasts, reading=told))
    if not marrow.certain:
        results = tuple(replace(one, standing="usable") for one in marrow.results)
        marrow = replace(marrow, results=results)
    return marrow
