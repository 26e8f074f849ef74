"""One patient's record made ready to judge: sorted once, grouped once, searched by bisection."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from fhir_remission.domain.criteria.rules import CriteriaSet, Numbers
from fhir_remission.domain.nouns.inputs import Event, PatientRecord, Result, Unreadable
from fhir_remission.domain.nouns.unions import grouped
from fhir_remission.domain.nouns.verdicts import (
    RESULT_ORDER,
    Proof,
    SignReading,
    is_of_no_day,
    order_of,
)
from fhir_remission.domain.record.coarse_times import is_precise, of_no_day, sorted_out, unordered
from fhir_remission.domain.record.draws import Draw, read_draws
from fhir_remission.domain.record.independence import Statements, read_statements
from fhir_remission.domain.record.lasting import Lasting, lasting
from fhir_remission.domain.record.marrows import Marrow, read_marrows
from fhir_remission.domain.record.mrd import MrdSample, is_clonal, read_mrd
from fhir_remission.domain.record.of_no_day import Companions
from fhir_remission.domain.record.signs import (
    EQUIVALENTS,
    Extramedullary,
    counts_equivalents,
    read_extramedullary,
    said,
    smear_with,
)
from fhir_remission.domain.record.therapy import Therapy, read_support, read_therapy

_One = TypeVar("_One", bound=Result | Event)


class Facts(Struct, frozen=True):
    """Everything of one patient, in order of time."""

    record: PatientRecord
    criteria: CriteriaSet
    marrows: Sequence[Marrow]
    marrow_days: tuple[date, ...]
    draws: tuple[Draw, ...]
    draw_days: tuple[date, ...]
    smears: Sequence[SignReading]
    """Blood blasts of each draw, in the order of `draws`."""
    extramedullary: Extramedullary
    therapy: Therapy
    mrd: tuple[MrdSample, ...]
    mrd_days: tuple[date, ...]
    tested: tuple[Result, ...]
    """What was reported of the markers that put a leukaemia out of scope."""
    clonal_days: tuple[date, ...]
    """Days on which sequencing found clonal haematopoiesis, which is no MRD; in order of time."""
    events: Mapping[str, tuple[Event, ...]]
    """By kind, in order of time."""
    lasting: Mapping[str, Lasting]
    """The same, found by the days that they may touch."""
    equivalents: tuple[date, ...]
    """Days on which blast equivalents were reported in the blood."""
    stated: Statements
    """What was stated outright of transfusion independence."""
    unordered: Proof = ()
    """What is known by its month or year alone, where the day decides what it means."""
    coarse: Proof = ()
    """What is told by its month or year, where it may speak against an answer or begin a wait."""
    signs: tuple[Result, ...] = ()
    """Results among them that do so, or may be residual disease."""
    loose_draws: tuple[Draw, ...] = ()
    """Counts whose day is not told, as they were sent: one may be a fall before any marrow."""
    loose: tuple[Result, ...] = ()
    """Every result whose day is not told."""
    idle: tuple[Result, ...] = ()
    """Denials told by their month or year: they support nothing."""
    unplaced_mrd: Proof = ()
    """MRD of nobody knows which day, and not negative: it leaves that of every remission open."""

    @property
    def numbers(self) -> Numbers:
        """The numbers of the model."""
        return self.criteria.numbers

    def marrows_after(self, place: int, days: int) -> Iterator[Marrow]:
        """The marrows after this one, no more than so many days later."""
        first = self.marrow_days[place]
        for later in range(place + 1, len(self.marrows)):
            if (self.marrow_days[later] - first).days > days:
                return
            yield self.marrows[later]

    def draws_between(self, first: date, last: date) -> range:
        """The places of the draws of these days, ends included."""
        return range(bisect_left(self.draw_days, first), bisect_right(self.draw_days, last))

    def events_near(self, kind: str, first: date, last: date) -> tuple[Event, ...]:
        """The events of a kind that may have been on one of these days, ends included."""
        of_kind = self.lasting.get(kind)
        return of_kind.near(first, last) if of_kind is not None else ()


def read_facts(record: PatientRecord, criteria: CriteriaSet, as_of: datetime) -> Facts:
    """Sort, group and index what is known by `as_of`."""
    numbers, record = criteria.numbers, _not_dead_yet(record, as_of)
    known, events = _known(record.results, as_of), _known_events(record.events, as_of)
    wide, broad = _of_days(known), _of_days(events)
    loose = of_no_day(wide, broad, near := Companions(known, criteria))
    results = _precisely(known, loose.idle, numbers) if wide else known
    therapy, kinds = read_therapy(events, numbers), grouped(events, attrgetter("kind"))
    given = {kind: lasting(many) for kind, many in kinds.items()}
    draws = read_draws(results, numbers, read_support(given, numbers))
    equivalents = counts_equivalents(events)
    marrows = read_marrows(results, criteria, therapy.first_at_latest, equivalents=equivalents)
    vague, unplaced = sorted_out(record.undated, unordered(wide, broad, marrows, near), criteria)
    of_mrd = [one for one in results if one.analyte == "mrd"]
    mrd = read_mrd(results, criteria) if of_mrd else ()
    return Facts(
        record=record,
        criteria=criteria,
        marrows=marrows,
        marrow_days=tuple(one.day for one in marrows),
        draws=draws,
        draw_days=tuple(one.day for one in draws),
        smears=tuple(smear_with(one, equivalents=equivalents) for one in draws),
        extramedullary=read_extramedullary(results, events, criteria.about.extramedullary),
        therapy=therapy,
        mrd=mrd,
        mrd_days=tuple(one.day for one in mrd),
        tested=_tested(known, criteria) if of_mrd else (),
        clonal_days=tuple(one.when.first_day for one in of_mrd if is_clonal(one, criteria.mrd)),
        events=kinds,
        lasting=given,
        equivalents=_with_equivalents(results),
        stated=read_statements(known, criteria),
        unordered=vague,
        coarse=loose.every,
        signs=loose.signs,
        loose_draws=read_draws(loose.counts, numbers, {}) if loose.counts else (),
        loose=tuple(one for one in wide if is_of_no_day(one)),
        idle=loose.idle,
        unplaced_mrd=unplaced,
    )


def _of_days(things: Sequence[_One]) -> list[_One]:
    """Those that are not told by one day."""
    return [one for one in things if one.when is None or one.when.first_day < one.when.last_day]


def _known(results: Sequence[Result], as_of: datetime) -> list[Result]:
    """Results that had begun by then, each once, in one order."""
    known = dict.fromkeys([one for one in results if one.when.start <= as_of])
    return sorted(known, key=RESULT_ORDER)


def _tested(known: Iterable[Result], criteria: CriteriaSet) -> tuple[Result, ...]:
    """What was found of markers of leukaemias that are out of scope: their day decides nothing."""
    markers = criteria.about.out_of_scope_markers
    return tuple(one for one in known if one.analyte == "mrd" and one.marker in markers)


def _known_events(events: Sequence[Event], as_of: datetime) -> list[Event]:
    kept = dict.fromkeys([one for one in events if one.when is None or one.when.start <= as_of])
    return sorted([_not_ended_yet(one, as_of) for one in kept], key=order_of)


def _not_dead_yet(record: PatientRecord, as_of: datetime) -> PatientRecord:
    """Who died later than the day of judging was alive."""
    if record.died_on <= str(as_of.date()):
        return record
    return replace(record, died=False, died_on="")


def _not_ended_yet(event: Event, as_of: datetime) -> Event:
    """A lesion is there until it has ended; of all else a period is the time in which it was."""
    ended = event.ended
    if ended is None or ended.start <= as_of or event.kind != "extramedullary":
        return event
    return replace(event, ended=None)


def _precisely(results: Iterable[Result], idle: Sequence[Result], numbers: Numbers) -> list[Result]:
    """A result whose day is not known proves nothing, and still blocks if it may say anything."""
    longest, left = timedelta(hours=numbers.precise.days), set(idle)
    return [
        one if is_precise(one.when, longest)
        else replace(one, value=Unreadable(
            one.original, f"the time {one.when.text} is not precise to a day"
        ))
        for one in results if one not in left
    ]  # fmt: skip


def _with_equivalents(results: Iterable[Result]) -> tuple[date, ...]:
    """The days on which blast equivalents were reported in the blood."""
    return tuple(
        one.when.first_day
        for one in results
        if one.analyte in EQUIVALENTS and said(one) != "negative"
    )
