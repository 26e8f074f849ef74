"""One step in one world: what it asks, and the marrow it stands at with everything around it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from fhir_remission.domain.course.budget import FEW
from fhir_remission.domain.course.courses import background_of, memory_of
from fhir_remission.domain.course.ground import Ground
from fhir_remission.domain.course.scope import (
    Gate,
    diagnosis_gate,
    early_cycle,
    evaluation_gate,
    repeats_of,
)
from fhir_remission.domain.course.trials import Trial
from fhir_remission.domain.course.world import Key, Said, Side, World
from fhir_remission.domain.criteria.rules import Category
from fhir_remission.domain.evaluation.criterion import speaks_against_disease
from fhir_remission.domain.evaluation.marrow import Evaluation, Look, Way, evaluate
from fhir_remission.domain.evaluation.windows import Window, window_of
from fhir_remission.domain.nouns.assessment import Assumption
from fhir_remission.domain.nouns.verdicts import SignReading
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.marrows import Marrow
from fhir_remission.domain.record.therapy import Cycle
from fhir_remission.domain.record.wholes import with_those_beside


class Case(NamedTuple):
    """One marrow in one world, and everything around it that decides how it is looked at."""

    facts: Facts
    place: int
    marrow: Marrow
    window: Window
    early: Cycle | None
    repeat: Marrow | None
    """The marrow soon after it that disagrees, and decides."""
    side: Side
    diagnosis: Gate
    gate: Gate
    """Whether it is a response evaluation at all."""

    @property
    def capped(self) -> bool:
        """Whether it can prove no remission, whatever the counts."""
        return self.early is not None or (self.repeat is not None and self.side is not True)


class Step:
    """One trial of one step."""

    def __init__(self, ground: Ground, trial: Trial, day: date) -> None:
        self.ground, self.trial, self.day = ground, trial, day

    @property
    def facts(self) -> Facts:
        """The record as this trial reads it."""
        return self.ground.resolved(self.trial.told)

    def side(self, place: int) -> Side:
        """Whether the marrow is diseased; None where there is none to judge."""
        self.trial.look(self.ground.facts.marrows[place].results)
        return self.trial.tell(("marrow", place), self.ground.sides[place])

    def lesion(self, day: date) -> bool:
        """Whether disease outside the marrow was told of on the day."""
        sign = self.ground.facts.extramedullary.on(day)
        self.trial.look(sign.proof)
        if sign.state == "unknown":
            return bool(self.trial.tell(("lesion", day.toordinal()), (False, True)))
        return sign.state == "present"

    def smear(self, place: int) -> bool | None:
        """Whether the blood held blasts; None where nobody looked."""
        sign = self.ground.facts.smears[place]
        self.trial.look(with_those_beside(sign.proof, self.ground.facts.draws[place].results))
        if sign.state == "unknown":
            return bool(self.trial.tell(("smear", place), (False, True)))
        return {"present": True, "absent": False}.get(sign.state)

    def smears_of(self, day: date) -> dict[int, bool | None]:
        """What each draw of a day says of blasts."""
        return {place: self.smear(place) for place in self.ground.facts.draws_between(day, day)}

    def repeat(self, place: int, side: Side) -> Marrow | None:
        """The first marrow soon after this one that lies on the other side of the line."""
        if side is None:
            return None
        near = repeats_of(self.ground.facts, place)
        # What cannot prove that there are none takes no disease back (2.6).
        return self.first_on((one for one in near if not side or self.settles(one)), not side)

    def settles(self, place: int) -> bool:
        """Whether a marrow, if it is below the line, stands against disease seen beside it."""
        facts = self.ground.facts
        found = speaks_against_disease(facts.criteria, facts.marrows[place])
        if found is None:
            return bool(self.trial.tell(("quality", place), (True, False)))
        return found

    def first_on(self, places: Iterable[int], side: bool) -> Marrow | None:  # noqa: FBT001
        """The first of some marrows to come that lies on this side of the line.

        Of many that cannot be read the later ones are not told one by one: that any of them lies
        there is one way, and where it is is left open.
        """
        unread, left = 0, False
        for place in places:
            ways = self.ground.sides[place]
            if side not in ways:
                continue
            unread += len(ways) > 1
            if unread > FEW and len(ways) > 1:
                self.trial.look(self.ground.facts.marrows[place].results)
                if not left and self.trial.pick((False, True), "marrow"):
                    return self.ground.facts.marrows[place]
                left = True
            elif self.side(place) is side:
                return self.facts.marrows[place]
        return None

    def case(self, place: int, side: Side) -> Case:
        """Decide everything near the marrow that is unknown, and look at it."""
        ground = self.ground
        marrow = ground.facts.marrows[place]
        self._near_marrows(place)
        reach = timedelta(days=ground.facts.numbers.window_after.days)
        before = marrow.day - timedelta(days=1)
        days = ground.facts.extramedullary.days
        for day in days[bisect_right(days, before) : bisect_right(days, marrow.day + reach)]:
            if self.lesion(day):
                break
        repeat = self.repeat(place, side)
        window = self._window(place, marrow.day)
        facts = self.facts
        early = early_cycle(facts, marrow)
        diagnosis, gate = self.gates(marrow)
        early_events = early.events if early is not None else ()
        self.trial.look(window.cut_proof, gate.proof, diagnosis.proof, early_events)
        return Case(
            facts, place, facts.marrows[place], window, early, repeat, side, diagnosis, gate
        )

    def gates(self, marrow: Marrow) -> tuple[Gate, Gate]:
        """Whether it is this leukaemia, and whether the marrow is a response evaluation."""
        facts, signs = self.ground.facts, self.ground.signs
        return diagnosis_gate(facts, signs, marrow.day), evaluation_gate(facts, signs, marrow)

    def _near_marrows(self, place: int) -> None:
        """The first marrow after this one that is there at all ends its window."""
        facts = self.ground.facts
        near = facts.marrows_after(place, facts.numbers.window_after.days)
        for later, _ in enumerate(near, start=place + 1):
            if later not in self.ground.uncertain or self.side(later) is not None:
                return

    def _window(self, place: int, day: date) -> Window:
        facts = self.ground.facts
        window = self._days(place)
        unread = [one for one in window.places if facts.smears[one].state == "unknown"]
        for one in unread:
            if len(unread) <= FEW or facts.draws[one].day == day:
                self.smear(one)
        refused = dict(window.refused)
        for count, one in enumerate(window.unsure):
            self.trial.look(*(own.proof for own in facts.draws[one].own.values()))
            if count >= FEW or self.trial.tell(("draw", one), (False, True)):
                refused[one] = "a later draw up to the marrow may be lower"
        return replace(window, refused=refused)

    def _days(self, place: int) -> Window:
        """The days of a window: a lesion may cut it, and a marrow that may be there."""
        uncertain, windows = self.ground.uncertain, self.ground.windows
        told = self.trial.told.items()
        cut = (one for one in told if one[0][0] == "lesion"
               or (one[0][0] == "marrow" and one[0][1] in uncertain))  # fmt: skip
        key = (place, frozenset(cut))
        if key not in windows:
            windows[key] = window_of(self.facts, place)
        return windows[key]

    def evaluated(self, world: World, kept: Said, case: Case) -> Evaluation:
        """Judge the marrow with its window against the rows that it may prove."""
        ground = self.ground
        had = world.had or world.phase == "remission"
        told = frozenset(one for one in self.trial.told.items() if _matters(one[0], case.place))
        within = (case.window.cut_by, case.window.last, *case.window.refused)
        key = (case.place, case.capped, had, world.opened, world.by, world.again, told, within)
        if key not in ground.found:
            rows = ground.facts.criteria.category
            if case.capped:
                rows = tuple(row for row in rows if row.early)
            course, baseline = ground.course(world)
            prior = SignReading("present", kept.ground) if had else SignReading("absent")
            background = background_of(case.facts, course, baseline, prior)
            memory = memory_of(case.facts, course)
            look = Look(
                case.place, case.window, rows, memory, background, ground.recorded, ground.strict
            )
            ground.found[key] = evaluate(case.facts, look)
        found = ground.found[key]
        self.trial.look(*found.proofs)
        baseline = ground.course(world)[1]
        if baseline.blasts.reading is None and baseline.start is not None:
            # A marrow of later cycles would be the baseline, had therapy begun with one of them.
            self.trial.look(baseline.start.events)
        return found

    def assumed(
        self, world: World, case: Case, way: Way, row: Category | None
    ) -> tuple[Assumption, ...]:
        """All that was assumed: by the criteria, of the diagnosis, of the therapy."""
        facts = self.ground.facts
        every = {*way.assumptions, *case.diagnosis.assumptions, *case.gate.assumptions}
        asks = row.needs_therapy if row is not None else way.answer == self.ground.out.no_response
        if asks and self.ground.course(world)[1].start is None and not world.again:
            rule = facts.criteria.assume.therapy_before_marrow
            every.add(Assumption("therapy-before-marrow", rule.level))
        return tuple(sorted(every, key=lambda one: (one.id, one.cls)))


def _matters(key: Key, place: int) -> bool:
    """Whether a marrow is judged by this; another marrow only cuts its window."""
    return key[0] in ("smear", "lesion") or key == ("marrow", place)


def limits_of(case: Case) -> tuple[str, ...]:
    """The flags that the surroundings raise."""
    flags = list(case.marrow.flags)
    if case.early is not None:
        flags.append("early-marrow")
    if case.repeat is not None:
        flags.append("contradicted-by-next-marrow")
    return tuple(flags)
