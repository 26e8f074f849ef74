"""The window of a marrow: which blood draws may be read together with it, and which may not."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from operator import attrgetter
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from fhir_remission.domain.evaluation.changes import read
from fhir_remission.domain.nouns.inputs import Event
from fhir_remission.domain.nouns.intervals import above, at_least, up_to
from fhir_remission.domain.nouns.verdicts import (
    NOTHING,
    SILENT,
    Proof,
    Quantity,
    SignReading,
    day_of,
)
from fhir_remission.domain.record.draws import COUNTS, Draw, count_of
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.marrows import Marrow

_DAY = attrgetter("day")


class Window(Struct, frozen=True):
    """The days of a window, what cut it short, and the draws in it."""

    first: date
    last: date
    cut_by: str
    """What ended it early; empty where nothing did."""
    cut_proof: Proof
    places: range
    refused: dict[int, str]
    """Draws of the window that do not count, with the reason."""
    unsure: Mapping[int, Draw] = {}
    """Draws of the window of which that cannot be told, each as it is where it counts."""


def window_of(facts: Facts, place: int) -> Window:
    """The window of the marrow at this place."""
    marrow = facts.marrows[place]
    numbers = facts.numbers
    first = marrow.day - timedelta(days=numbers.window_before.days)
    last = marrow.day + timedelta(days=numbers.window_after.days)
    ends = min(_ends(facts, place), default=None)
    cut = ends if ends is not None and ends.last < last else End(last, "", ())
    places = facts.draws_between(first, cut.last)
    refused, unsure = _refused(facts, marrow, places)
    return Window(first, cut.last, cut.cause, cut.proof, places, refused, unsure)


class End(NamedTuple):
    """Something that ends a window early."""

    last: date
    cause: str
    proof: Proof


def _ends(facts: Facts, place: int) -> list[End]:
    """What is there beyond doubt; what may be there is one way to read the record, or the other."""
    day = facts.marrows[place].day
    before = timedelta(days=1)
    reach = facts.numbers.window_after.days
    ends: list[End] = []
    later = next((one for one in facts.marrows_after(place, reach) if one.certain), None)
    if later is not None:
        ends.append(End(later.day - before, "the next marrow", later.results))
    cycle = facts.therapy.first_from(day)
    if cycle is not None:
        # Blood is drawn before the infusion: counts of the day itself are still of this cycle.
        ends.append(End(cycle.day, "the next cycle", cycle.events))
    for lesion in facts.extramedullary.next_after(day, day + timedelta(days=reach)):
        sign = facts.extramedullary.on(lesion)
        if sign.state == "present":
            ends.append(End(lesion - before, "new extramedullary disease", sign.proof))
    return ends


def _refused(facts: Facts, marrow: Marrow, places: range) -> tuple[dict[int, str], dict[int, Draw]]:
    """Draws before the marrow with a later fall up to its day, and those that may have had one."""
    refused: dict[int, str] = {}
    unsure: dict[int, Draw] = {}
    later: dict[str, list[Quantity]] = {name: [] for name in COUNTS}
    loose = [one for one in facts.loose_draws if one.day <= marrow.day]
    apart = {ref for one in loose for ref in one.refs}
    for place in reversed(places):
        draw = facts.draws[place]
        if draw.day > marrow.day:
            continue
        if draw.day < marrow.day:
            fallen = {name: _fallen(count_of(draw, name), later[name]) for name in COUNTS}
            sure = next((name for name in COUNTS if fallen[name]), None)
            if sure is not None:
                refused[place] = f"a later draw up to the marrow is lower in {sure}"
            elif None in fallen.values() or (loose and _may_have_fallen(draw, loose)):
                bounds = {name: _no_higher(count_of(draw, name), later[name]) for name in COUNTS}
                unsure[place] = replace(draw, counts={**draw.counts, **bounds})
        if apart and not apart.isdisjoint(draw.refs):
            continue
        for name in COUNTS:
            now = _known_by_then(draw, name, marrow.day)
            if now.reading is not None:
                later[name].append(now)
    return refused, unsure


def _may_have_fallen(draw: Draw, loose: Sequence[Draw]) -> bool:
    """Whether a count whose day is not told is lower, and may be of a later day."""
    own = set(draw.refs)
    later = [one for one in loose if one.last_day > draw.day and own.isdisjoint(one.refs)]
    return any(
        _fallen(count_of(draw, name), [one.own[name]]) is not False
        for name in COUNTS
        for one in later
        if one.own[name].reading is not None
    )


def _known_by_then(draw: Draw, name: str, day: date) -> Quantity:
    """A count of the draw; one joined from before the marrow's end is told by its own draw."""
    count = count_of(draw, name)
    if not count.joined:
        return count
    days = [day_of(one) for one in count.proof if not isinstance(one, Event)]
    return NOTHING if max(days) <= day else count


