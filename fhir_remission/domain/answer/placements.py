"""Every way in which what nobody can place lies in the record (model 0, 3.4).

A start of therapy, a marrow, a smear or a lesion that is told by its month is put on each of its
days; a start without any time, on each day that differs for any evidence; what may have been no
start is left out as well. More ways than can be walked are not told apart: then nothing is said.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain, product
from math import prod
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from fhir_remission.domain.course.budget import MOST_PLACED_STEPS, MOST_PLACINGS, steps_of
from fhir_remission.domain.course.scope import all_else_is_placed, is_near
from fhir_remission.domain.nouns.inputs import Event, PatientRecord, Result, When
from fhir_remission.domain.nouns.unions import united
from fhir_remission.domain.nouns.verdicts import day_of
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.marrows import BLASTS, QUALITY
from fhir_remission.domain.record.therapy import START, SUPPORT
from fhir_remission.domain.tables.events import STARTS

_One = TypeVar("_One", bound=Result | Event)
Piece = Result | Event
Way = tuple[Piece, ...]
"""What is in the record, in one way, instead of what nobody can place."""


class Placings(NamedTuple):
    """The record in each way, and what was placed as it was sent."""

    records: list[PatientRecord]
    sent: dict[Piece, Piece]


def placings(facts: Facts, as_of: datetime) -> Placings | None:
    """The record in each way of what is in doubt; None where nothing is, or ways are too many.

    Denials are the first to be left out: without them nothing better is said. Then residual
    disease, which is unknown then; then what lies near no marrow, and stands on the first day that
    it may be of.
    """
    named = in_doubt(facts)
    if not named or not facts.marrows or facts.criteria.withholds_after_start:
        return None
    idle, loose = {*facts.idle}, {*facts.coarse} - {*facts.unordered}
    told = [one for one in named if not idle.issuperset(one)]
    morphologic = [one for one in told if not _is_of_mrd(one)]
    near = [one for one in morphologic if not loose.issuperset(one)]
    tried = (_placings(facts, one, as_of) for one in (named, told, morphologic, near) if one)
    return next((found for found in tried if found is not None), None)


def _is_of_mrd(group: Way) -> bool:
    """Whether it moves MRD alone."""
    return all(isinstance(one, Result) and one.analyte == "mrd" for one in group)


def _placings(facts: Facts, named: Sequence[Way], as_of: datetime) -> Placings | None:
    left = {one for group in named for one in group}
    if not all_else_is_placed(facts, left):
        return None
    rest = tuple(one for one in facts.record.events if one not in left)
    days = _Days(facts, rest, as_of.date())
    steps = steps_of(facts)
    options: list[list[Way]] = []
    for group in named:
        options.append(list(days.ways(group)))
        many = prod(map(len, options))
        if many > MOST_PLACINGS or many * steps > MOST_PLACED_STEPS:
            return None
    results = tuple(one for one in facts.record.results if one not in left)
    base = replace(facts.record, floating=(), results=results, events=rest)
    ways = zip(named, options, strict=True)
    every = ((group, way) for group, many in ways for way in many)
    sent = {new: one for group, way in every for new, one in zip(way, group, strict=False)}
    return Placings([_with(base, chain(*one)) for one in product(*options)], sent)


def _with(base: PatientRecord, placed: Iterable[Piece]) -> PatientRecord:
    """The record with what was placed in one way."""
    results, events = list(base.results), list(base.events)
    for one in placed:
        if isinstance(one, Result):
            results.append(one)
        else:
            events.append(one)
    return replace(base, results=tuple(results), events=tuple(events))


def in_doubt(facts: Facts) -> list[Way]:
    """What is in doubt; what one unknown code names is a start each time, or never."""
    if not (facts.unordered or facts.record.floating or facts.therapy.possible or facts.coarse):
        return []
    every = dict.fromkeys((*facts.unordered, *facts.record.floating, *facts.coarse))
    single = [one for one in every if isinstance(one, Event)]
    results = [one for one in facts.coarse if isinstance(one, Result)]
    codes = {
        _drug(one) for one in facts.therapy.possible
        if any(is_near(facts, one, day) for day in facts.marrow_days)
    }  # fmt: skip
    doses: dict[tuple[str, str, str], list[Event]] = {}
    for one in dict.fromkeys(facts.record.events):
        unsure = one.kind == START and one.certainty != "confirmed" and one not in single
        if unsure and _drug(one) in codes:
            doses.setdefault(_drug(one), []).append(one)
    speaking = {*facts.signs, *facts.idle}
    return [*_samples(results, speaking), *((one,) for one in single), *map(tuple, doses.values())]


def _samples(coarse: Sequence[Result], speaking: Container[Result]) -> list[Way]:
    """Results of one month that move together: those of one resource, specimen or accession.

    What is said of a marrow without naming it goes with the count of the month, if there is one.
    """
    root = united(
        ((one.when, one.source.ref), (one.when, key)) for one in coarse for key in one.draw_keys
    )
    groups: dict[object, list[Result]] = {}
    for one in coarse:
        groups.setdefault(root((one.when, one.source.ref)), []).append(one)
    homes: dict[When, list[list[Result]]] = {}
    for many in groups.values():
        if any(one.analyte == BLASTS for one in many):
            homes.setdefault(many[0].when, []).append(many)
    samples: list[list[Result]] = []
    for many in groups.values():
        home = homes.get(many[0].when, ())
        if len(home) == 1 and all(one.analyte in QUALITY for one in many):
            home[0].extend(many)
        elif any(one in speaking for one in many):
            samples.append(many)
    return [tuple(many) for many in samples]


def _drug(one: Event) -> tuple[str, str, str]:
    return one.source.system, one.source.code, one.original


class _Days:
    """The days of a record that differ for a start: between two of them all are alike."""

    def __init__(self, facts: Facts, events: Sequence[Event], last: date) -> None:
        dated = [one for one in events if one.when is not None and one.kind not in SUPPORT]
        marrows = [one.toordinal() for one in facts.marrow_days]
        near = [*marrows, *(day_of(one).toordinal() for one in dated if one.kind in STARTS)]
        others = (
            *facts.draw_days,
            *facts.mrd_days,
            *facts.extramedullary.days,
            *map(day_of, dated),
        )
        order = {one.toordinal() for one in others if one > date.min}
        reach, back = _near(facts), _far(facts)
        found = {day + more for day in near for more in range(-reach, reach + 1)} | order
        found |= {day - more + by for day in marrows for more in back for by in (-1, 0, 1)}
        found |= {day + 1 for day in found}
        self.last = min(last.toordinal(), date.max.toordinal() - 1)
        self.known = sorted(day for day in found if 1 <= day <= self.last)

    def ways(self, group: Way) -> Iterator[Way]:
        """Each way in which these may lie in the record."""
        events = [one for one in group if isinstance(one, Event)]
        if not events:
            yield from self._each(group)
            return
        if any(one.certainty != "confirmed" for one in events):
            yield ()
        sure = tuple(replace(one, certainty="confirmed") for one in events)
        if len(sure) > 1:
            yield sure
            return
        for day in self._of(sure[0]):
            yield (_placed(sure[0], date.fromordinal(day)),)

    def _each(self, group: Way) -> Iterator[Way]:
        """Results of one sample on each of its days."""
        when = group[0].when
        assert when is not None  # noqa: S101 - a result has a time, for mypy
        first, last = self._until(when)
        if len(when.text) > len("YYYY-MM") and when.last_day.toordinal() > self.last:
            # A period of days that has not ended: what is told of it may still be to come.
            yield ()
        every: Iterable[int] = range(first, last + 1)
        if _is_of_mrd(group):
            # Of residual disease the order alone matters, and which marrow it lies near.
            every = sorted({first, last} | {day for day in self.known if first <= day <= last})
        for day in every:
            yield tuple(_placed(one, date.fromordinal(day)) for one in group)

    def _until(self, when: When) -> tuple[int, int]:
        """Its first day, and its last until today."""
        first = when.first_day.toordinal()
        return first, max(first, min(when.last_day.toordinal(), self.last))

    def _of(self, one: Event) -> list[int]:
        """Its days; the first and the last of them stand for those before and after all else."""
        when, ended = one.when, one.ended
        first, last = 1, self.last
        if when is not None:
            first, last = self._until(when)
        if ended is not None:
            # It cannot have begun after its end.
            last = max(first, min(last, self._until(ended)[1]))
        among = {day for day in self.known if first <= day <= last}
        return sorted(among | ({first, last} if when is not None else {last}))


def _near(facts: Facts) -> int:
    """How near to a marrow, or to other therapy, the day of a start matters."""
    n = facts.numbers
    asked = (
        n.early_marrow, n.early_marrow_less_intensive, n.window_after, n.repeat_marrow, n.cycle_gap,
        n.targeted_within, n.conditioning, n.prophylaxis, n.baseline_after_start,
        n.extramedullary_silence,
    )  # fmt: skip
    return max(one.days for one in asked if one is not None) + 1


def _far(facts: Facts) -> list[int]:
    """How long before a marrow a start matters by a number of days alone."""
    landmark, relapse = facts.criteria.landmark.days, facts.criteria.relapse.marrow
    recent = [relapse.recent_days] if relapse is not None else []
    return [*recent, *([landmark.days] if landmark is not None else [])]


def _placed(one: _One, day: date) -> _One:
    """The same on one day, told in the words that were sent."""
    when = one.when
    if when is not None and when.first_day == when.last_day:
        return one
    zone = when.start.tzinfo if when is not None else UTC
    start = datetime.combine(day, time.min, zone)
    text = when.text if when is not None else ""
    return replace(one, when=When(start, start + timedelta(days=1), day, day, text))
