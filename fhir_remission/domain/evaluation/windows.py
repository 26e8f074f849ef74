"""The window of a marrow: which blood draws may be read together with it, and which may not."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from fhir_remission.domain.nouns.inputs import Event, Interval
from fhir_remission.domain.nouns.intervals import Reading
from fhir_remission.domain.nouns.verdicts import SILENT, Proof, SignReading, day_of
from fhir_remission.domain.record.draws import COUNTS, Draw, count_of
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.marrows import Marrow


class Window(Struct, frozen=True):
    """The days of a window, what cut it short, and the draws in it."""

    first: date
    last: date
    cut_by: str
    """What ended it early; empty where nothing did."""
    cut_proof: Proof
    places: range
    looked: range
    """The draws in which blasts are looked for: what may have cut the window hides none."""
    refused: dict[int, str]
    """Draws of the window that do not count, with the reason."""


def window_of(facts: Facts, place: int) -> Window:
    """The window of the marrow at this place."""
    marrow = facts.marrows[place]
    numbers = facts.numbers
    first = marrow.day - timedelta(days=numbers.window_before.days)
    last = marrow.day + timedelta(days=numbers.window_after.days)
    ends = sorted(_ends(facts, place), key=lambda one: (one.last, one.cause))
    cut = next((one for one in ends if one.last < last), End(last, "", (), certain=True))
    sure = min((one.last for one in ends if one.certain), default=last)
    places = facts.draws_between(first, cut.last)
    looked = facts.draws_between(first, min(sure, last))
    refused = _refused(facts, marrow, places)
    return Window(first, cut.last, cut.cause, cut.proof, places, looked, refused)


class End(NamedTuple):
    """Something that ends a window early."""

    last: date
    cause: str
    proof: Proof
    certain: bool
    """Whether it is there beyond doubt."""


def _ends(facts: Facts, place: int) -> list[End]:
    day = facts.marrows[place].day
    before = timedelta(days=1)
    reach = facts.numbers.window_after.days
    ends: list[End] = []
    for later in facts.marrows_after(place, reach):
        if later.certain or not ends:
            sure = later.certain
            ends.append(End(later.day - before, "the next marrow", later.results, certain=sure))
        if later.certain:
            break
    cycle = facts.therapy.first_from(day)
    if cycle is not None:
        # Blood is drawn before the infusion: counts of the day itself are still of this cycle.
        ends.append(End(cycle.day, "the next cycle", cycle.events, certain=True))
    for lesion in facts.extramedullary.next_after(day, day + timedelta(days=reach)):
        sign = facts.extramedullary.on(lesion)
        sure = sign.state == "present"
        ends.append(End(lesion - before, "new extramedullary disease", sign.proof, certain=sure))
    return ends


def _refused(facts: Facts, marrow: Marrow, places: range) -> dict[int, str]:
    """Draws before the marrow with a later fall up to its day: they are from before the nadir."""
    refused: dict[int, str] = {}
    lowest: dict[str, Decimal | None] = {}
    for place in reversed(places):
        draw = facts.draws[place]
        if draw.day > marrow.day:
            continue
        if draw.day < marrow.day:
            for name, low in lowest.items():
                if _may_have_fallen(count_of(draw, name).reading, low):
                    refused[place] = f"a later draw up to the marrow may be lower in {name}"
        for name in COUNTS:
            now = _known_by_then(draw, name, marrow.day)
            if now is not None:
                low = now.low if isinstance(now, Interval) else None
                was = lowest.get(name, low)
                lowest[name] = None if low is None or was is None else min(low, was)
    return refused


def _known_by_then(draw: Draw, name: str, day: date) -> Reading:
    """A count of the draw; one joined from before the marrow's end is told by its own draw."""
    count = count_of(draw, name)
    days = [day_of(one) for one in count.proof if not isinstance(one, Event)]
    return None if count.joined and max(days, default=day) <= day else count.reading


def _may_have_fallen(then: Reading, lowest: Decimal | None) -> bool:
    """Whether a count may since have been lower; `lowest` None: a later one cannot be read."""
    if then is None:
        return False
    if lowest is None or not isinstance(then, Interval) or then.high is None:
        return True
    return lowest < then.high


class BloodBlasts(Struct, frozen=True):
    """Blasts seen or feared in the window's blood, and the smears that cleared them."""

    smears: tuple[SignReading, ...]
    last: int | None = None
    """The place of the last draw that was not clean."""
    seen: int | None = None
    """The place of the last draw that held blasts for certain."""
    feared: int | None = None
    """The place of the first draw after that one whose report cannot be read."""
    cleared: int | None = None
    """The place of the first draw after all of them that reports none by microscopy."""
    worst: SignReading = SILENT

    def at(self, place: int | None) -> SignReading:
        """Blood blasts as they count for one draw.

        Blasts anywhere in the window stand until a later draw reports none by microscopy; from
        then on a draw is clear only by its own report, never by assumption.
        """
        if self.last is None:
            return SILENT if place is None else self.smears[place]
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


def read_blood_blasts(smears: tuple[SignReading, ...], places: range) -> BloodBlasts:
    """Blood blasts over one window."""
    dirty = [one for one in places if smears[one].state in ("present", "unknown")]
    if not dirty:
        return BloodBlasts(smears)
    seen = max((one for one in dirty if smears[one].state == "present"), default=None)
    feared = next((one for one in dirty if seen is None or one > seen), None)
    after = range(dirty[-1] + 1, places.stop)
    cleared = next((one for one in after if smears[one].state == "absent"), None)
    proof = tuple(p for one in dirty for p in smears[one].proof)
    worst = SignReading("unknown" if seen is None else "present", proof)
    return BloodBlasts(smears, dirty[-1], seen, feared, cleared, worst)
