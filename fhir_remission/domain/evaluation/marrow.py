"""One marrow with its window: the best category that one draw proves, and the trace of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import Struct

from fhir_remission.domain.criteria.rules import Category, CriteriaSet
from fhir_remission.domain.evaluation.choice import HOLDS, Choice, Chooser
from fhir_remission.domain.evaluation.criterion import plan_of
from fhir_remission.domain.evaluation.views import Background, View
from fhir_remission.domain.evaluation.windows import BloodBlasts, Window, read_blood_blasts
from fhir_remission.domain.nouns.assessment import Assumption, DrawNote, Verdict
from fhir_remission.domain.nouns.inputs import Event, Interval
from fhir_remission.domain.nouns.intervals import product, scaled
from fhir_remission.domain.nouns.verdicts import NOTHING, Judgement, Quantity, SignReading
from fhir_remission.domain.record.derived import measured
from fhir_remission.domain.record.draws import Draw
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.marrows import Marrow
from fhir_remission.domain.record.signs import Memory, agreed

JOINED = "completes the draw of"


class Evaluation(Struct, frozen=True):
    """What a marrow with its window proves."""

    category: str
    row: Category | None
    choice: Choice
    view: View
    window: Window
    day: date
    """The later of the marrow and the draw that proves it, or that speaks for the answer."""
    remitted: date
    """The first day on which any draw proves any remission."""
    assumptions: tuple[Assumption, ...]
    possible_higher: tuple[str, ...]
    candidates: tuple[str, ...]
    notes: tuple[DrawNote, ...]
    blood: BloodBlasts
    missing: tuple[str, ...]
    """What is not known, and would be needed for a better or a decided answer."""

    @property
    def judgements(self) -> dict[str, Judgement]:
        """Every criterion at the chosen draw."""
        return self.choice.judgements


class Look(Struct, frozen=True):
    """How a marrow is to be looked at: with which rows, what memory of lesions, how strictly."""

    rows: tuple[Category, ...]
    memory: Memory
    background: Background
    strict: bool


def evaluate(facts: Facts, place: int, window: Window, look: Look) -> Evaluation:
    """Judge every draw of the window with the marrow, and take the best that one draw proves."""
    blood = read_blood_blasts(facts.smears, window.looked)
    usable: list[int | None] = [one for one in window.places if one not in window.refused]
    chooser = Chooser(facts.criteria, look.rows, strict=look.strict)
    tried: list[tuple[int | None, View, Choice]] = []
    for one in usable or [None]:
        view = _view(facts, place, one, (window, blood), look)
        tried.append((one, view, chooser.choose(view)))
    order = {id(row): rank for rank, row in enumerate(look.rows)}
    best = min(tried, key=lambda entry: _rank(entry[2], order, facts.criteria))
    return _evaluation(facts, best, tried, (window, blood), look)


def _rank(choice: Choice, order: dict[int, int], criteria: CriteriaSet) -> tuple[int, int, int]:
    """Best category first, then best proved; `min` keeps the earliest of equals."""
    if choice.row is not None:
        return (0, order[id(choice.row)], choice.level)
    outcomes = criteria.outcomes
    tail = (outcomes.undecided, outcomes.not_evaluable, outcomes.no_response)
    # Of draws that prove nothing the one with the fewest failures speaks best for the answer.
    failed = sum(one.verdict is Verdict.NOT_MET for one in choice.judgements.values())
    return (1, tail.index(choice.answer), failed)


def _evaluation(
    facts: Facts,
    best: tuple[int | None, View, Choice],
    tried: Sequence[tuple[int | None, View, Choice]],
    seen: tuple[Window, BloodBlasts],
    look: Look,
) -> Evaluation:
    place, view, choice = best
    window, blood = seen
    possible = _possible([one for _, _, one in tried], choice, look.rows)
    undecided = choice.answer == facts.criteria.outcomes.undecided
    return Evaluation(
        category=choice.answer,
        row=choice.row,
        choice=choice,
        view=view,
        window=window,
        day=view.day,
        remitted=min(
            (one.day for _, one, what in tried if what.row is not None and what.row.remission),
            default=view.day,
        ),
        assumptions=choice.assumptions,
        possible_higher=_better_rows(possible, look.rows) if undecided else possible,
        candidates=possible if undecided else (),
        notes=_notes(facts, place, tried, window),
        blood=blood,
        missing=_missing(facts.criteria, [one for _, _, one in tried], possible, look.rows),
    )


def _missing(
    criteria: CriteriaSet,
    choices: Sequence[Choice],
    possible: Sequence[str],
    rows: Sequence[Category],
) -> tuple[str, ...]:
    asked = {name for row in rows if row.id in possible for name in row.requires}
    unknown = {
        name
        for one in choices
        if one.possible & set(possible)
        for name in asked
        if one.judgements[name].open or one.judgements[name].verdict is Verdict.UNKNOWN
    }
    return tuple(sorted({one.missing for one in criteria.criterion if one.id in unknown} - {""}))


def _better_rows(possible: Sequence[str], rows: Sequence[Category]) -> tuple[str, ...]:
    claims = {row.id for row in rows if row.claim}
    return tuple(one for one in possible if one in claims)


def _possible(choices: Sequence[Choice], best: Choice, rows: Sequence[Category]) -> tuple[str, ...]:
    """Everything some draw leaves possible that is better than the answer, best first."""
    order = list(dict.fromkeys(row.id for row in rows))
    ceiling = order.index(best.row.id) if best.row is not None else len(order)
    named = {name for one in choices for name in one.possible}
    if best.row is not None:
        named = {name for name in named if name in order and order.index(name) < ceiling}
    return tuple(
        sorted(named, key=lambda one: (order.index(one) if one in order else len(order), one))
    )


def _notes(
    facts: Facts,
    chosen: int | None,
    tried: Sequence[tuple[int | None, View, Choice]],
    window: Window,
) -> tuple[DrawNote, ...]:
    answers = {place: choice for place, _, choice in tried if place is not None}
    notes = []
    for place in window.places:
        draw = facts.draws[place]
        if place in window.refused:
            reason = window.refused[place]
        elif place == chosen:
            reason = (
                f"proves {answers[place].answer}" if answers[place].row else "read with the marrow"
            )
        else:
            reason = f"gives {answers[place].answer}{_given(facts, draw, chosen)}"
        sources = {*draw.cited, *_against(answers.get(place))}
        notes.append(DrawNote(draw.effective, place == chosen, reason, tuple(sorted(sources))))
    return tuple(notes)


def _given(facts: Facts, draw: Draw, chosen: int | None) -> str:
    """What a draw that was tried too gave to the chosen one, if it did."""
    assert chosen is not None  # noqa: S101 - where a draw was tried, one was chosen
    taker = facts.draws[chosen]
    joined = [
        name
        for name, count in taker.counts.items()
        if count.joined and count.proof == draw.own[name].proof
    ]
    return f"; {JOINED} {taker.effective} with its {' and '.join(joined)}" if joined else ""


def _against(choice: Choice | None) -> set[str]:
    """The resources that kept a draw from proving more."""
    if choice is None:
        return set()
    failed = [one for one in choice.judgements.values() if one.verdict not in HOLDS]
    return {p.source.ref for one in failed for p in one.proof}


def _lesion(facts: Facts, day: date, look: Look) -> SignReading:
    """Disease outside the marrow; where nobody may read Conditions silence says nothing."""
    lesion = facts.extramedullary.at(day, look.memory)
    unread = lesion.state == "silent" and "Condition" in facts.record.without
    return SignReading("unknown") if unread else lesion


def _view(
    facts: Facts,
    place: int,
    draw_place: int | None,
    seen: tuple[Window, BloodBlasts],
    look: Look,
) -> View:
    marrow = facts.marrows[place]
    draw = None if draw_place is None else facts.draws[draw_place]
    day = marrow.day if draw is None else max(marrow.day, draw.day)
    quantities = {"blasts-marrow": marrow.blasts}
    quantities["marrow-cells-counted"] = marrow.cells
    quantities["marrow-cellularity"] = marrow.cellularity
    if draw is not None:
        quantities |= draw.counts
        quantities["blasts-count"] = blast_count(draw, facts)
    signs = {
        "blood-blasts": seen[1].at(draw_place),
        "extramedullary-disease": _lesion(facts, day, look),
        "auer-rods": marrow.auer,
    }
    near = _transfusions(facts, marrow, draw)
    stated = facts.independence.get(day, ())
    return View(
        marrow, look.background, quantities, signs, near, agreed(stated), _recorded(facts), day
    )


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


def _transfusions(facts: Facts, marrow: Marrow, draw: Draw | None) -> tuple[tuple[str, Event], ...]:
    """Transfusions in the days before the draw, or between marrow and draw; undated ones too."""
    found: list[tuple[str, Event]] = []
    drawn = marrow.day if draw is None else draw.day
    end = marrow.end if draw is None else max(marrow.end, draw.end)
    for one in plan_of(facts.criteria).independences:
        first = min(drawn - timedelta(days=one.days), marrow.day)
        for kind in (*one.transfusions, *one.maybe):
            near = facts.events_between(kind, first, max(drawn, marrow.day))
            before = (event for event in near if event.when and event.when.start <= end)
            undated = facts.events_between(kind, date.min, date.min)
            found.extend((one.id, event) for event in (*before, *undated))
    return tuple(found)


def _recorded(facts: Facts) -> frozenset[str]:
    record = facts.record
    return frozenset(
        one.id
        for one in plan_of(facts.criteria).independences
        if one.recorded_in in record.complete and set(one.transfusions) <= record.attested
    )
