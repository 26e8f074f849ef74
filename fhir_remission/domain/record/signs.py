"""Signs of leukaemia outside the marrow count: what reports of presence and absence amount to."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from fhir_remission.domain.nouns.inputs import UNREAD, Event, Finding, Interval, Result
from fhir_remission.domain.nouns.intervals import ZERO, above, is_zero
from fhir_remission.domain.nouns.verdicts import SILENT, SignReading, SignState, day_of
from fhir_remission.domain.record.draws import Draw

Said = Literal["positive", "negative", "unclear"]
MONOCYTIC, NOT_MONOCYTIC = "monocytic", "not-monocytic"
EQUIVALENTS = ("blasts-blood-equivalent", "blasts-blood-equivalent-count")
SMEAR = ("blasts-blood", "blasts-blood-count", "blasts-blood-presence")


def said(result: Result) -> Said | None:
    """What one result says of the sign; a preliminary denial says nothing."""
    answer = answer_of(result)
    if result.standing == "preliminary":
        return None if answer == "negative" else "unclear"
    return answer


def answer_of(result: Result) -> Said:
    """What the value says, final or not."""
    value = result.value
    if isinstance(value, Finding):
        return value.answer if value.answer in ("positive", "negative") else "unclear"
    if isinstance(value, Interval):
        if above(value, ZERO):
            return "positive"
        return "negative" if is_zero(value) else "unclear"
    return "unclear"


def sign_of(results: Iterable[Result]) -> SignReading:
    """Presence outweighs everything, doubt outweighs absence."""
    return _weighed(_heard(results))


def _heard(results: Iterable[Result]) -> list[tuple[Said, Result]]:
    """What each result says of the sign; those that say nothing are left out."""
    return [(what, one) for one in results if (what := said(one)) is not None]


def agreed(results: Iterable[Result]) -> SignReading:
    """What all results say alike; unknown where they differ."""
    proof = tuple(results)
    heard = {what for what, _ in _heard(proof)}
    if not heard:
        return SILENT
    return SignReading(dict(WEIGHTS)[heard.pop()] if len(heard) == 1 else "unknown", proof)


WEIGHTS: tuple[tuple[Said, SignState], ...] = (
    ("positive", "present"), ("unclear", "unknown"), ("negative", "absent"),
)  # fmt: skip
"""What a word says of a sign, the weightiest first."""


def _weighed(
    heard: Sequence[tuple[Said, Result]] | Sequence[tuple[Said, Result | Event]],
) -> SignReading:
    for what, state in WEIGHTS if heard else ():
        if found := [one for said, one in heard if said == what]:
            return SignReading(state, tuple(found))
    return SILENT


NOBODY: Mapping[date, bool] = {}


def as_told(reading: SignReading, present: bool | None) -> SignReading:  # noqa: FBT001
    """The reading, or how it turns out where it cannot be read and one way is looked at."""
    if present is None or reading.state != "unknown":
        return reading
    return replace(reading, state="present" if present else "absent")


class Memory(Struct, frozen=True):
    """For how long a word on extramedullary disease holds."""

    since: date
    """Lesions before this day are history."""
    silence: int
    """Days after which a lesion nobody mentions is neither there nor gone."""
    denial: int
    """Days for which a statement of absence stands."""


class Track(Struct, frozen=True):
    """One site of extramedullary disease over time: what was said on each day."""

    days: tuple[date, ...]
    readings: tuple[SignReading, ...]

    def at(self, day: date, memory: Memory, heard: Mapping[date, bool] = NOBODY) -> SignReading:
        """How the site stands on a day; a lesion silent for too long is unknown, never gone."""
        place = bisect_right(self.days, day) - 1
        if place < 0:
            return SILENT
        told = self.days[place]
        found = as_told(self.readings[place], heard.get(told))
        if found.state == "absent":
            # However the course is counted, an old denial stands for its own time only.
            return found if (day - told).days <= memory.denial else SILENT
        if date.min < told < memory.since:
            return SILENT
        if found.state == "present" and (day - told).days > memory.silence:
            return SignReading("unknown", found.proof)
        return found


class Extramedullary(Struct, frozen=True):
    """All sites; the first is the general one, whose silence alone may be assumed to mean none."""

    tracks: tuple[Track, ...]
    days: tuple[date, ...]
    """Every day on which disease was not denied, sorted."""
    told: Mapping[date, bool] = NOBODY
    """How a day that cannot be read turns out, in one way to read the record."""

    def at(self, day: date, memory: Memory) -> SignReading:
        """The worst that any site says on the day."""
        found = [track.at(day, memory, self.told) for track in self.tracks]
        if len(found) == 1:
            return found[0]
        for state in ("present", "unknown"):
            worst = [one for one in found if one.state == state]
            if worst:
                return SignReading(worst[0].state, tuple(p for one in worst for p in one.proof))
        return found[0] if found else SILENT

    def on(self, day: date) -> SignReading:
        """What was said on the very day."""
        heard = [
            as_told(track.readings[place], self.told.get(day))
            for track in self.tracks
            for place in range(bisect_left(track.days, day), bisect_right(track.days, day))
        ]
        for state in ("present", "unknown", "absent"):
            for one in heard:
                if one.state == state:
                    return one
        return SILENT

    def next_after(self, day: date, until: date) -> list[date]:
        """The first day after `day` on which disease was not denied, and the first it was seen."""
        found: list[date] = []
        for place in range(bisect_right(self.days, day), bisect_right(self.days, until)):
            state = self.on(self.days[place]).state
            present = state == "present"
            if present or (state == "unknown" and not found):
                found.append(self.days[place])
            if present:
                break
        return found


def read_extramedullary(
    results: Iterable[Result], events: Iterable[Event], analytes: Sequence[str]
) -> Extramedullary:
    """The tracks of a patient: findings, and Conditions with their beginning and end.

    Both come in the order of `order_of`.
    """
    heard: dict[str, dict[date, list[tuple[Said, Result | Event]]]] = {
        name: {} for name in analytes
    }
    for one in results:
        if one.analyte in heard and (what := said(one)) is not None:
            heard[one.analyte].setdefault(day_of(one), []).append((what, one))
    general = heard[analytes[0]]
    for event in (one for one in events if one.kind == "extramedullary"):
        what = "positive" if event.certainty == "confirmed" and event.when else "unclear"
        general.setdefault(day_of(event), []).append((what, event))
        if event.ended is not None:
            if event.when is None and event.ended.first_day > date.min:
                # Nobody knows since when: until it ended it may have been there.
                before = event.ended.first_day - timedelta(days=1)
                general.setdefault(before, []).append(("unclear", event))
            general.setdefault(event.ended.last_day, []).append(("negative", event))
    every = [_track(heard[name], denies=name == analytes[0]) for name in analytes]
    tracks = (every[0], *[one for one in every[1:] if one.days])
    days = {
        day
        for track in tracks
        for day, one in zip(track.days, track.readings, strict=True)
        if one.state != "absent"
    }
    return Extramedullary(tracks, tuple(sorted(days)))


def _track(heard: dict[date, list[tuple[Said, Result | Event]]], *, denies: bool) -> Track:
    days = sorted(heard)
    readings = [_weighed(heard[day]) for day in days]
    if not denies:
        # A clear fluid of one site says nothing of the others before that site was ever involved.
        while readings and readings[0].state == "absent":
            days, readings = days[1:], readings[1:]
    return Track(tuple(days), tuple(readings))


def counts_equivalents(events: Iterable[Event]) -> bool:
    """Whether promonocytes may count as blasts: in a monocytic leukaemia, and where no type is
    stated.
    """
    types = {one.detail for one in events if one.kind == "aml-diagnosis"}
    return MONOCYTIC in types or NOT_MONOCYTIC not in types


def smear_with(draw: Draw, *, equivalents: bool) -> SignReading:
    """Blood blasts in one draw; equivalents that may count as blasts are neither those nor none."""
    found = smear_of(draw)
    if not equivalents or found.state == "present" or draw.results.keys().isdisjoint(EQUIVALENTS):
        return found
    seen = [
        one
        for name in EQUIVALENTS
        for one in draw.results.get(name, ())
        if said(one) in ("positive", "unclear")
    ]
    return SignReading("unknown", (*found.proof, *seen)) if seen else found


def smear_of(draw: Draw) -> SignReading:
    """Blood blasts in one draw: by microscopy, by an automated differential, or not reported."""
    heard = _heard([one for name in SMEAR for one in draw.results.get(name, ())])
    found = _weighed(heard)
    if found.state in ("present", "unknown"):
        return found
    if found.state == "absent":
        seen = tuple([one for _, one in heard if one.method not in ("automated", UNREAD)])
        manual = SignReading("absent", seen) if seen else _differential(draw)
        return manual if manual.state == "absent" else SignReading("automated", found.proof)
    return _differential(draw)


def _differential(draw: Draw) -> SignReading:
    """A microscopic differential that names no blasts saw none."""
    usable = [
        one
        for many in draw.results.values()
        for one in many
        if one.standing == "usable" and one.method in ("manual", "automated")
        and (one.analyte == "differential" or one.analyte.endswith("-pct"))
        and isinstance(one.value, Interval | Finding)
    ]  # fmt: skip
    manual = tuple(one for one in usable if one.method == "manual")
    if manual:
        return SignReading("absent", manual)
    return SignReading("automated", tuple(usable)) if usable else SILENT
