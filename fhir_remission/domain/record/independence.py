"""What was stated outright of transfusion independence: of one day, or of some day of several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from fhir_remission.domain.criteria.rules import CriteriaSet
from fhir_remission.domain.nouns.inputs import Result, Unreadable
from fhir_remission.domain.nouns.verdicts import day_of
from fhir_remission.domain.record.coarse_times import is_precise
from fhir_remission.domain.record.signs import answer_of


class Statements(Struct, frozen=True):
    """Statements of independence, and of dependence."""

    by_day: Mapping[date, tuple[Result, ...]] = {}
    against: tuple[Result, ...] = ()
    """What does not say independent, of some day of several: it may be of each."""

    def on(self, day: date) -> tuple[Result, ...]:
        """What was stated on the day, or may have been against it."""
        if not self.by_day and not self.against:
            return ()
        several = [o for o in self.against if o.when.first_day <= day <= o.when.last_day]
        return (*self.by_day.get(day, ()), *several)


def read_statements(results: Iterable[Result], criteria: CriteriaSet) -> Statements:
    """The statements that a set asks for. Independence of no known day supports nothing."""
    asked = _asked(criteria)
    stated = [one for one in results if one.analyte in asked] if asked else []
    if not stated:
        return Statements()
    longest = timedelta(hours=criteria.numbers.precise.days)
    by_day: dict[date, tuple[Result, ...]] = {}
    against = []
    for one in stated:
        if one.when.first_day < one.when.last_day and answer_of(one) != "positive":
            why = f"it is of some day of {one.when.text}"
            against.append(replace(one, value=Unreadable(one.original, why)))
        elif is_precise(one.when, longest):
            by_day[day_of(one)] = (*by_day.get(day_of(one), ()), one)
    return Statements(by_day, tuple(against))


@lru_cache
def _asked(criteria: CriteriaSet) -> set[str]:
    return {one.statement for one in criteria.criterion if hasattr(one, "statement")}
