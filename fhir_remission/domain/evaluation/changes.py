"""Judges that compare a marrow or a count with what it was before therapy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from fhir_remission.domain.criteria.kinds import (
    Band,
    BloodBlastRise,
    ByBaseline,
    NotImprovedBy,
    PercentDecrease,
    PercentIncrease,
)
from fhir_remission.domain.evaluation.views import View
from fhir_remission.domain.nouns.inputs import Event, Interval, Result
from fhir_remission.domain.nouns.intervals import (
    ANYTHING,
    EXACT,
    Answer,
    Op,
    above,
    at_least,
    holds,
    negate,
)
from fhir_remission.domain.nouns.verdicts import NO, Judgement, Proof, Quantity, judged

BLASTS = "blasts-marrow"
ONE = Decimal(1)


def read(quantity: Quantity) -> Interval:
    """The value, or that it may be anything."""
    return quantity.reading if isinstance(quantity.reading, Interval) else ANYTHING


def both(*answers: bool | None) -> bool | None:
    """Kleene and."""
    if False in answers:
        return False
    return None if None in answers else True


def _proof(view: View) -> Proof:
    return (*view.quantity(BLASTS).proof, *view.background.baseline.proof)


def decrease(one: PercentDecrease, view: View) -> Judgement:
    """Fallen by the fraction of the baseline, or by more where just that is not enough."""
    now, base = read(view.quantity(BLASTS)), read(view.background.baseline)
    return judged(_fallen(now, base, one.fraction, one.op), _proof(view))


def _fallen(now: Interval, base: Interval, fraction: Decimal, op: Op = "<=") -> bool | None:
    left = EXACT.subtract(ONE, fraction)
    if holds(now, op, EXACT.multiply(base.low, left)) is True:
        return True
    if base.high is not None and holds(now, op, EXACT.multiply(base.high, left)) is False:
        return False
    return None


def by_baseline(one: ByBaseline, view: View) -> Judgement:
    """The range asked for the band in which the baseline lies, or for each in which it may lie."""
    now, base = read(view.quantity(BLASTS)), read(view.background.baseline)
    found = {_in_band(band, now, base) for band in one.bands if _may_lie_in(band, base)}
    if not _is_covered(base, one.bands):
        found.add(NO)
    return judged(found.pop() if len(found) == 1 else None, _proof(view))


def _may_lie_in(band: Band, base: Interval) -> bool:
    ends = True if band.baseline_below is None else holds(base, "<", band.baseline_below)
    return both(at_least(base, band.baseline_from), ends) is not False


def _is_covered(base: Interval, bands: Sequence[Band]) -> bool:
    """Whether every value of the baseline lies in some band."""
    reached = base.low
    for band in sorted(bands, key=lambda one: one.baseline_from):
        if band.baseline_from > reached:
            break
        if band.baseline_below is None:
            return True
        reached = max(reached, band.baseline_below)
    return holds(base, "<", reached) is True


def _in_band(band: Band, now: Interval, base: Interval) -> bool | None:
    """What is asked of a baseline that lies in the band."""
    low = above(now, band.low) if band.low_open else at_least(now, band.low)
    high = True if band.high is None else holds(now, "<=", band.high)
    fallen = True if not band.fraction else _fallen(now, _within(base, band), band.fraction)
    return both(low, high, fallen)


def _within(base: Interval, band: Band) -> Interval:
    """What the baseline may be if it lies in the band; elsewhere the band asks nothing."""
    known = [one for one in (base.high, band.baseline_below) if one is not None]
    return Interval(max(base.low, band.baseline_from), min(known, default=None))


def increase(one: PercentIncrease, view: View) -> Judgement:
    """Risen by more than the fraction, and by the points where the baseline was low."""
    now, base = read(view.quantity(BLASTS)), read(view.background.baseline)
    answers: set[Answer] = set()
    if base.low < one.points_below:
        high = one.points_below if base.high is None else min(base.high, one.points_below)
        answers.add(_risen(now, Interval(base.low, high), one.fraction, one.points))
    if base.high is None or base.high >= one.points_below:
        low = max(base.low, one.points_below)
        answers.add(_risen(now, Interval(low, base.high), one.fraction))
    return judged(answers.pop() if len(answers) == 1 else None, _proof(view))


def _risen(
    now: Interval, base: Interval, fraction: Decimal, points: Decimal | None = None
) -> Answer:
    def over(before: Decimal) -> Answer:
        risen = above(now, EXACT.multiply(before, EXACT.add(ONE, fraction)))
        return risen if points is None else both(risen, at_least(now, EXACT.add(before, points)))

    return _over_all(base, over)


def _over_all(base: Interval, over: Callable[[Decimal], Answer]) -> Answer:
    """Whether something lies over every, over no or over some value that it was before."""
    if base.high is not None and over(base.high) is True:
        return True
    return False if over(base.low) is False else None


def blood_rise(one: BloodBlastRise, view: View) -> Judgement:
    """Circulating blasts risen by more than the fraction, to more than the count."""
    sign = view.signs["blood-blasts"]
    if sign.state not in ("present", "unknown"):
        return judged(NO, sign.proof)
    count = view.quantity("blasts-count")
    now, base = read(count), view.background.baseline_blood_blasts
    answer = both(above(now, one.count), _risen(now, read(base), one.fraction))
    return judged(answer, (*sign.proof, *count.proof, *base.proof))


def not_improved(one: NotImprovedBy, view: View) -> Judgement:
    """Neither count has grown by the factor to more than its floor."""
    same: list[Answer] = []
    proof: list[Result | Event] = []
    for name, floor in (("anc", one.anc), ("platelets", one.platelets)):
        now, base = view.quantity(name), view.background.baseline_counts.get(name, Quantity())
        grown = _grown(read(now), read(base), one.factor)
        same.append(negate(both(above(read(now), floor), grown)))
        proof.extend((*now.proof, *base.proof))
    return judged(both(*same), tuple(proof))


def _grown(now: Interval, base: Interval, factor: Decimal) -> Answer:
    return _over_all(base, lambda before: at_least(now, EXACT.multiply(before, factor)))
