"""What all steps of one patient share: the facts, the rules, and what was worked out once."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache

from msgspec.structs import replace

from fhir_remission.domain.course.courses import (
    Baseline,
    Course,
    background_of,
    baseline_of,
    first_course,
)
from fhir_remission.domain.course.scope import read_signs
from fhir_remission.domain.course.world import Key, Said, Side, World
from fhir_remission.domain.criteria.rules import Category, CriteriaSet
from fhir_remission.domain.evaluation.criterion import plan_of
from fhir_remission.domain.evaluation.marrow import Evaluation, recorded_by
from fhir_remission.domain.evaluation.reached import Scale
from fhir_remission.domain.evaluation.windows import Window
from fhir_remission.domain.nouns.inputs import Claim, Interval
from fhir_remission.domain.nouns.intervals import Reading
from fhir_remission.domain.nouns.verdicts import NOTHING, SILENT, day_of, has_a_day
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.marrows import Marrow


@lru_cache
def _claims_of(
    criteria: CriteriaSet,
) -> tuple[Mapping[str, Category], Mapping[str, int], Scale]:
    """The rows of a set by their names, the first of each, their ranks and their scale."""
    rows: dict[str, Category] = {}
    for row in criteria.category:
        rows.setdefault(row.id, row)
    return rows, {name: rank for rank, name in enumerate(rows)}, Scale(rows)


class Ground:
    """One patient and one set of criteria."""

    def __init__(self, facts: Facts, *, strict: bool) -> None:
        self.facts, self.strict = facts, strict
        self.signs = read_signs(facts)
        self.claims = _with_onsets(facts)
        self.out, self.relapse = facts.criteria.outcomes, facts.criteria.relapse
        self.line: Decimal = facts.numbers.disease_blasts.value
        self.rows, self.order, self.scale = _claims_of(facts.criteria)
        self.first, self.recorded = first_course(facts), recorded_by(facts)
        self.found: dict[object, Evaluation] = {}
        self.windows: dict[object, Window] = {}
        self._courses: dict[tuple[date, int | None, bool], tuple[Course, Baseline]] = {}
        self._alike: dict[object, World] = {}
        self._measures: dict[tuple[date, int | None], tuple[object, ...]] = {}
        self.uncertain = {at for at, one in enumerate(facts.marrows) if not one.certain}
        """The marrows that may not have been there at all."""
        self.sides = [_sides_of(one, self.line) for one in facts.marrows]
        self._resolved: dict[frozenset[tuple[Key, Side]], Facts] = {}

    def course(self, world: World) -> tuple[Course, Baseline]:
        """The course of a world, and what it is measured against."""
        key = (world.opened, world.by, world.again)
        if key not in self._courses:
            blasts = NOTHING if world.by is None else self.facts.marrows[world.by].blasts
            course = Course(
                world.opened, world.opened, certain=True, relapsed=world.again,
                relapse_blasts=blasts,
            )  # fmt: skip
            is_first = world.opened == self.first.opened and not world.again
            if is_first and self.first.surely == date.min:
                course = self.first
            self._courses[key] = (course, baseline_of(self.facts, course))
        return self._courses[key]

    def resolved(self, told: dict[Key, Side]) -> Facts:
        """The record as one trial reads it."""
        if not told:
            return self.facts
        key = frozenset(told.items())
        if key not in self._resolved:
            self._resolved[key] = as_told(self.facts, told, self.line)
        return self._resolved[key]

    def forget(self) -> None:
        """Nothing of this step is asked for again."""
        self._resolved, self.found, self.windows = {}, {}, {}

    def same_course(self, world: World) -> World:
        """One of all relapses that no later anchor can tell apart."""
        begun = bisect_left(self.facts.therapy.begun, world.opened)
        return self._alike.setdefault((begun, *self._measure(world)), world)

    def from_now_on(self, world: World, day: date) -> object:
        """What later anchors can tell of which relapse opened a course, once it was treated."""
        start = self.course(world)[1].start
        if start is None or (day - start.day).days < plan_of(self.facts.criteria).patience:
            return world.opened, world.by
        return self._measure(world)

    def _measure(self, world: World) -> tuple[object, ...]:
        """What a course opened by a relapse is measured against, and what belongs to it."""
        key = (world.opened, world.by)
        if key not in self._measures:
            found = self.course(world)
            back, blasts = background_of(self.facts, *found, SILENT), found[1].blasts.reading
            # What somebody said of a remission before that day is no word of this course.
            claims = (one.when for one in self.facts.record.claims)
            told = tuple(when is not None and when.last_day < world.opened for when in claims)
            self._measures[key] = (
                bisect_left(self.facts.extramedullary.days, world.opened),
                told,
                blasts if isinstance(blasts, Interval) else None,
                back.baseline_blood_blasts.reading,
                *(one.reading for one in back.baseline_counts.values()),
                back.lesion_before_therapy.state,
            )
        return self._measures[key]

    def counts_unsure(self, opened: date, day: date) -> bool:
        """Whether a count reported between two days, both with them, is no single number."""
        return bisect_left(self._unsure, opened) < bisect_right(self._unsure, day)

    @cached_property
    def _unsure(self) -> list[date]:
        """The days of counts that cannot be told, in order of time."""
        names = [one.analyte for one in plan_of(self.facts.criteria).lineages]
        return [
            draw.day for draw in self.facts.draws
            if any(_is_unsure(draw.own[name].reading) for name in names)
        ]  # fmt: skip

    def better(self, *names: str) -> str:
        """The best of some answers of the table; one that is none of it is the least."""
        last = len(self.order)
        return min(names, key=lambda name: self.order.get(name, last))


def _sides_of(marrow: Marrow, line: Decimal) -> tuple[Side, ...]:
    """Where a marrow may lie: below the line, at or above it, or nowhere."""
    if marrow.inadequate:
        return (None,)
    reached = marrow.reaches(line)
    ways: tuple[Side, ...] = (False, True) if reached is None else (reached,)
    return ways if marrow.stands else (*ways, None)


def _is_unsure(reading: Reading) -> bool:
    """Whether a count was reported and may be one of many."""
    return reading is not None and not (
        isinstance(reading, Interval) and reading.low == reading.high
    )


def _with_onsets(facts: Facts) -> tuple[Claim, ...]:
    """What somebody said; an onset tells when only where another diagnosis lies before it.

    Sites recode the diagnosis itself, and leave its onset, when a remission begins.
    """
    if not facts.record.claims:
        return ()
    diagnosed = [
        (day_of(one), one.source.ref)
        for one in facts.events.get("aml-diagnosis", ())
        if one.when is not None and one.certainty == "confirmed"
    ]
    return tuple(
        one if one.onset is None
        or any(day < one.onset and ref != one.source.ref for day, ref in diagnosed)
        else replace(one, onset=None)
        for one in facts.record.claims
    )  # fmt: skip


def as_told(facts: Facts, told: Mapping[Key, Side], line: Decimal) -> Facts:
    """The facts with each unknown thing as it was told."""
    marrows, smears, lesions = list(facts.marrows), list(facts.smears), dict[date, bool]()
    for (kind, at), way in told.items():
        if kind == "marrow":
            marrows[at] = _sided(marrows[at], way, line)
        elif kind == "smear":
            smears[at] = replace(smears[at], state="present" if way else "absent")
        elif kind == "lesion":
            lesions[date.fromordinal(at)] = bool(way)
    lesion = replace(facts.extramedullary, told=lesions)
    return replace(facts, marrows=marrows, smears=smears, extramedullary=lesion)


def _sided(marrow: Marrow, way: Side, line: Decimal) -> Marrow:
    """The marrow on one side of the line of disease; where there is none, nobody asks for it."""
    if way is None:
        return marrow
    if marrow.reaches(line) is None:
        reading = marrow.blasts.reading
        known = reading if isinstance(reading, Interval) else Interval(Decimal(0), None)
        if way:
            told = Interval(line, known.high, high_open=known.high_open)
        else:
            told = Interval(known.low, line, known.low_open, high_open=True)
        marrow = replace(marrow, blasts=replace(marrow.blasts, reading=told))
    if not marrow.certain:
        results = tuple(replace(one, standing="usable") for one in marrow.results)
        marrow = replace(marrow, results=results)
    return marrow


def said_later(claim: Claim, day: date) -> bool:
    """Whether a remission that is claimed without a date had not begun before the day."""
    return claim.says == "remission" and claim.onset is not None and claim.onset >= day


def nothing_yet(ground: Ground) -> Said:
    """What stands before the first anchor."""
    facts, opened = ground.facts, ground.first.opened
    known = bool(facts.marrows or facts.events.get("aml-diagnosis"))
    first = facts.marrow_days[0] if facts.marrow_days else date.max
    claimed = any(
        (one.when.first_day < first) if one.when is not None else not said_later(one, first)
        for one in ground.claims
        if one.says in ("remission", "relapse")
    )
    return Said(
        category=ground.out.not_evaluable,
        state="untreated" if known and not claimed else "unknown",
        since=opened if known and not claimed and _is_a_day(facts, opened) else None,
    )


def _is_a_day(facts: Facts, opened: date) -> bool:
    """Whether somebody told the day on which the course opened: of a diagnosis, or a marrow."""
    diagnosed = [one for one in facts.events.get("aml-diagnosis", ()) if day_of(one) == opened]
    told = not diagnosed or opened in facts.marrow_days or has_a_day(diagnosed)
    return told and opened > date.min
