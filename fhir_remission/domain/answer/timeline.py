"""A course as rows of a table: marrows, draws and MRD against the thresholds, and what happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import zip_longest
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from fhir_remission.domain.answer.wording import interval_text
from fhir_remission.domain.criteria.kinds import Absent, AnyBelow, AnyMet, Threshold
from fhir_remission.domain.criteria.rules import CriteriaSet
from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.inputs import Event, Interval, Result
from fhir_remission.domain.nouns.intervals import Op, holds
from fhir_remission.domain.nouns.unions import grouped
from fhir_remission.domain.nouns.verdicts import (
    Quantity,
    SignReading,
    day_of,
    day_told,
    has_a_day,
    is_of_no_day,
)
from fhir_remission.domain.record.draws import Draw
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.marrows import Marrow
from fhir_remission.domain.record.mrd import MrdSample
from fhir_remission.domain.record.therapy import SUPPORT, runs

MET, NOT_MET, UNKNOWN, BETWEEN = "✓", "✗", "?", "~"
DERIVED, RAISED = "d", "*"
MARKS = {True: MET, False: NOT_MET, None: UNKNOWN}
NAMED = 4
"""So many drugs of one cycle are named."""
GIVEN = SUPPORT | {"rbc-transfusion", "differentiating-drug"}
"""What matters to its last day: of a period both ends are told."""
DAILY = 2
"""Less than so many days apart: a growth factor given daily is told once."""


class Column(Struct, frozen=True):
    """One measured thing, and the thresholds some remission asks of it."""

    unit: str
    tests: tuple[tuple[Op, Decimal], ...] = ()

    @property
    def rule(self) -> str:
        """The thresholds in the order of the marks."""
        return " ".join(f"{op}{value}" for op, value in self.tests)

    def cell(self, quantity: Quantity) -> str:
        """A value with one mark for each threshold; empty where nothing was reported."""
        reading = quantity.reading
        if reading is None:
            return ""
        if not isinstance(reading, Interval):
            return f"unread {UNKNOWN * len(self.tests)}"
        marks = "".join(MARKS[holds(reading, op, value)] for op, value in self.tests)
        told = (DERIVED if quantity.derived else "") + (RAISED if quantity.bounded else "")
        return f"{interval_text(reading)}{told} {marks}".rstrip()


class Columns(Struct, frozen=True):
    """The columns of the table, as the criteria set fills them."""

    marrow: Column
    anc: Column
    platelets: Column
    no_blasts: bool
    """Whether a remission asks that the blood holds no blasts."""


class Row(Struct, frozen=True):
    """One day of the course, or one of several draws of that day."""

    day: date | None
    """Where it stands; of what has no day, the first that it may be of."""
    cells: tuple[str, ...] = ()
    """Marrow blasts, ANC, platelets, blood blasts, MRD; none where the row is an event."""
    notes: tuple[str, ...] = ()
    told: str | None = None
    """What is written instead of a day that nobody told."""


def columns_of(criteria: CriteriaSet) -> Columns:
    """What the remissions of a set ask of each column, the best remission first."""
    known = {one.id: one for one in criteria.criterion}
    asked = [known[name] for row in criteria.category if row.remission for name in row.requires]
    parts = [
        known[part]
        for one in asked
        for part in (one.of if isinstance(one, AnyBelow | AnyMet) else (one.id,))
    ]
    limits = [one for one in dict.fromkeys(parts) if isinstance(one, Threshold)]

    def column(analyte: str) -> Column:
        own = [one for one in limits if one.analyte == analyte]
        tests = tuple(dict.fromkeys((one.op, one.value) for one in own))
        return Column(own[0].unit if own else "", tests)

    absent = any(isinstance(one, Absent) and one.sign == "blood-blasts" for one in asked)
    return Columns(column("blasts-marrow"), column("anc"), column("platelets"), absent)


def timeline(facts: Facts, notes: Mapping[date, Sequence[str]]) -> tuple[Row, ...]:
    """Every day on which something was measured or done; `notes` are added to their days."""
    shown = columns_of(facts.criteria)
    rows = [*_results(facts, shown), *_events(facts), *_lesions(facts), *_of_no_day(facts)]
    rows.sort(key=lambda row: (row.day or date.min, bool(row.cells)))
    told: list[Row] = []
    for place, row in enumerate(rows):
        last = place + 1 == len(rows) or rows[place + 1].day != row.day
        added = notes.get(row.day, ()) if last and row.day is not None else ()
        told.append(replace(row, notes=(*row.notes, *added)))
    return tuple(told)


def _results(facts: Facts, shown: Columns) -> Iterator[Row]:
    marrows = {one.day: one for one in facts.marrows if has_a_day(one.results)}
    read = zip(facts.draws, facts.smears, strict=True)
    dated = (one for one in read if any(map(has_a_day, one[0].results.values())))
    draws = grouped(dated, lambda one: one[0].day)
    samples = grouped((one for one in facts.mrd if has_a_day([one.result])), attrgetter("day"))
    for day in sorted({*marrows, *draws, *samples}):
        own = [marrows[day]] if day in marrows else []
        for marrow, blood, mrd in zip_longest(own, draws.get(day, ()), samples.get(day, ())):
            yield _row(day, marrow, blood, mrd, shown)


def _row(
    day: date,
    marrow: Marrow | None,
    blood: tuple[Draw, SignReading] | None,
    mrd: MrdSample | None,
    shown: Columns,
) -> Row:
    counts = ("", "", "")
    if blood is not None:
        own = blood[0].own
        smear = _smear(*blood, asked=shown.no_blasts)
        counts = (shown.anc.cell(own["anc"]), shown.platelets.cell(own["platelets"]), smear)
    cells = (
        shown.marrow.cell(marrow.blasts) if marrow is not None else "",
        *counts,
        _mrd(mrd) if mrd is not None else "",
    )
    notes = []
    if marrow is not None and marrow.inadequate:
        notes.append("marrow stated inadequate")
    if mrd is not None:
        notes.append(_assay(mrd))
    return Row(day, cells, tuple(notes))


def _smear(draw: Draw, smear: SignReading, *, asked: bool) -> str:
    if smear.state == "silent":
        return ""
    share = draw.results.get("blasts-blood", ())
    seen = [interval_text(one.value) for one in share if isinstance(one.value, Interval)]
    words, mark = {
        "absent": ("none", MET),
        "present": (" ".join(seen) or "seen", NOT_MET),
        "automated": ("none, by machine", UNKNOWN),
        "unknown": (" ".join(seen) or "unread", UNKNOWN),
    }[smear.state]
    return f"{words} {mark}" if asked else words


def _mrd(sample: MrdSample) -> str:
    marks = {"negative": MET, "positive": NOT_MET, "low-level": BETWEEN, "unknown": UNKNOWN}
    return f"{sample.status} {marks[sample.status]}"


def _assay(sample: MrdSample) -> str:
    one = sample.result
    said = (one.marker, one.method, f"in {one.specimen}" if one.specimen else "")
    limit = f"sensitivity {one.sensitivity}" if one.sensitivity else "sensitivity not said"
    words = " ".join(word for word in said if word) or "assay and tissue not said"
    early = ", preliminary" if one.standing == "preliminary" else ""
    return f"MRD {one.original}{early}, by {words}; {limit}"


def _events(facts: Facts) -> Iterator[Row]:
    told: set[str] = set()
    every = (one for many in facts.events.values() for one in many)
    loose = dict.fromkeys(one for one in every if one.when is not None and is_of_no_day(one))
    # What is given once is told once, as therapy first, whatever else it may do.
    for one in sorted(loose, key=lambda one: one.kind != "therapy-start"):
        if one.source.ref not in told:
            yield _on_some_day(one, _told([one], one.detail))
        if one.kind == "therapy-start":
            told.add(one.source.ref)
    for cycle in facts.therapy.cycles:
        dated = [one for one in cycle.events if one not in loose]
        if dated:
            yield Row(day_of(dated[0]), notes=(_told(dated, cycle.intensity),))
        told.update(one.source.ref for one in cycle.events)
    for run in runs((one for one in facts.therapy.conditioning if one not in loose), DAILY):
        yield Row(day_of(run[0]), notes=(f"for a graft: {_told(run, run[0].detail)}",))
        told.update(one.source.ref for one in run)
    for _, events in sorted(facts.events.items(), key=lambda one: one[0] != "therapy-start"):
        kept = (one for one in events if one not in loose)
        rest = (one for one in kept if one.when is None or one.source.ref not in told)
        for run in runs(rest, DAILY):
            day = day_of(run[0]) if run[0].when is not None else None
            yield Row(day, notes=(_told(run, run[0].detail),))
        told.update(one.source.ref for one in events if one.kind == "therapy-start")


def _told(events: Sequence[Event], detail: str) -> str:
    first, last = events[0], events[-1]
    words = first.kind.replace("-", " ")
    parts = [f"{words}, {detail}" if detail else words]
    if first.certainty != "confirmed":
        parts.append(first.certainty)
    if len(events) > 1:
        parts.append(f"{len(events)} times to {day_of(last)}")
    if first.ended is not None and (first.kind == "extramedullary" or first.when is None):
        parts.append(f"ended {first.ended.text[:10]}")
    elif last.kind in GIVEN and last.ended and last.ended.first_day == last.ended.last_day:
        parts += [f"until {last.ended.last_day}"] if last.ended.last_day > day_of(last) else []
    undated = "no date: " if first.when is None else ""
    said = list(dict.fromkeys(one.original for one in events if one.original))
    more = f" and {len(said) - NAMED} more" if len(said) > NAMED else ""
    original = f": {', '.join(said[:NAMED])}{more}" if said else ""
    return f"{undated}{', '.join(parts)}{original} [{first.source.ref}]"


def _of_no_day(facts: Facts) -> Iterator[Row]:
    """What is told by its month or year, on the first day that it may be of."""
    for one in facts.loose:
        words = f"{one.analyte.replace('-', ' ')} {one.original}"
        yield _on_some_day(one, f"{words} [{one.source.ref}]")


def _on_some_day(one: Result | Event, words: str) -> Row:
    """A row without a day."""
    text = day_told(one)
    told = text if len(text) <= len("YYYY-MM-DD") else ""
    return Row(day_of(one), notes=(f"on some day of {text}: {words}",), told=told)


def _lesions(facts: Facts) -> Iterator[Row]:
    for track in facts.extramedullary.tracks:
        for day, reading in zip(track.days, track.readings, strict=True):
            found = [one for one in reading.proof if not isinstance(one, Event)]
            if found and not is_of_no_day(found[0]):
                first = found[0]
                words = first.analyte.replace("-", " ")
                same = first.original.casefold() in ("", reading.state)
                sent = "" if same else f" ({first.original})"
                text = f"{words}: {reading.state}{sent} [{first.source.ref}]"
                yield Row(day, notes=(text,))


def answers(facts: Facts, history: Sequence[Assessment]) -> dict[date, list[Assessment]]:
    """The assessments by the day of their anchor."""
    days = anchor_days(facts)
    found: dict[date, list[Assessment]] = {}
    for one in history:
        day = next((days[ref] for ref in one.anchor.observations if ref in days), None)
        if day is not None:
            found.setdefault(day, []).append(one)
    return found


def anchor_days(facts: Facts) -> dict[str, date]:
    """The day on which each resource that can hold an answer is placed in the table."""
    days = {ref: marrow.day for marrow in facts.marrows for ref in marrow.refs}
    for draw in facts.draws:
        days.update((ref, draw.day) for ref in draw.refs)
    days.update((one.result.source.ref, one.day) for one in facts.mrd)
    for track in facts.extramedullary.tracks:
        for day, reading in zip(track.days, track.readings, strict=True):
            days.update((one.source.ref, day) for one in reading.proof)
    return days
