"""From judgements to a category: the first row that is proved, and what else is still possible.

Possible categories are found by trying every way in which what is unknown could turn out: a wide
value is taken apart at the thresholds of the set, an unknown answer is tried both ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product as combinations

from msgspec import Struct
from msgspec.structs import replace

from fhir_remission.domain.criteria.kinds import AnyMet
from fhir_remission.domain.criteria.rules import Category, CriteriaSet
from fhir_remission.domain.evaluation.changes import read
from fhir_remission.domain.evaluation.criterion import (
    Judgements,
    Plan,
    judge_all,
    of_marrow,
    plan_of,
)
from fhir_remission.domain.evaluation.views import View
from fhir_remission.domain.nouns.assessment import Assumption, Confidence, Verdict
from fhir_remission.domain.nouns.inputs import Interval
from fhir_remission.domain.nouns.intervals import Reading, holds, hull, pieces
from fhir_remission.domain.nouns.verdicts import Judgement, Quantity, judged

NONE: frozenset[str] = frozenset()
HOLDS = (Verdict.MET, Verdict.ASSUMED)
LEVELS: tuple[Confidence, ...] = ("proved", "routine", "material")


def confidence_of(assumptions: Sequence[Assumption]) -> Confidence:
    """How much the weightiest assumption weighs."""
    weights = [one.cls for one in assumptions]
    return "material" if "material" in weights else "routine" if weights else "proved"


class Choice(Struct, frozen=True):
    """What one view proves."""

    row: Category | None
    """The first row whose every criterion holds."""
    answer: str
    """The row's category, or one of the set's other outcomes."""
    judgements: dict[str, Judgement]
    ways: Mapping[str, tuple[Assumption, ...]]
    """Every answer that the unknown leaves open, with what it rests on; never none."""
    held: frozenset[str] = frozenset()
    """Better answers that nothing but a policy holds back."""
    uncounted: frozenset[str] = frozenset()
    """Those of them that a count would decide: no count of the draw can be read."""

    def level(self, answer: str) -> int:
        """What one of its answers rests on: 0 proof, 1 routine, 2 material assumptions."""
        return LEVELS.index(confidence_of(self.ways[answer]))


class Chooser:
    """Judges views of one marrow, and remembers what each pattern of verdicts leaves possible."""

    def __init__(self, criteria: CriteriaSet, rows: Sequence[Category], *, strict: bool) -> None:
        self.criteria = criteria
        self.rows = rows
        self.strict = strict
        self.plan = plan_of(criteria)
        self._remissions = frozenset({one.id for one in rows if one.remission})
        self._of_marrow: Judgements | None = None

    def choose(self, view: View) -> Choice:
        """The category one view proves, or why none."""
        if self._of_marrow is None:
            self._of_marrow = of_marrow(self.plan, view)
        found = judge_all(self.criteria, view, strict=self.strict, known=self._of_marrow)
        undecided = self.criteria.outcomes.undecided
        uncounted = bool(self._remissions) and _uncounted(self.criteria, view)
        rows = [one for one in self.rows if not one.remission] if uncounted else self.rows
        # Remissions that some count would give.
        lacks = NONE
        if uncounted:
            lacks = self._remissions & self._ways(view, found, self.rows).keys()
        held = lacks | self._cleared(view, found)
        if uncounted and held & self._remissions and not any(one.early for one in rows):
            # No category is left for a marrow without counts: the set has no lower claim.
            counted = self._ways(view, found, self.rows)
            none = {one: () for one in (undecided, *counted) if one not in self._remissions}
            return Choice(None, undecided, found, none, held, lacks)
        row = proved(rows, found)
        answer = self._fallback(found, rows) if row is None else row.id
        if answer == undecided or _is_open_above(answer, found, rows):
            return Choice(row, answer, found, self._ways(view, found, rows), held, lacks)
        rests = assumed(row, found) if row is not None else ()
        return Choice(row, answer, found, {answer: rests}, held, lacks)

    def _fallback(self, found: Judgements, rows: Sequence[Category]) -> str:
        """Why no row holds: is one open, or lacks it but a good marrow, or has each failed?"""
        outcomes = self.criteria.outcomes
        if any(_unsettled(row.requires, found) for row in rows):
            return outcomes.undecided
        good = {**found, **self.plan.good}
        if proved(rows, good) is not None:
            return outcomes.not_evaluable
        open_end = any(_unsettled(row.requires, good) for row in rows)
        return outcomes.undecided if open_end else outcomes.no_response

    def _cleared(self, view: View, found: Judgements) -> frozenset[str]:
        """Claims that a clean sample could still give where only an old one forbids them."""
        if True not in [one.open for one in view.signs.values()]:
            return NONE
        opened = {name: Judgement(Verdict.UNKNOWN) for name, one in found.items() if one.open}
        claims = frozenset({one.id for one in self.rows if one.claim})
        return claims & self._ways(view, {**found, **opened}, self.rows).keys()

    def _ways(
        self, view: View, found: Judgements, rows: Sequence[Category]
    ) -> dict[str, tuple[Assumption, ...]]:
        """Every answer that some way out of the unknown gives; the weightiest assumptions stand."""
        ways: dict[str, tuple[Assumption, ...]] = {}
        for way in self._resolved(view, found):
            row = proved(rows, way)
            answer = row.id if row is not None else self._fallback(way, rows)
            rests = assumed(row, way) if row is not None else ()
            if answer not in ways or _weight(rests) > _weight(ways[answer]):
                ways[answer] = rests
        return ways

    def _resolved(self, view: View, found: Judgements) -> Iterator[Judgements]:
        analytes = _unsure_analytes(self.plan, found)
        options = [_distinct(self.plan, view, name) for name in analytes]
        for values in combinations(*options):
            settled = dict(zip(analytes, values, strict=True))
            world = replace(view, quantities={**view.quantities, **settled})
            judgements = judge_all(self.criteria, world, strict=self.strict)
            yield from self._both_ways(judgements, found)

    def _both_ways(self, judgements: Judgements, found: Judgements) -> Iterator[Judgements]:
        """Try each answer that no number settles both ways; composites follow their parts."""
        composites = self.plan.composites
        names = {one.id for one in composites}
        unsure = [
            name
            for name, one in judgements.items()
            if name not in names
            and (one.open or one.verdict is Verdict.UNKNOWN)
            and found[name].verdict is Verdict.UNKNOWN
        ]
        for answers in combinations((True, False), repeat=len(unsure)):
            world = dict(judgements)
            world.update(zip(unsure, map(judged, answers), strict=True))
            for one in composites:
                parts = [world[part].verdict in HOLDS for part in one.of]
                world[one.id] = judged(any(parts) if isinstance(one, AnyMet) else not all(parts))
            yield world


def proved(rows: Sequence[Category], found: Judgements) -> Category | None:
    """The first row whose every criterion holds."""
    for row in rows:
        for name in row.requires:
            if found[name].verdict not in HOLDS:
                break
        else:
            return row
    return None


def assumed(row: Category, found: Judgements) -> tuple[Assumption, ...]:
    """The assumptions on which the row rests, each once."""
    every = {one for name in row.requires if (one := found[name].assumption) is not None}
    return tuple(sorted(every, key=lambda one: one.id))


def _weight(rests: Sequence[Assumption]) -> tuple[int, int]:
    return LEVELS.index(confidence_of(rests)), len(rests)


def _uncounted(criteria: CriteriaSet, view: View) -> bool:
    """Whether no count of the draw can be read: an interval of all values is no count."""
    for reading in _counts(criteria, view):
        if isinstance(reading, Interval) and (reading.low or reading.high is not None):
            return False
    return True


def was_counted(criteria: CriteriaSet, view: View) -> bool:
    """Whether a count of the draw was reported at all."""
    return any(reading is not None for reading in _counts(criteria, view))


def _counts(criteria: CriteriaSet, view: View) -> Iterator[Reading]:
    """What the draw says of each lineage."""
    for one in plan_of(criteria).lineages:
        yield view.quantity(one.analyte).reading


def _unsettled(names: Sequence[str], found: Judgements) -> bool:
    """Whether none of the criteria has failed."""
    return Verdict.NOT_MET not in [found[name].verdict for name in names]


def _is_open_above(answer: str, found: Judgements, rows: Sequence[Category]) -> bool:
    """Whether a row before that of the answer has not failed."""
    for row in rows:
        if row.id == answer:
            return False
        if _unsettled(row.requires, found):
            return True
    return False


def _unsure_analytes(plan: Plan, found: Judgements) -> list[str]:
    unsure = {one.analyte for one in plan.thresholds if found[one.id].verdict is Verdict.UNKNOWN}
    return sorted(unsure)


def _distinct(plan: Plan, view: View, analyte: str) -> list[Quantity]:
    """The pieces of a wide value that the thresholds tell apart, each as wide as it is.

    A criterion that asks for a change has its own line, and one value of a piece does not speak for
    the rest of it: what it leaves unknown there is tried both ways.
    """
    whole = view.quantity(analyte)
    tests = [(one.op, one.value) for one in plan.thresholds if one.analyte == analyte]
    told: dict[tuple[bool | None, ...], Interval] = {}
    for piece in pieces(read(whole), [cut for _, cut in tests]):
        key = tuple(holds(piece, op, cut) for op, cut in tests)
        told[key] = hull((told[key], piece)) if key in told else piece
    return [replace(whole, reading=piece) for piece in told.values()]
