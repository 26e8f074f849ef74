"""The course as one picture: every track on one time axis, the answers above, windows behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from msgspec import Struct

from fhir_remission.domain.answer.wording import number_of
from fhir_remission.domain.criteria.rules import CriteriaSet
from fhir_remission.domain.nouns.verdicts import day_of
from fhir_remission.domain.record.therapy import Cycle
from fhir_remission.report.axis import Axis, Break, axis_of
from fhir_remission.report.entries import Entry, Judgement, Line
from fhir_remission.report.mark import Mark
from fhir_remission.report.track import (
    GAP,
    Track,
    blasts_track,
    count_track,
    lane_tracks,
    mrd_tracks,
)

LEFT, RIGHT = 132.0, 884.0
BAND, HEAD = 26.0, 24.0
# A label of a band needs so many pixels for a letter, and at both sides.
LETTER, PADDING = 8.6, 8.0


class Answered(Struct, frozen=True):
    """What was said at one anchor, from that anchor to the next."""

    id: str
    left: float
    right: float
    top: float
    label: str
    text: str
    tone: str


class Numbered(Struct, frozen=True):
    """A cycle of therapy, from its first start to its last."""

    left: float
    right: float
    label: str
    text: str


class Window(Struct, frozen=True):
    """The days around a marrow whose counts are read with it."""

    left: float
    right: float
    text: str


class Course(Struct, frozen=True):
    """Everything the template draws."""

    left: float
    right: float
    height: float
    bands: tuple[tuple[str, float, tuple[Answered, ...]], ...]
    cycles: tuple[Numbered, ...]
    windows: tuple[Window, ...]
    tracks: tuple[Track, ...]
    ticks: tuple[tuple[float, str], ...]
    breaks: tuple[Break, ...]
    floor: float
    decided: tuple[float, ...]
    text: str

    @property
    def marks(self) -> Iterator[Mark]:
        """Every mark of every track."""
        for track in self.tracks:
            yield from track.marks


def course_of(
    entries: Sequence[Entry], judgements: Sequence[Judgement], cycles: Sequence[Cycle] = ()
) -> Course | None:
    """The picture; None where nothing has a date."""
    days = [*_days(entries), *(day for one in judgements for day in _answer_days(one))]
    if not days:
        return None
    first = judgements[0]
    axis = axis_of(days, LEFT, RIGHT, max(_room(one.now["code"]) for one in judgements))
    bands, top = [], HEAD
    for place, one in enumerate(judgements, start=1):
        title = one.criteria.about.id
        bands.append((title, top, tuple(_band(one, axis, top, place))))
        top += BAND + 6
    floor, tracks = _tracks(entries, first, axis, top + GAP - 8)
    decided = sorted({one.x for track in tracks for one in track.marks if one.decided})
    return Course(
        left=LEFT,
        right=RIGHT,
        height=floor + (58 if cycles else 34),
        bands=tuple(bands),
        cycles=tuple(_cycles(cycles, first.history, axis)),
        windows=tuple(_windows(first, axis)),
        tracks=tuple(tracks),
        ticks=tuple(axis.ticks()),
        breaks=axis.breaks,
        floor=floor,
        decided=tuple(decided),
        text=_text(days, tracks),
    )


def _tracks(
    entries: Sequence[Entry], first: Judgement, axis: Axis, top: float
) -> tuple[float, list[Track]]:
    criteria = first.criteria
    tracks = [blasts_track(entries, criteria, axis, top)]
    for analyte, name in (("anc", "ANC"), ("platelets", "Platelets")):
        top = tracks[-1].bottom + GAP
        tracks.append(count_track(entries, analyte, name, criteria, axis, top))
    tracks += mrd_tracks(entries, criteria, axis, tracks[-1].bottom + GAP)
    tracks += lane_tracks(entries, axis, tracks[-1].bottom + GAP - 6)
    return tracks[-1].bottom + 10, tracks


def _days(entries: Sequence[Entry]) -> Iterator[date]:
    for one in entries:
        when = one.item.when
        if when is not None and (when.last_day - when.first_day).days <= _VAGUE:
            yield from (when.first_day, when.last_day)


# A time known to more than a year has no place on the axis of its own.
_VAGUE = 366


def _answer_days(one: Judgement) -> Iterator[date]:
    for line in one.history:
        for name in ("response_date", "state_since"):
            if line[name]:
                yield date.fromisoformat(line[name])
        day = _anchor_day(line)
        if day is not None:
            yield day
    for opens, closes, _ in _window_days(one):
        yield from (opens, closes)


def _anchor_day(line: Line) -> date | None:
    effective = line["anchor"]["effective"]
    if not effective or len(effective) < len("2026-01-01"):
        return None
    return date.fromisoformat(effective[:10])


def _band(one: Judgement, axis: Axis, top: float, place: int) -> Iterator[Answered]:
    """The answers by anchor; one that stands until the next, the last to the end of the axis."""
    held = [(day, line) for line in one.history if (day := _anchor_day(line)) is not None]
    held.sort(key=lambda pair: pair[0])
    for at, (day, line) in enumerate(held):
        left = axis.start(day)
        right = axis.start(held[at + 1][0]) if at + 1 < len(held) else RIGHT
        if right - left < 2:
            right = left + 2
        code = line["code"]
        label = code if _room(code) <= right - left else ""
        text = f"{day}: {code}; {line['summary']}"
        yield Answered(
            f"a{place}-{at}", left, right, top, label, text, _band_tone(line, one.criteria)
        )


def _room(code: str) -> float:
    return len(code) * LETTER + PADDING


def _band_tone(line: Line, criteria: CriteriaSet) -> str:
    """How a category looks in the band; the state has its own place in the glance."""
    category, said = line["category"], criteria.outcomes
    if line["mrd_event"] != "none" or category == said.relapse_suspected:
        return "suspected"
    if category in (said.not_evaluable, said.undecided):
        return "doubt"
    rows = [row for row in criteria.category if row.id == category]
    if any(row.remission for row in rows):
        return "remission"
    return "waiting" if any(row.claim for row in rows) else "disease"


def tone_of(line: Line) -> str:
    """How an answer looks: by what is said of the disease, never by how good it is."""
    state = line["state"]
    if line["mrd_event"] != "none" and state == "in-remission":
        return "suspected"
    known = {
        "in-remission": "remission",
        "active-disease": "disease",
        "relapsed": "disease",
        "relapse-suspected": "suspected",
        "awaiting-response": "waiting",
        "untreated": "waiting",
    }
    return known.get(state, "doubt")


def _cycles(cycles: Sequence[Cycle], history: Sequence[Line], axis: Axis) -> Iterator[Numbered]:
    """Cycles by their number within the course of the disease, as the answers count them."""
    numbers = dict(_counted(history))
    relapses = {date.fromisoformat(x["state_since"]) for x in history if _has_relapsed(x)}
    number, before = 0, date.min
    for one in cycles:
        anew = any(before < day <= one.day for day in relapses)
        number = numbers.get(one.day, 1 if anew else number + 1)
        before = one.day
        last = max(day_of(event) for event in one.events)
        until = f" to {last}" if last > one.day else ""
        text = f"cycle {number} of the course, {one.intensity or 'intensity not said'}"
        label = f"C{number}"
        yield Numbered(axis.start(one.day), axis.end(last), label, f"{text}: {one.day}{until}")


def _counted(history: Sequence[Line]) -> Iterator[tuple[date, int]]:
    """When the cycles began whose numbers the answers tell."""
    for line in history:
        cycle, day = line.get("cycle"), _anchor_day(line)
        if cycle and day is not None:
            yield day - timedelta(days=cycle["day"] - 1), cycle["number"]


def _has_relapsed(line: Line) -> bool:
    return line["state"] == "relapsed" and bool(line["state_since"])


def _windows(one: Judgement, axis: Axis) -> Iterator[Window]:
    for opens, closes, day in _window_days(one):
        text = f"window of the marrow of {day}: {opens} to {closes}"
        yield Window(axis.start(opens), axis.end(closes), text)


def _window_days(one: Judgement) -> Iterator[tuple[date, date, date]]:
    """Where the window of each marrow opens and closes, and the day of the marrow."""
    before = timedelta(days=one.criteria.numbers.window_before.days)
    for line in one.history:
        day = _anchor_day(line)
        if line["anchor"]["kind"] == "marrow" and line["window_closes"] and day is not None:
            yield day - before, date.fromisoformat(line["window_closes"]), day


def _text(days: Sequence[date], tracks: Sequence[Track]) -> str:
    """What the picture shows, for who does not see it."""
    names = ", ".join(
        f"{' '.join((one.name, *one.about))} ({number_of(len(one.marks), 'mark')})"
        for one in tracks
    )
    return (
        f"From {min(days)} to {max(days)}: {names}. Every mark can be reached with the keyboard; "
        "the table below says the same."
    )
