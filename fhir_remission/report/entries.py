"""Everything that is known of one patient in order of time: what counts, what does not, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date
from typing import Any

from msgspec import Struct

from fhir_remission.domain.criteria.rules import CriteriaSet
from fhir_remission.domain.nouns.inputs import Event, PatientRecord, Result, Unreadable, Value
from fhir_remission.report.judged_counts import Counted

Line = Mapping[str, Any]
"""A published assessment, decoded (`schema/assessment-2.json`)."""
Key = tuple[str, str, str]
NO_ANSWER = "no answer rests on it"
# Reasons and flags by which a marrow says nothing, whatever its numbers.
_SPOILED = frozenset({"inadequate-marrow", "too-few-cells"})


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
    counted: Counted | None = None
    """What it is judged as, where that is not what was sent."""
    cites: tuple[int, ...] = ()
    """The numbers of what it is derived from."""

    @property
    def value(self) -> Value | None:
        """What it may be, as the criteria see it; an event has none."""
        if self.counted is not None:
            return self.counted.reading
        return self.item.value if isinstance(self.item, Result) else None

    @property
    def day(self) -> date | None:
        """The first day it may be of."""
        return self.item.when.first_day if self.item.when is not None else None


def entries_of(
    record: PatientRecord,
    judgements: Sequence[Judgement],
    counts: Mapping[Result, Counted] | None = None,
) -> tuple[Entry, ...]:
    """All results and events, and the counts that are derived from them."""
    counts = counts or {}
    held: tuple[Result | Event, ...] = (
        *record.results, *record.undated, *record.floating, *record.events
    )  # fmt: skip
    ordered = sorted(dict.fromkeys((*held, *counts)), key=_order)
    now = {key for one in judgements for key in _cited(one.now)}
    ever = {key for one in judgements for line in one.history for key in _cited(line)}
    reasons = _Reasons(judgements, ever)
    numbers: dict[Key, int] = {}
    for item in ordered:
        if key_of(item) in now:
            numbers.setdefault(key_of(item), len(numbers) + 1)
    found = []
    for place, item in enumerate(ordered, start=1):
        counted = counts.get(item) if isinstance(item, Result) else None
        parts = (counted.parts if counted else ()) or (item,)
        cited = sorted(numbers[key_of(one)] for one in parts if key_of(one) in numbers)
        found.append(
            Entry(
                place,
                item,
                number=numbers.get(key_of(item), 0),
                hollow=reasons.against(item, parts),
                decided=reasons.decided(item) and bool(cited),
                counted=counted,
                cites=tuple(cited) if parts != (item,) else (),
            )
        )
    return tuple(found)


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
                    self._anchors[anchor] = line["reason"] in _SPOILED
                latest = line.get("latest")
                if latest and latest["anchor"]["effective"] and _SPOILED & {*latest["flags"]}:
                    self._anchors[latest["anchor"]["effective"]] = True
            chosen = {d["effective"] for d in one.now["draws"] if d["chosen"]}
            # A relapse, an MRD sample: no draw was chosen, the anchor itself decided.
            self._decided |= chosen or {one.now["anchor"]["effective"]} - {None}

    def decided(self, item: Result | Event) -> bool:
        return item.when is not None and item.when.text in self._decided

    def against(self, item: Result | Event, parts: Sequence[Result | Event]) -> str:
        if isinstance(item, Event):
            return "" if item.certainty == "confirmed" else f"{item.certainty}: proves nothing"
        if isinstance(item.value, Unreadable):
            return f"cannot be used: {item.value.reason}"
        if item.standing != "usable":
            return f"{item.standing}: supports nothing positive"
        text = item.when.text
        if self._anchors.get(text) and item.analyte.startswith("blasts-marrow"):
            return "the marrow was not adequate"
        if any(key_of(one) in self._ever for one in parts) or text in self._anchors:
            return ""
        if text in self._not_chosen:
            return f"draw not chosen: {self._not_chosen[text]}"
        return NO_ANSWER


def criteria_of(line: Line) -> Iterator[Line]:
    """The criteria of an answer, and those of its latest marrow where that says another thing."""
    yield from line["criteria_results"]
    yield from (line.get("latest") or {}).get("criteria_results", ())


def _cited(line: Line) -> Iterator[Key]:
    for criterion in criteria_of(line):
        for told in criterion["evidence"]:
            yield evidence_key(told)


def _order(item: Result | Event) -> tuple[bool, str, str, str, str]:
    when = item.when
    start = when.start.astimezone(UTC).isoformat() if when is not None else ""
    return (when is None, start, item.source.ref, item.source.code, item.original)
