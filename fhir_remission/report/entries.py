"""Everything that is known of one patient in order of time: what counts, what does not, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from fhir_remission.domain.criteria.kinds import Absent, Threshold
from fhir_remission.domain.criteria.rules import CriteriaSet
from fhir_remission.domain.nouns.inputs import (
    Event,
    Finding,
    Interval,
    PatientRecord,
    Result,
    Source,
    Unreadable,
    When,
)

Line = Mapping[str, Any]
"""A published assessment, decoded (`schema/assessment-1.json`)."""
Key = tuple[str, str, str]
NO_ANSWER = "no answer rests on it"
_SIGNS = {"blood-blasts": "blasts-blood", "extramedullary-disease": "extramedullary-disease"}


def age_of(line: Line) -> tuple[bool, str]:
    """By this lines are sorted oldest first, the current answer last."""
    return bool(line.get("current", True)), str((line.get("anchor") or {}).get("effective") or "")


class Judgement(Struct, frozen=True):
    """One criteria set and what it said at each anchor, oldest first; the last is the answer."""

    criteria: CriteriaSet
    history: tuple[Line, ...]

    @property
    def now(self) -> Line:
        """The current answer."""
        return self.history[-1]


class Entry(Struct, frozen=True):
    """One result or event with its place among the evidence."""

    id: int
    item: Result | Event
    number: int = 0
    """Its number in the evidence of the current answers; 0: none rests on it."""
    hollow: str = ""
    """Why it does not count; empty where it does."""
    decided: bool = False
    """Whether it is of the draw that proved the answer."""

    @property
    def day(self) -> date | None:
        """The first day it may be of."""
        return self.item.when.first_day if self.item.when is not None else None


def entries_of(record: PatientRecord, judgements: Sequence[Judgement]) -> tuple[Entry, ...]:
    """All results and events, those too that only the answers name."""
    held: tuple[Result | Event, ...] = (*record.results, *record.undated, *record.events)
    items: dict[Result | Event, None] = dict.fromkeys(held)
    known = {key_of(item) for item in items}
    for item in _cited_items(judgements):
        if key_of(item) not in known:
            known.add(key_of(item))
            items[item] = None
    ordered = sorted(items, key=_order)
    now = {key for one in judgements for key in _cited(one.now)}
    ever = {key for one in judgements for line in one.history for key in _cited(line)}
    reasons = _Reasons(judgements, ever)
    numbers: dict[Key, int] = {}
    for item in ordered:
        if key_of(item) in now:
            numbers.setdefault(key_of(item), len(numbers) + 1)
    return tuple(
        Entry(
            place,
            item,
            number=numbers.get(key_of(item), 0),
            hollow=reasons.against(item),
            decided=reasons.decided(item) and key_of(item) in now,
        )
        for place, item in enumerate(ordered, start=1)
    )


def key_of(item: Result | Event) -> Key:
    """What tells one value from another, in the record as in the printed evidence."""
    return (item.source.ref, item.source.code, item.original)


def evidence_key(told: Line) -> Key:
    """The same of printed evidence."""
    return (told["source"], told["code"]["code"], told["original"])


class _Reasons:
    """Why a value does not count: said by the draws of the answers, or by the value itself."""

    def __init__(self, judgements: Sequence[Judgement], ever: set[Key]) -> None:
        self._ever = ever
        self._not_chosen: dict[str, str] = {}
        self._decided: set[str] = set()
        self._anchors: dict[str, bool] = {}
        for one in judgements:
            for line in one.history:
                notes = line["draws"]
                self._not_chosen |= {d["effective"]: d["reason"] for d in notes if not d["chosen"]}
                anchor = line["anchor"]["effective"]
                if anchor:
                    spoiled = line["reason"] in ("inadequate-marrow", "too-few-cells")
                    self._anchors[anchor] = spoiled
            self._decided |= {d["effective"] for d in one.now["draws"] if d["chosen"]}

    def decided(self, item: Result | Event) -> bool:
        return item.when is not None and item.when.text in self._decided

    def against(self, item: Result | Event) -> str:
        if isinstance(item, Event):
            return "" if item.certainty == "confirmed" else f"{item.certainty}: proves nothing"
        if isinstance(item.value, Unreadable):
            return f"cannot be used: {item.value.reason}"
        if item.standing != "usable":
            return f"{item.standing}: supports nothing positive"
        text = item.when.text
        if self._anchors.get(text):
            return "the marrow was not adequate"
        if key_of(item) in self._ever or text in self._anchors:
            return ""
        if text in self._not_chosen:
            return f"draw not chosen: {self._not_chosen[text]}"
        return NO_ANSWER


def _cited(line: Line) -> Iterator[Key]:
    for criterion in line["criteria_results"]:
        for told in criterion["evidence"]:
            yield evidence_key(told)


def _order(item: Result | Event) -> tuple[bool, str, str, str, str]:
    when = item.when
    start = when.start.astimezone(UTC).isoformat() if when is not None else ""
    return (when is None, start, item.source.ref, item.source.code, item.original)


def _cited_items(judgements: Iterable[Judgement]) -> Iterator[Result | Event]:
    for one in judgements:
        analytes = {
            row.id: row.analyte if isinstance(row, Threshold) else _SIGNS.get(row.sign, row.sign)
            for row in one.criteria.criterion
            if isinstance(row, Threshold | Absent)
        }
        for line in one.history:
            for criterion in line["criteria_results"]:
                for told in criterion["evidence"]:
                    name = analytes.get(criterion["criterion"], criterion["criterion"])
                    yield _read_back(told, name)


def _read_back(told: Line, analyte: str) -> Result | Event:
    """Printed evidence as what it was printed from, as far as it is told."""
    code, effective = told["code"], told["effective"]
    source = Source(told["source"], told["version"], code["system"], code["code"])
    when = _when(effective) if effective else None
    is_result = told["source"].startswith("Observation/")
    if when is None or not is_result:
        return Event("event", when, source, original=told["original"])
    value: Interval | Finding | Unreadable = Unreadable(told["original"], "its value is not told")
    unit = ""
    if told["value"] is not None:
        held = told["value"]
        high = None if held["high"] is None else Decimal(held["high"])
        value = Interval(Decimal(held["low"]), high, held["low_open"], held["high_open"])
        unit = held["unit"]
    elif "finding" in told:
        value = Finding(told["finding"])
    return Result(analyte, value, when, source, told["original"], unit)


def _when(effective: Line) -> When:
    start, end = (datetime.fromisoformat(effective[side]) for side in ("start", "end"))
    text = effective["start"] if start == end else effective["start"][:10]
    return When(start, end, start.date(), end.date(), text)
