"""One marrow with its window: the best category that one draw proves, and the trace of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct

from fhir_remission.domain.criteria.rules import Category, CriteriaSet
from fhir_remission.domain.evaluation.choice import Choice, Chooser, was_counted
from fhir_remission.domain.evaluation.criterion import OF_MARROW, Judgements, judge_all, plan_of
from fhir_remission.domain.evaluation.views import Background, Near, View
from fhir_remission.domain.evaluation.windows import BloodBlasts, Window, read_blood_blasts
from fhir_remission.domain.nouns.assessment import Assumption, Verdict
from fhir_remission.domain.nouns.inputs import Interval
from fhir_remission.domain.nouns.intervals import product, scaled
from fhir_remission.domain.nouns.verdicts import (
    NOTHING,
    Judgement,
    Proof,
    Quantity,
    SignReading,
)
from fhir_remission.domain.record.derived import measured
from fhir_remission.domain.record.draws import Draw
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.lasting import touches
from fhir_remission.domain.record.marrows import Marrow
from fhir_remission.domain.record.signs import Memory, agreed


class Way(Struct, frozen=True):
    """One answer that the marrow with its window may prove."""

    answer: str
    day: date
    """The later of the marrow and the draw that proves it, or that speaks for the answer."""
    assumptions: tuple[Assumption, ...]


class Tried(NamedTuple):
    """One draw of the window, read with the marrow."""

    place: int | None
    view: View
    choice: Choice


class Evaluation(Struct, frozen=True, eq=False):
    """What a marrow with its window proves."""

    category: str
    """The lowest answer that the record allows."""
    row: Category | None
    tried: tuple[Tried, ...]
    best: Tried
    """The draw that proves it, or that speaks for the answer."""
    window: Window
    ways: tuple[Way, ...]
    """Every answer that the record allows, the best first."""
    held: tuple[str, ...]
    """Better answers that nothing but a policy holds back."""
    uncounted: tuple[str, ...]
    """Better remissions that a count would decide, also where another draw may prove them: in the
    way in which it does not, they are held back all the same."""
    unread: tuple[str, ...]
    """Those of them whose count was reported, and cannot be read."""
    blood: BloodBlasts
    look: Look

    @property
    def view(self) -> View:
        """The chosen draw beside the marrow."""
        return self.best.view

    @property
    def judgements(self) -> Mapping[str, Judgement]:
        """Every criterion at the chosen draw."""
        return self.best.choice.judgements

    @property
    def day(self) -> date:
        """The response date of the answer."""
        return self.ways[-1].day if self.row is not None else self.best.view.day

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """All that was read: every criterion at every draw."""
        return tuple([o.proof for one in self.tried for o in one.choice.judgements.values()])

    @property
    def open(self) -> tuple[str, ...]:
        """Every answer that is open besides its own."""
        named = dict.fromkeys((*(one.answer for one in self.ways), *self.held))
        return tuple(one for one in named if one != self.category)


class Look(Struct, frozen=True):
    """A marrow and how it is to be looked at: what all draws of its window share."""

    place: int
    window: Window
    rows: tuple[Category, ...]
    memory: Memory
    """Of lesions."""
    background: Background
    recorded: frozenset[str]
    strict: bool


def evaluate(facts: Facts, look: Look) -> Evaluation:
    """Judge every draw of the window with the marrow, and take the best that one draw proves."""
    window, blood = look.window, _blood(facts, look)
    usable: list[int | None] = [one for one in window.places if one not in window.refused]
    chooser = Chooser(facts.criteria, look.rows, strict=look.strict)
    tried = []
    for one in usable or [None]:
        view = _view(facts, one, look, blood)
        tried.append(Tried(one, view, chooser.choose(view)))
    return _evaluation(facts.criteria, tried, look, blood)


def as_recorded(facts: Facts, found: Evaluation) -> Judgements:
    """Every criterion at the chosen draw, where nothing unknown has turned out in any way."""
    look = found.look
    view = _view(facts, found.best.place, look, _blood(facts, look))
    return judge_all(facts.criteria, view, strict=look.strict)


def _blood(facts: Facts, look: Look) -> BloodBlasts:
    day = facts.marrows[look.place].day
    return read_blood_blasts(facts.smears, look.window.places, facts.draws, day)


def _evaluation(
    criteria: CriteriaSet, tried: Sequence[Tried], look: Look, blood: BloodBlasts
) -> Evaluation:
    """The best that one draw is sure to prove, and what is better and may be proved."""
    rows, order = look.rows, _ranks(criteria)

    def least(one: Tried) -> str:
        return max(one.choice.ways, key=order.__getitem__)

    def rank(one: Tried) -> tuple[int, int, int]:
        verdicts = [] if one.choice.row else [j.verdict for j in one.choice.judgements.values()]
        name = least(one)
        return order[name], one.choice.level(name), verdicts.count(Verdict.NOT_MET)

    best = min(tried, key=rank)
    floor = order[least(best)]
    ways: dict[int, Way] = {}
    for one in (best, *tried):
        for name, rests in one.choice.ways.items():
            if order[name] <= floor:
                ways.setdefault(order[name], Way(name, one.view.day, rests))
    row = best.choice.row
    earlier = _earlier(criteria, tried, best) if row is not None and order[row.id] == floor else []
    found = (*(ways[rank] for rank in sorted(ways)), *earlier)
    named = {name for one in tried for name in one.choice.held if order[name] < floor}
    settled = len(found) == 1 or _one_side(found, rows)
    # Of several alternatives the one that is proved.
    taken = (one for one in (row, *rows) if one and one.id == found[-1].answer)
    lacking = [(name, one.view) for one in tried for name in one.choice.uncounted]
    unread = {name for name, view in lacking if was_counted(criteria, view)}
    return Evaluation(
        category=found[-1].answer,
        row=next(taken, None) if settled else None,
        tried=tuple(tried),
        best=best,
        window=look.window,
        ways=found,
        held=tuple(sorted(named - {one.answer for one in found})),
        uncounted=tuple(sorted(named.intersection(dict(lacking)))),
        unread=tuple(sorted(named & unread)),
        blood=blood,
        look=look,
    )


def _earlier(criteria: CriteriaSet, tried: Sequence[Tried], best: Tried) -> list[Way]:
    """The same answer on an earlier day, where only a sign that nobody can read stands against it.

    Counts that are lacking prove nothing, and the draw that has them is the first that does.
    """
    row = best.choice.row
    assert row is not None  # noqa: S101 - asked by the caller, for mypy
    signs = plan_of(criteria).signs
    found: dict[date, Way] = {}
    limit = (best.choice.level(row.id), best.view.day)
    for one in tried:
        if row.id not in one.choice.ways or (one.choice.level(row.id), one.view.day) >= limit:
            continue
        unknown = {
            name for name in row.requires
            if one.choice.judgements[name].verdict is Verdict.UNKNOWN
        }  # fmt: skip
        if unknown and unknown <= signs:
            found[one.view.day] = Way(row.id, one.view.day, one.choice.ways[row.id])
    return list(found.values())


@lru_cache
def _ranks(criteria: CriteriaSet) -> dict[str, int]:
    """Every answer, the best first."""
    out = criteria.outcomes
    claims = [row.id for row in criteria.category]
    names = [*claims, out.undecided, out.not_evaluable, out.no_response]
    return {name: rank for rank, name in enumerate(dict.fromkeys(names))}


def _one_side(ways: Sequence[Way], rows: Sequence[Category]) -> bool:
    """Whether all answers are of a marrow below the line of disease: the lowest is said then."""
    return {one.answer for one in ways} <= {row.id for row in rows if row.clear}


def _lesion(facts: Facts, day: date, look: Look) -> SignReading:
    """Disease outside the marrow; where nobody may read Conditions silence says nothing."""
    lesion = facts.extramedullary.at(day, look.memory)
    unread = lesion.state == "silent" and "Condition" in facts.record.without
    return SignReading("unknown") if unread else lesion


def _view(facts: Facts, draw_place: int | None, look: Look, blood: BloodBlasts) -> View:
    marrow, draw = facts.marrows[look.place], None
    if draw_place is not None:
        draw = look.window.unsure.get(draw_place, facts.draws[draw_place])
    day = marrow.day if draw is None else max(marrow.day, draw.day)
    own = (marrow.blasts, marrow.cells, marrow.cellularity)
    quantities = dict(zip(OF_MARROW, own, strict=True))
    if draw is not None:
        quantities |= draw.counts
        quantities["blasts-count"] = blast_count(draw, facts)
    signs = {
        "blood-blasts": blood.at(draw_place),
        "extramedullary-disease": _lesion(facts, day, look),
        "auer-rods": marrow.auer,
    }
    near = _transfusions(facts, marrow, draw)
    told = agreed(facts.stated.on(day))
    return View(marrow, look.background, quantities, signs, near, told, look.recorded, day)


def blast_count(draw: Draw, facts: Facts) -> Quantity:
    """Blasts per litre of blood: measured, or leukocytes times their share."""
    count = measured(draw.results.get("blasts-blood-count", ()))
    if count.reading is not None:
        return count
    cells, share = draw.own["wbc"], draw.own["blasts-blood"]
    if isinstance(cells.reading, Interval) and isinstance(share.reading, Interval):
        part = scaled(share.reading, facts.numbers.percent.value)
        return Quantity(product(cells.reading, part), (*cells.proof, *share.proof), derived=True)
    return NOTHING


def _transfusions(facts: Facts, marrow: Marrow, draw: Draw | None) -> tuple[Near, ...]:
    """Transfusions in the days before the draw, or between marrow and draw; undated ones too."""
    found: list[Near] = []
    for one in plan_of(facts.criteria).independences:
        kinds = [kind for kind in (*one.transfusions, *one.maybe) if kind in facts.lasting]
        if not kinds:
            continue
        drawn = marrow.day if draw is None else draw.day
        end = marrow.end if draw is None else max(marrow.end, draw.end)
        first, last = min(drawn - timedelta(days=one.days), marrow.day), max(drawn, marrow.day)
        for kind in kinds:
            found.extend(
                Near(one.id, event, touches(event, first, last) is True)
                for event in facts.events_near(kind, first, last)
                if event.when is None or event.when.start <= end
            )
    return tuple(found)


def recorded_by(facts: Facts) -> frozenset[str]:
    """The criteria whose transfusions the site records without exception."""
    record = facts.record
    return frozenset(
        one.id
        for one in plan_of(facts.criteria).independences
        if one.recorded_in in record.complete and set(one.transfusions) <= record.attested
    )
