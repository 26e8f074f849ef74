"""What a marrow with its window leaves to tell: what is missing, and which draws were not taken."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from fhir_remission.domain.criteria.kinds import (
    ByBaseline,
    PercentDecrease,
    PercentIncrease,
    Threshold,
)
from fhir_remission.domain.criteria.rules import CriteriaSet
from fhir_remission.domain.evaluation.changes import BLASTS
from fhir_remission.domain.evaluation.choice import HOLDS, Choice
from fhir_remission.domain.evaluation.marrow import Evaluation
from fhir_remission.domain.nouns.assessment import DrawNote, Verdict
from fhir_remission.domain.nouns.inputs import Interval
from fhir_remission.domain.nouns.verdicts import Quantity
from fhir_remission.domain.record.draws import Draw
from fhir_remission.domain.record.facts import Facts

CHANGES = (PercentDecrease, PercentIncrease, ByBaseline)
JOINED = "completes the draw of"


def missing_for(
    criteria: CriteriaSet, found: Evaluation, among: Collection[str] | None = None
) -> tuple[str, ...]:
    """What is not known, and would be needed for a better answer, of some, or a decided one."""
    wanted = set(found.open if among is None else among) & {*found.open}
    asked = {name for row in found.look.rows if row.id in wanted for name in row.requires}
    unknown = {
        name
        for one in found.tried
        if wanted & {*one.choice.ways, *one.choice.held}
        for name in asked
        if one.choice.judgements[name].open
        or one.choice.judgements[name].verdict is Verdict.UNKNOWN
    }
    named = {one.missing for one in criteria.criterion if one.id in unknown}
    before = found.view.background.baseline.reading
    if isinstance(before, Interval) and before.low == before.high:
        # Measured against a marrow that is known: what is missing is this one's.
        changes = {one.missing for one in criteria.criterion if isinstance(one, CHANGES)}
        blasts = (one for one in criteria.criterion if isinstance(one, Threshold))
        own = {one.missing for one in blasts if one.analyte == BLASTS}
        named = named - changes | (own if named & changes else set())
    return tuple(sorted(named - {""}))


def notes_of(facts: Facts, found: Evaluation, *, proves: bool) -> tuple[DrawNote, ...]:
    """Each draw of the window: taken or not, and why; what it proves, where all ways say so."""
    chosen, window = found.best.place, found.window
    answers = {one.place: one.choice for one in found.tried if one.place is not None}
    clear = [row.id for row in found.look.rows if row.clear]
    taker = None if chosen is None else facts.draws[chosen]
    lent = {} if taker is None else {n: one for n, one in taker.counts.items() if one.joined}
    notes = []
    for place in window.places:
        draw = facts.draws[place]
        if place in window.refused:
            reason = window.refused[place]
        elif place == chosen:
            reason = f"proves {found.category}" if found.row and proves else "read with the marrow"
        else:
            reason = f"gives {_least(clear, answers[place])}{_given(draw, taker, lent)}"
        sources = draw.cited
        if place in answers:
            sources.update(_against(answers[place]))
        notes.append(DrawNote(draw.effective, place == chosen, reason, tuple(sorted(sources))))
    return tuple(notes)


def _least(clear: Sequence[str], choice: Choice) -> str:
    """What a draw gives: of answers below the line of disease the lowest, as for the marrow."""
    if not all(name in clear for name in choice.ways):
        return choice.answer
    return max(choice.ways, key=clear.index)


def _given(draw: Draw, taker: Draw | None, lent: Mapping[str, Quantity]) -> str:
    """What a draw that was tried too gave to the chosen one, if it did."""
    joined = [name for name, count in lent.items() if count.proof == draw.own[name].proof]
    if not joined or taker is None:
        return ""
    return f"; {JOINED} {taker.effective} with its {' and '.join(joined)}"


def _against(choice: Choice) -> list[str]:
    """The resources that kept a draw from proving more."""
    every = [one for one in choice.judgements.values() if one.verdict not in HOLDS]
    return [piece.source.ref for one in every for piece in one.proof]
