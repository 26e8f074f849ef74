"""The last evidence of each kind whose day is known: what is told by its month has none."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import date

from msgspec import Struct

from fhir_remission.domain.nouns.verdicts import has_a_day
from fhir_remission.domain.record.draws import COUNTS
from fhir_remission.domain.record.facts import Facts


class Dates(Struct, frozen=True):
    """The last evidence of each kind, up to the next anchor."""

    marrow: date | None
    blood: date | None
    mrd: date | None


def last_days(facts: Facts, until: date | None) -> Dates:
    """The last days before the one of the next anchor."""
    marrows, samples = facts.marrows, facts.mrd

    def is_count(place: int) -> bool:
        own = facts.draws[place].own
        counts = [own[name] for name in COUNTS if own[name].reading is not None]
        return any(has_a_day(one.proof) for one in counts)

    def last(days: Sequence[date], is_told: Callable[[int], bool]) -> date | None:
        end = len(days) if until is None else bisect_left(days, until)
        for place in reversed(range(end)):
            if is_told(place):
                return days[place]
        return None

    return Dates(
        last(facts.marrow_days, lambda place: has_a_day(marrows[place].results)),
        last(facts.draw_days, is_count),
        last(facts.mrd_days, lambda place: has_a_day([samples[place].result])),
    )
