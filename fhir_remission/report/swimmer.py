"""The swimmer plot: a lane for each patient, coloured and lettered by state, sorted three ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date

from msgspec import Struct

from fhir_remission.report.cohort import RESPONSES, Person
from fhir_remission.report.course import tone_of
from fhir_remission.report.mark import n, outline

WIDTH, HEIGHT = 560.0, 20.0
LEAST_DAYS = 30
STATES = (
    *("in-remission", "relapse-suspected", "relapsed", "active-disease"),
    *("awaiting-response", "untreated", "unknown"),
)
LETTERS = {
    "remission": "R",
    "disease": "D",
    "suspected": "S",
    "waiting": "W",
    "doubt": "?",
}


class Piece(Struct, frozen=True):
    """One state of one patient, from one day to another."""

    left: float
    right: float
    tone: str
    letter: str
    text: str


class Sign(Struct, frozen=True):
    """Something that happened: a relapse, a transplant, a death."""

    path: str
    text: str
    kind: str


class Lane(Struct, frozen=True):
    """One patient of the plot."""

    patient: str
    state: str
    code: str
    best: str
    days: int
    pieces: tuple[Piece, ...]
    signs: tuple[Sign, ...]


def order_by_state(one: Person) -> tuple[object, ...]:
    """By what is the matter now, the best state first."""
    state = str(one.now.get("state", ""))
    place = STATES.index(state) if state in STATES else len(STATES)
    return place, *order_by_response(one)


def order_by_response(one: Person) -> tuple[object, ...]:
    """By the best response, then by time."""
    place = RESPONSES.index(one.best) if one.best else len(RESPONSES)
    return place, *order_by_time(one)


def order_by_time(one: Person) -> tuple[object, ...]:
    """The longest first."""
    return -days_of(one), one.patient


ORDERS: dict[str, Callable[[Person], tuple[object, ...]]] = {
    "state": order_by_state,
    "response": order_by_response,
    "time": order_by_time,
}


def days_of(one: Person) -> int:
    """How long a patient is known: from the first line to the last thing seen."""
    start, end = _ends(one)
    return (end - start).days if start is not None and end is not None else 0


def lanes_of(people: Sequence[Person], longest: int) -> tuple[Lane, ...]:
    """The lanes of a page, all on the axis of the longest of the cohort."""
    per_day = WIDTH / max(longest, LEAST_DAYS)
    return tuple(_lane(one, per_day) for one in people)


def ticks_of(longest: int) -> tuple[tuple[float, str], ...]:
    """Months under the axis, as many as can be read."""
    days = max(longest, LEAST_DAYS)
    step = next((one for one in (1, 2, 3, 6, 12, 24, 60) if days / 30.4375 / one <= 10), 120)
    months = range(0, int(days / 30.4375) + 1, step)
    return tuple((round(month * 30.4375 * WIDTH / days, 1), str(month)) for month in months)


def _lane(one: Person, per_day: float) -> Lane:
    start, _ = _ends(one)
    at = _Place(start, per_day)
    return Lane(
        patient=one.patient.removeprefix("Patient/"),
        state=str(one.now.get("state", one.now.get("disposition", "not judged"))),
        code=str(one.now.get("code", "")),
        best=one.best,
        days=days_of(one),
        pieces=tuple(_pieces(one, at)) if start is not None else (),
        signs=tuple(_signs(one, at)) if start is not None else (),
    )


class _Place:
    """Days since a patient's own first one, as places in a lane."""

    def __init__(self, start: date | None, per_day: float) -> None:
        self._start, self._per_day = start, per_day

    def __call__(self, day: date) -> float:
        since = (day - self._start).days if self._start is not None else 0
        return round(min(max(since * self._per_day, 0), WIDTH), 1)


def _pieces(one: Person, at: _Place) -> Iterator[Piece]:
    _, end = _ends(one)
    held = sorted(_turns(one), key=lambda turn: turn[0])
    for place, (day, state, tone) in enumerate(held):
        until = held[place + 1][0] if place + 1 < len(held) else end or day
        left, right = at(day), max(at(until), at(day) + 2)
        yield Piece(left, right, tone, LETTERS[tone], f"{state.replace('-', ' ')} from {day}")


def _turns(one: Person) -> Iterator[tuple[date, str, str]]:
    """The days on which the state changed, as the lines have them."""
    before = ("", "")
    for line in one.lines:
        state = line.get("state")
        day = _first(line)
        if not state or day is None:
            continue
        turn = (state, tone_of(line))
        if turn != before:
            before = turn
            yield day, *turn


def _signs(one: Person, at: _Place) -> Iterator[Sign]:
    middle = HEIGHT / 2
    relapse = one.relapsed_on
    if relapse is not None:
        yield Sign(outline("cross", at(relapse), middle), f"relapse on {relapse}", "x")
    for line in one.lines:
        day = _first(line)
        if "transplant" in line.get("flags", ()) and day is not None:
            yield Sign(outline("diamond", at(day), middle), f"transplanted by {day}", "t")
            break
    _, end = _ends(one)
    if one.dead and end is not None:
        text = f"died; last seen {end}"
        yield Sign(f"M{n(at(end))} 3v14m-4 -10h8", text, "x")


def _ends(one: Person) -> tuple[date | None, date | None]:
    days = [day for line in one.lines if (day := _first(line)) is not None]
    end = one.last_seen or (one.as_of if days else None)
    if days and end is not None:
        end = max(end, *days)
    return (min(days), end) if days else (None, None)


def _first(line: object) -> date | None:
    if not isinstance(line, dict):
        return None
    anchor = (line.get("anchor") or {}).get("effective")
    told = str(line.get("state_since") or anchor or "")[:10]
    return date.fromisoformat(told) if len(told) == len("2026-01-01") else None


__all__ = ["ORDERS", "Lane", "days_of", "lanes_of", "ticks_of"]
