"""Courses that nobody has seen before, read worse or robbed: what may not happen, many times over.

python -m tests.domain.search_courses --anchors 2000 --checks 10000 --seed 1
python -m tests.domain.search_courses --anchors 2000 --checks 0 --criteria eln-2017 --dense

Containment: with 1, 3 and 8 values made unreadable, each answer of the whole record is still said
or named, and a state that is still said is the one it was. P1 to P3: worse known or robbed of
support, nothing claims more. What is found is told by its seed and set.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

from msgspec.structs import replace

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.inputs import Event, PatientRecord, Result, When
from fhir_remission.domain.record.marrows import QUALITY
from tests.domain.builder import Course, judge
from tests.domain.generated import course_of, dense_course_of
from tests.domain.test_properties import (
    SETS,
    by_anchor,
    degrade,
    degraded,
    references,
    remove,
)

DEGRADED = (1, 3, 8)
TOLD = 40
"""Kinds of open answers that are printed."""
Key = tuple[str, str]
Worse = Callable[[PatientRecord, int, Random, Counter[str], str], Iterator[str]]
BLURRED = (
    "blasts-marrow", "blasts-blood", "extramedullary-disease", "therapy-start", "extramedullary",
    "transplant",
)  # fmt: skip
One = TypeVar("One", bound=Result | Event)
UNDECIDED = ("IND", "NE")
BEYOND = "too-many-unknowns"
TREATED = ("active-disease", "relapsed")
"""States that a start of therapy turns into a wait."""


def named(one: Assessment) -> set[str]:
    """Every answer that is said or named."""
    return {one.category, *one.candidates, *one.possible_higher}


def lost(
    record: PatientRecord, many: int, dice: Random, seen: Counter[str], name: str = "eln-2022"
) -> Iterator[str]:
    """What is no longer named, or said wrongly, when so many values cannot be read."""
    results = list(record.results)
    for place in dice.sample(range(len(results)), min(many, len(results))):
        results[place] = degraded(results[place], 0)
    yield from missed(record, replace(record, results=tuple(results)), seen, name)


def blurred(
    record: PatientRecord, many: int, dice: Random, seen: Counter[str], name: str = "eln-2022"
) -> Iterator[str]:
    """The same, when so many marrows, smears, lesions or starts are told by their month."""
    kind = dice.choice(BLURRED)
    every: tuple[Result | Event, ...] = (*record.results, *record.events)
    told = [one for one in every if kind == kind_of(one)]
    chosen = [one for one in dice.sample(told, min(many, len(told))) if one.when is not None]
    marrows = {one.when for one in chosen if kind_of(one) == "blasts-marrow"}

    def moved(one: Result | Event) -> bool:
        return one in chosen or (kind_of(one) in QUALITY and one.when in marrows)

    less = replace(
        record,
        results=tuple(by_month(one) if moved(one) else one for one in record.results),
        events=tuple(by_month(one) if moved(one) else one for one in record.events),
    )
    yield from missed(record, less, seen, name)
    now, then = judge(record, name)[-1], judge(less, name)[-1]
    says = then.candidates or then.category not in UNDECIDED
    if says and now.category not in {*UNDECIDED, *named(then)} and now.reason != BEYOND:
        yield f"now: {now.category} is not in {sorted(named(then))}"


def kind_of(one: Result | Event) -> str:
    """What it is of."""
    return one.analyte if isinstance(one, Result) else one.kind


def by_month(one: One) -> One:
    """The same, told by its month."""
    return one if one.when is None else replace(one, when=month_of(one.when))


def month_of(when: When) -> When:
    """The month of a day, as it is read."""
    first = datetime(when.start.year, when.start.month, 1, tzinfo=when.start.tzinfo)
    end = (first + timedelta(days=32)).replace(day=1)
    return When(first, end, first.date(), (end - timedelta(days=1)).date(), f"{first:%Y-%m}")


def missed(
    whole: PatientRecord, less: PatientRecord, seen: Counter[str], name: str
) -> Iterator[str]:
    """What less of a record no longer names, or says wrongly."""
    before, after = by_anchor(judge(whole, name)), by_anchor(judge(less, name))
    for key, one in after.items():
        old = before.get(key)
        if old is None or old.category in UNDECIDED or BEYOND in (old.reason, one.reason):
            continue
        seen["anchors"] += 1
        seen[f"  {one.state}: {' or '.join(sorted(named(one) - {'IND'})) or 'IND'}"] += 1
        if old.category not in named(one):
            yield f"{key}: {old.category} is not in {sorted(named(one))}"
        other_next = _next(before, key) != _next(after, key)
        if one.state not in ("unknown", old.state) and not _another_state(
            old, one, other_next=other_next
        ):
            yield f"{key}: {old.state} became {one.state}"


def _next(found: dict[Key, Assessment], key: Key) -> Key | None:
    """The anchor after this one: until then its state holds."""
    keys = list(found)
    place = keys.index(key) + 1
    return keys[place] if place < len(keys) else None


def _another_state(old: Assessment, one: Assessment, *, other_next: bool) -> bool:
    """States that differ though nothing is said wrongly.

    Without one readable count a marrow is MLFS, or of too few cells nothing (what stood before it
    stands), and no remission, whatever the counts were: a policy is one way (model, T26). And a
    start of therapy before the next anchor opens a wait: where another anchor is the next, that
    start falls to this one or no longer does.
    """
    held = {old.category, *old.possible_higher} & set(one.possible_higher)
    nothing = "inadequate-marrow" in one.flags
    lowest = not {"MLFS", "NE"}.isdisjoint((one.category, *one.candidates))
    # What follows from it is settled as well: without a remission two cycles are REFRACTORY.
    settled = one.category not in UNDECIDED
    policy = (nothing or lowest or settled) and bool(held)
    states = {old.state, one.state}
    waits = "awaiting-response" in states and not states.isdisjoint(TREATED)
    return policy or (waits and other_next)


def contained(
    anchors: int, first: int, name: str = "eln-2022", made: Callable[[Random], Course] = course_of,
    less: Worse = lost,
) -> int:  # fmt: skip
    """How many misses there were in so many anchors, for each number of values made worse."""
    misses = 0
    for many in DEGRADED[:1] if less is blurred else DEGRADED:
        seen: Counter[str] = Counter()
        seed, here = first, 0
        while seen["anchors"] < anchors:
            record = made(Random(seed)).record()
            for miss in less(record, many, Random(~seed), seen, name):
                here += 1
                where = f"{made.__name__}(Random({seed})), {name}"
                print(f"{where}, {many} {less.__name__}: {miss}", flush=True)
            seed += 1
        print(
            f"{many} {less.__name__}: {here} misses in {seen.pop('anchors', 0)} anchors", flush=True
        )
        print(kinds(seen), flush=True)
        misses += here
    return misses


def kinds(seen: Counter[str]) -> str:
    """How often which answers were left open together; the rare ones by their number."""
    rows = [f"{times:9}{kind}" for kind, times in seen.most_common(TOLD)]
    rare = seen.total() - sum(times for _, times in seen.most_common(TOLD))
    return "\n".join([*rows, f"{rare:9}  in {max(0, len(seen) - TOLD)} rarer kinds"])


def risen(checks: int, first: int) -> int:
    """How many of so many checks of P1, P2 and P3 found a claim that rose."""
    found, seed = 0, first
    done: Counter[str] = Counter()
    while done.total() < checks:
        name = SETS[seed % len(SETS)]
        record, dice = course_of(Random(seed)).record(), Random(~seed)
        before, refs = judge(record, name), references(record)
        try:
            for _ in range(4 if record.results else 0):
                done["P1"] += 1
                place = dice.randrange(len(record.results))
                degrade(record, before, name, place, dice.randrange(4))
            for _ in range(4 if refs else 0):
                done["P2 and P3"] += 1
                remove(record, before, name, dice.choice(refs))
        except AssertionError as error:
            found += 1
            print(f"course_of(Random({seed})), {name}: {error}", flush=True)
        seed += 1
    print(f"{found} violated in {dict(done)}", flush=True)
    return found


def main() -> int:
    """Both searches from a seed; 1 where anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--anchors", type=int, default=2000)
    parser.add_argument("--checks", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--criteria", default="eln-2022", help="the set of the containment")
    parser.add_argument("--blurred", action="store_true", help="days told by their month")
    parser.add_argument("--dense", action="store_true", help="marrows every few days")
    args = parser.parse_args()
    made = dense_course_of if args.dense else course_of
    less = blurred if args.blurred else lost
    found = contained(args.anchors, args.seed, args.criteria, made, less)
    return int(found + risen(args.checks, args.seed) > 0)


if __name__ == "__main__":
    sys.exit(main())
