"""Counts as they were judged: bounded by what treatment did, or derived from other counts."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from fhir_remission.domain.nouns.inputs import Event, Interval, Result
from fhir_remission.domain.nouns.intervals import at_most_reported
from fhir_remission.domain.nouns.verdicts import Quantity
from fhir_remission.domain.record.draws import COUNTS, Draw
from fhir_remission.domain.record.facts import Facts

# The unit in which every count is judged.
UNIT = "10*9/L"


class Counted(Struct, frozen=True):
    """What one count is judged as."""

    reading: Interval
    cause: Event | None = None
    """The treatment that may have raised it."""
    parts: tuple[Result, ...] = ()
    """What it is derived from."""


def judged_counts(facts: Facts) -> dict[Result, Counted]:
    """Results that are judged as less than they say, and derived counts as results of their own."""
    return {
        item: counted
        for draw in facts.draws
        for name in COUNTS
        for item, counted in _of_draw(draw, name, draw.own[name])
    }


def _of_draw(draw: Draw, name: str, count: Quantity) -> Iterator[tuple[Result, Counted]]:
    if not isinstance(count.reading, Interval) or not (count.bounded or count.derived):
        return
    cause = next((one for one in count.proof if isinstance(one, Event)), None)
    parts = tuple(one for one in count.proof if isinstance(one, Result))
    if not count.derived:
        for one in draw.results.get(name, ()):
            if isinstance(one.value, Interval):
                yield one, Counted(at_most_reported(one.value), cause)
        return
    first = parts[0]
    told = " and ".join(one.original for one in parts)
    yield (
        Result(name, count.reading, first.when, first.source, f"derived from {told}", UNIT),
        Counted(count.reading, cause, parts),
    )
