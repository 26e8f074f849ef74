"""Blood draws: which results are of one draw, and what each draw says of the counts.

A draw is one specimen, one accession or one identical effective time. A count missing there is
taken from the nearest draw; a count that treatment may have raised is an upper bound only.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import accumulate, groupby
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from fhir_remission.domain.criteria.rules import Numbers
from fhir_remission.domain.nouns.inputs import Event, Interval, Result
from fhir_remission.domain.nouns.intervals import at_most_reported
from fhir_remission.domain.nouns.unions import grouped, united
from fhir_remission.domain.nouns.verdicts import NOTHING, Quantity
from fhir_remission.domain.record.derived import clumped, counted, may_be_clumped
from fhir_remission.domain.record.therapy import Support
from fhir_remission.domain.record.wholes import checked, with_those_beside

BLOOD_ANALYTES = frozenset(
    {
        "anc",
        "wbc",
        "platelets",
        "platelet-clumps",
        "hemoglobin",
        "neutrophils-segmented",
        "neutrophils-band",
        "neutrophils-pct",
        "neutrophils-segmented-pct",
        "neutrophils-band-pct",
        "differential",
        "blasts-blood",
        "blasts-blood-count",
        "blasts-blood-presence",
        "blasts-blood-equivalent",
        "blasts-blood-equivalent-count",
    }
)
COUNTS = ("anc", "platelets")
CLUMPS = "platelet-clumps"
_DAY = attrgetter("day")
_NIGHT = timedelta(days=1)


class Draw(Struct, frozen=True):
    """One blood draw."""

    day: date
    start: datetime
    end: datetime
    effective: str
    results: dict[str, tuple[Result, ...]]
    own: dict[str, Quantity]
    """What was measured or derived in this draw, bounded by treatment."""
    counts: dict[str, Quantity] = {}
    """The same, with a missing count joined from the nearest draw."""

    @property
    def refs(self) -> tuple[str, ...]:
        """The resources of the draw, sorted."""
        return tuple(sorted({one.source.ref for many in self.results.values() for one in many}))

    @property
    def last_day(self) -> date:
        """The last day that it may be of."""
        return max(one.when.last_day for many in self.results.values() for one in many)

    @property
    def cited(self) -> set[str]:
        """The resources of the draw and those that bound or complete its counts."""
        found = {one.source.ref for many in self.results.values() for one in many}
        found.update([one.source.ref for own in self.counts.values() for one in own.proof])
        return found


def read_draws(
    results: Iterable[Result], numbers: Numbers, support: Mapping[str, Support]
) -> tuple[Draw, ...]:
    """All draws of a patient in order of time; the results come in the order of `order_of`."""
    groups = _grouped([one for one in results if one.analyte in BLOOD_ANALYTES])
    draws = sorted(
        (_draw(group, numbers, support) for group in groups),
        key=lambda one: (one.start, one.end),
    )
    return _joined(_clumped(draws), numbers)


def _clumped(draws: Sequence[Draw]) -> Sequence[Draw]:
    """Clumps of no platelets of their own, told by a day, are of any draw of that day."""
    stray = [
        one
        for draw in draws if CLUMPS in draw.results and "platelets" not in draw.results
        for one in draw.results[CLUMPS]
        if may_be_clumped(one) and one.when.last_day - one.when.first_day <= _NIGHT
    ]  # fmt: skip
    if not stray:
        return draws
    found = list(draws)
    for one in stray:
        first = bisect_left(draws, one.when.first_day, key=_DAY)
        for place in range(first, bisect_right(draws, one.when.last_day, key=_DAY)):
            draw = found[place]
            if draw.start <= one.when.end and one.when.start <= draw.end:
                own = {**draw.own, "platelets": clumped(draw.own["platelets"], (one,))}
                found[place] = replace(draw, own=own, counts=own)
    return found


def _grouped(results: Sequence[Result]) -> list[list[Result]]:
    """Union of everything that shares a specimen, an accession or an effective time."""
    # A specimen name used again on another day is another draw.
    root = united(
        ((key, one.when.first_day), (one.when.start, one.when.end))
        for one in results
        for key in one.draw_keys
    )
    groups: dict[Hashable, list[Result]] = {}
    for times, many in groupby(results, attrgetter("when.start", "when.end")):
        groups.setdefault(root(times), []).extend(many)
    return list(groups.values())


def _draw(sent: list[Result], numbers: Numbers, support: Mapping[str, Support]) -> Draw:
    ordered = checked(sent, numbers)
    results = grouped(ordered, attrgetter("analyte"))
    end = max([one.when.end for one in ordered])
    own = counted(results, numbers)
    if ordered is not sent:
        own = {
            name: replace(one, proof=with_those_beside(one.proof, results))
            for name, one in own.items()
        }
    last = max([one.when.last_day for one in ordered])
    first = ordered[0].when
    for name, treated in support.items():
        own[name] = _bounded(own[name], treated.raises(first.first_day, last, end))
    return Draw(first.first_day, first.start, end, first.text, results, own, own)


def _bounded(quantity: Quantity, cause: Event | None) -> Quantity:
    """A platelet count after a transfusion proves only that there were no more; so does an ANC
    after a growth factor."""
    if cause is None or not isinstance(quantity.reading, Interval):
        return quantity
    bound = at_most_reported(quantity.reading)
    return replace(quantity, reading=bound, proof=(*quantity.proof, cause), bounded=True)


def _joined(draws: Sequence[Draw], numbers: Numbers) -> tuple[Draw, ...]:
    reach = timedelta(hours=numbers.join.days)
    if all(one.own[name].reading is not None for one in draws for name in COUNTS):
        return tuple(draws)
    lenders = {name: _lenders(draws, name) for name in COUNTS}
    found = []
    for draw in draws:
        lent = {
            name: replace(near.own[name], joined=True)
            for name in COUNTS
            # Of a draw whose day is not told nobody knows what lies near.
            if draw.own[name].reading is None
            and draw.end - draw.start <= reach
            and (near := _nearest(draw, lenders[name], reach)) is not None
        }
        found.append(replace(draw, counts={**draw.own, **lent}) if lent else draw)
    return tuple(found)


class _Lenders(Struct, frozen=True):
    """The draws that have a count, by their start."""

    draws: list[Draw]
    starts: list[datetime]
    ends: list[datetime]
    """The latest end of each draw and all before it."""


def _lenders(draws: Sequence[Draw], name: str) -> _Lenders:
    holders = [one for one in draws if one.own[name].reading is not None]
    ends = list(accumulate((one.end for one in holders), max))
    return _Lenders(holders, [one.start for one in holders], ends)


def _nearest(draw: Draw, lenders: _Lenders, reach: timedelta) -> Draw | None:
    """The nearest draw that has the count, the earlier on a tie, within the reach."""
    place = bisect_left(lenders.starts, draw.start)
    near = lenders.draws[place : place + 1]
    if place:
        # A count dated by its day alone lasts longer than one that was drawn after it began.
        longest = min(draw.start, lenders.ends[place - 1])
        near.append(lenders.draws[bisect_left(lenders.ends, longest)])
    gaps = [(_gap(draw, one), one.start, one) for one in near]
    best = min(gaps, key=lambda entry: entry[:2], default=None)
    return best[2] if best is not None and best[0] <= reach else None


def _gap(one: Draw, two: Draw) -> timedelta:
    return max(two.start - one.end, one.start - two.end, timedelta())


def count_of(draw: Draw, name: str) -> Quantity:
    """A count of the draw, its own or lent; nothing for what is no count of blood."""
    return draw.counts.get(name, NOTHING)