def _no_higher(then: Quantity, later: Sequence[Quantity]) -> Quantity:
    """A count that no later one has undercut: it lay no higher than any of them."""
    if then.reading is None:
        return then
    for one in later:
        own = read(then)
        bound = up_to(own, read(one))
        if bound != own:
            then = replace(then, reading=bound, proof=(*then.proof, *one.proof))
    return then


def _fallen(then: Quantity, later: Sequence[Quantity]) -> bool | None:
    """Whether a count was lower in a later draw; None where that cannot be told."""
    if then.reading is None or not later:
        return False
    before = read(then)
    answer: bool | None = False
    for one in later:
        now = read(one)
        if now.high is not None and above(before, now.high):
            return True
        if before.high is None or at_least(now, before.high) is not True:
            answer = None
    return answer


class BloodBlasts(Struct, frozen=True):
    """Blasts seen or feared in the window's blood, and the smears that cleared them."""

    smears: Sequence[SignReading]
    standing: range = range(0)
    """Draws from the marrow's day on, before any blasts since: a clear report there stands."""
    last: int | None = None
    """The place of the last draw that was not clean."""
    seen: int | None = None
    """The place of the last draw that held blasts for certain."""
    feared: int | None = None
    """The place of the first draw after that one whose report cannot be read."""
    cleared: int | None = None
    """The place of the first draw after all of them that reports none by microscopy."""
    worst: SignReading = SILENT

    @property
    def lasts(self) -> bool:
        """Whether there are blasts, and no draw was clear after them, or before from the marrow's
        day on: what comes after that one has its own day."""
        stood = any(self.smears[one].state == "absent" for one in self.standing)
        return self.last is not None and self.cleared is None and not stood

    def at(self, place: int | None) -> SignReading:
        """Blood blasts as they count for one draw.

        Blasts anywhere in the window stand until a later draw reports none by microscopy; from
        then on a draw is clear only by its own report, never by assumption. A draw that reports
        none on the marrow's day or later stands against blasts that come after it.
        """
        if self.last is None:
            return SILENT if place is None else self.smears[place]
        stands = place is not None and place in self.standing
        if place is not None and stands and self.smears[place].state == "absent":
            return self.smears[place]
        if place is not None and self.cleared is not None and place >= self.cleared:
            own = self.smears[place]
            if own.state == "absent":
                return own
            return SignReading("unknown", (*self.worst.proof, *own.proof))
        if self.seen is None or place is None or place <= self.seen:
            return self.worst
        if self.feared is None:
            return replace(self.worst, open=True)
        # The report that cannot be read may have been the clear one.
        return SignReading("unknown", self.worst.proof)


def read_blood_blasts(
    smears: Sequence[SignReading], places: range, draws: Sequence[Draw], since: date = date.max
) -> BloodBlasts:
    """Blood blasts over one window; a draw that is clear since this day may stand.

    Blasts that are told by their day alone are cleared by no draw of that day.
    """
    dirty = [one for one in places if smears[one].state in ("present", "unknown")]
    if not dirty:
        return BloodBlasts(smears)
    ended = max(draws[one].end for one in dirty)
    seen = max((one for one in dirty if smears[one].state == "present"), default=None)
    feared = next((one for one in dirty if seen is None or one > seen), None)
    after = range(dirty[-1] + 1, places.stop)
    clear = (one for one in after if smears[one].state == "absent")
    cleared = next((one for one in clear if draws[one].start >= ended), None)
    proof = tuple(p for one in dirty for p in smears[one].proof)
    worst = SignReading("unknown" if seen is None else "present", proof)
    standing = _standing(places, dirty, draws, since)
    return BloodBlasts(smears, standing, dirty[-1], seen, feared, cleared, worst)


def _standing(places: range, dirty: Sequence[int], draws: Sequence[Draw], since: date) -> range:
    """The draws from the marrow's day on that lie on a day before any blasts since."""
    own = bisect_left(draws, since, key=_DAY)
    first = next((one for one in dirty if one >= own), None)
    until = places.stop if first is None else bisect_left(draws, draws[first].day, key=_DAY)
    return range(own, max(own, until))
