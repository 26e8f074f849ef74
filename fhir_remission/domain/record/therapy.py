"""What was done to the patient: cycles of therapy, and treatment that props up a count."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from operator import itemgetter

from msgspec import Struct

from fhir_remission.domain.criteria.rules import Number, Numbers
from fhir_remission.domain.nouns.inputs import Event
from fhir_remission.domain.nouns.verdicts import day_of, order_of
from fhir_remission.domain.record.lasting import (
    Lasting,
    days_after,
    days_before,
    last_day_of,
)

RAISES = {
    "platelets": {
        "platelet-transfusion": "after_platelets",
        "transfusion-unspecified": "after_platelets",
    },
    "anc": {"gcsf": "after_gcsf", "gcsf-pegylated": "after_pegylated_gcsf"},
}
"""Which events can raise which count, and the number that says for how long."""
SUPPORT = frozenset(kind for kinds in RAISES.values() for kind in kinds)


START = "therapy-start"
_THERAPY = (START, "transplant", "donor-lymphocytes")
TARGETED = "targeted"
PROPHYLAXIS = "prophylaxis"


class Cycle(Struct, frozen=True):
    """Starts of therapy close enough to be one cycle."""

    day: date
    events: tuple[Event, ...]
    intensity: str
    """The strongest thing said of it; empty where nothing was said."""


class Therapy(Struct, frozen=True):
    """All cycles in order of time."""

    cycles: tuple[Cycle, ...]
    days: tuple[date, ...]
    possible: tuple[Event, ...] = ()
    """What may have been a start outside of every cycle that is known."""
    conditioning: tuple[Event, ...] = ()
    """What was given for a graft and started no cycle."""
    begun: tuple[date, ...] = ()
    """The first day of each cycle, and the days of grafts, donor lymphocytes and conditioning."""
    grafted: tuple[Event, ...] = ()
    """Grafts, those that only may be one too, with what was given before them for it."""

    @property
    def first_at_latest(self) -> date | None:
        """The day by which therapy had begun, if it ever did, in whatever way this is read."""
        if self.days:
            return self.days[0]
        return max((day_of(one) for one in self.possible), default=None)

    def latest(self, day: date) -> Cycle | None:
        """The cycle that began last, up to and including the day."""
        place = bisect_right(self.days, day)
        return self.cycles[place - 1] if place else None

    def latest_of_graft(self, day: date) -> Cycle | None:
        """The graft, or what was given for one, that was last, up to and including the day."""
        before = (one for one in reversed(self.grafted) if day_of(one) <= day)
        last = next(before, None)
        return None if last is None else Cycle(day_of(last), (last,), "")

    def first_from(self, day: date) -> Cycle | None:
        """The first cycle that begins on the day or later."""
        place = bisect_left(self.days, day)
        return self.cycles[place] if place < len(self.cycles) else None

    def possible_from(self, day: date, before: date | None) -> list[Cycle]:
        """What may have been the first start from the day on, before that day if one is given."""
        return [
            Cycle(day_of(one), (one,), one.detail)
            for one in self.possible
            if day <= day_of(one) and (before is None or day_of(one) < before)
        ]

    def since(self, day: date) -> date | None:
        """The first day, from this one on, of a cycle or of anything given with a graft."""
        place = bisect_left(self.begun, day)
        return self.begun[place] if place < len(self.begun) else None

    def until(self, day: date) -> date | None:
        """The last day, up to this one, of a cycle or of anything given with a graft."""
        place = bisect_right(self.begun, day)
        return self.begun[place - 1] if place else None

    def from_until(self, first: date, end: date) -> tuple[Cycle, ...]:
        """The cycles that begin on `first` or later, and before `end`."""
        return self.cycles[bisect_left(self.days, first) : bisect_left(self.days, end)]


def read_therapy(events: Iterable[Event], numbers: Numbers) -> Therapy:
    """Group starts of therapy into cycles; the events come in the order of `order_of`.

    What is given for a graft belongs to the graft.
    """
    known = [one for one in events if one.when is not None and one.kind in _THERAPY]
    given = [one for one in known if one.kind != START and one.certainty == "confirmed"]
    # What may have been a graft makes no conditioning of what was given before it.
    grafts = sorted([day_of(one) for one in given if one.kind == "transplant"])
    starts, conditioning = list[Event](), list[Event]()
    for one in known:
        if one.kind == START:
            graft = grafts and _for_a_graft(one, grafts, numbers)
            (conditioning if graft else starts).append(one)
    dated = [one for one in starts if one.certainty == "confirmed"]
    backbone = runs([one for one in dated if one.detail != TARGETED], numbers.cycle_gap.days)
    daily = [one for one in dated if one.detail == TARGETED]
    groups = [*backbone, *_alone(daily, backbone, numbers)] if daily else backbone
    groups.sort(key=lambda group: order_of(group[0]))
    cycles = tuple(
        Cycle(day_of(group[0]), tuple(group), _strongest({one.detail for one in group}))
        for group in groups
    )
    gap = timedelta(days=numbers.cycle_gap.days)
    possible = tuple(
        one
        for one in starts
        if one.certainty != "confirmed"
        and not any(group.day <= day_of(one) < day_of(group.events[-1]) + gap for group in cycles)
    )
    days = tuple(one.day for one in cycles)
    begun = tuple(sorted({*days, *map(day_of, (*given, *conditioning))}))
    reach = numbers.conditioning
    grafted = [one for one in conditioning if _is_ahead(day_of(one), grafts, reach)]
    grafted += (one for one in known if one.kind == "transplant")
    grafted.sort(key=order_of)
    return Therapy(cycles, days, possible, tuple(conditioning), begun, tuple(grafted))


def _for_a_graft(one: Event, grafts: Sequence[date], numbers: Numbers) -> bool:
    """Whether a drug prepares for a graft, or protects it."""
    if numbers.conditioning is None:
        return False
    after = numbers.prophylaxis if one.detail == PROPHYLAXIS else None
    day = day_of(one)
    if _is_ahead(day, grafts, numbers.conditioning):
        return True
    place = bisect_left(grafts, day)
    return place > 0 and after is not None and (day - grafts[place - 1]).days <= after.days


def _is_ahead(day: date, grafts: Sequence[date], reach: Number | None) -> bool:
    """Whether a graft followed so soon that what was given on the day prepared for it."""
    place = bisect_left(grafts, day)
    return place < len(grafts) and reach is not None and (grafts[place] - day).days <= reach.days


def runs(events: Iterable[Event], gap: int) -> list[list[Event]]:
    """Events less than so many days apart are one run, such as a cycle."""
    groups: list[list[Event]] = []
    for one in events:
        if groups and (day_of(one) - day_of(groups[-1][-1])).days < gap:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _alone(
    daily: Sequence[Event], backbone: Sequence[Sequence[Event]], numbers: Numbers
) -> list[list[Event]]:
    """Cycles of targeted drugs: each is taken daily, for months, and is one start.

    It belongs to the cycle it is given in, goes on after it, and never joins two. A pause shorter
    than that is no end; another drug weeks later is another start.
    """
    within, gap = numbers.targeted_within or numbers.cycle_gap, numbers.cycle_gap
    starts = [day_of(group[0]) for group in backbone]
    groups: list[list[Event]] = []
    last: dict[tuple[str, str], tuple[date, list[Event]]] = {}
    for one in daily:
        drug, day = (one.source.system, one.source.code), day_of(one)
        before, group = last.get(drug, (date.min, []))
        place = bisect_left(starts, day + timedelta(days=gap.days))
        if place and (day - day_of(backbone[place - 1][-1])).days <= within.days:
            group = []
        elif (day - before).days > within.days:
            if not groups or (day - day_of(groups[-1][0])).days >= gap.days:
                groups.append([])
            group = groups[-1]
        group.append(one)
        last[drug] = day, group
    return groups


def _strongest(said: Collection[str]) -> str:
    """Targeted drugs by themselves are known not to be intensive."""
    if "intensive" in said:
        return "intensive"
    return "less-intensive" if "less-intensive" in said or {*said} <= {TARGETED} else ""


class Support(Struct, frozen=True):
    """What can have raised one count: transfusions or growth factors."""

    given: tuple[tuple[Lasting, timedelta], ...] = ()
    """The events of each kind, and for how long after its last day one can raise the count."""

    def raises(self, first: date, last: date, end: datetime) -> Event | None:
        """The event that may have raised a count drawn then; an undated one may until its end."""
        found = [
            (days_after(last_day_of(event), length), order_of(event), event)
            for events, length in self.given
            for event in events.near(days_before(first, length), last)
            if event.when is None or event.when.start <= end
        ]
        undated = [one for one in found if one[-1].when is None]
        if undated:
            return max(undated, key=itemgetter(0, 1))[-1]
        return min(found, key=itemgetter(0, 1))[-1] if found else None


def read_support(given: Mapping[str, Lasting], numbers: Numbers) -> dict[str, Support]:
    """What can have raised each count, of what was given by kind."""
    return {
        count: Support(
            tuple(
                (given[kind], timedelta(days=getattr(numbers, name).days))
                for kind, name in kinds.items()
                if kind in given
            )
        )
        for count, kinds in RAISES.items()
        if not SUPPORT.isdisjoint(given)
    }
