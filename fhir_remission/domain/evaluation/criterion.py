"""One judge for each kind of criterion: a view in, a three-valued judgement out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from msgspec import Struct

from fhir_remission.domain.criteria.kinds import (
    Absent,
    AdequateMarrow,
    AnyBelow,
    AnyCriterion,
    AnyMet,
    BloodBlastRise,
    ByBaseline,
    Independence,
    NewExtramedullary,
    NoPriorRemission,
    NotImprovedBy,
    PercentDecrease,
    PercentIncrease,
    Persisted,
    Silence,
    Threshold,
)
from fhir_remission.domain.criteria.rules import CriteriaSet
from fhir_remission.domain.evaluation import changes
from fhir_remission.domain.evaluation.views import View
from fhir_remission.domain.nouns.assessment import Assumption, Verdict
from fhir_remission.domain.nouns.inputs import Interval
from fhir_remission.domain.nouns.intervals import at_least, holds
from fhir_remission.domain.nouns.verdicts import (
    NO,
    NOTHING,
    YES,
    Judgement,
    Proof,
    Quantity,
    judged,
)
from fhir_remission.domain.record.marrows import Marrow

Judgements = Mapping[str, Judgement]
Judge = Callable[[Any, View], Judgement]
OF_MARROW = ("blasts-marrow", "marrow-cells-counted", "marrow-cellularity")
"""The analytes of a marrow, whatever draw is read with it."""


class Plan(Struct, frozen=True):
    """The criteria of a set in the order in which they can be judged."""

    of_marrow: tuple[tuple[str, Judge, AnyCriterion], ...]
    """What no draw has a part in, with its judge: judged once a marrow."""
    of_draw: tuple[tuple[str, Judge, AnyCriterion], ...]
    """What else is judged by the view alone."""
    adequate: tuple[AdequateMarrow, ...]
    """What asks for the counts too."""
    good: Judgements
    """The same, of a good marrow."""
    dense: Decimal | None
    """From which cellularity on a marrow is not hypocellular."""
    composites: tuple[AnyBelow | AnyMet, ...]
    """What is made of others."""
    thresholds: tuple[Threshold, ...]
    independences: tuple[Independence, ...]
    signs: frozenset[str]
    """Those that ask for the absence of a sign."""
    lineages: tuple[Threshold, ...]
    """Those of complete remission, for each lineage."""
    patience: int
    """For so many days a criterion asks how long ago therapy began."""


@lru_cache
def plan_of(criteria: CriteriaSet) -> Plan:
    """Sort the criteria of a set once."""
    every, lineages = criteria.criterion, criteria.about.lineages
    dense = criteria.numbers.biopsy_cellularity
    alone = tuple((one.id, _JUDGES[type(one)], one) for one in every if type(one) in _JUDGES)
    thresholds = tuple(one for one in every if isinstance(one, Threshold))
    adequate = tuple(one for one in every if isinstance(one, AdequateMarrow))
    return Plan(
        of_marrow=tuple(row for row in alone if _is_of_marrow(row[-1])),
        of_draw=tuple(row for row in alone if not _is_of_marrow(row[-1])),
        patience=max((1, *(one.days for one in every if isinstance(one, Persisted)))),
        adequate=adequate,
        good={one.id: judged(YES) for one in adequate},
        dense=dense.value if dense is not None else None,
        composites=tuple(one for one in every if isinstance(one, AnyBelow | AnyMet)),
        thresholds=thresholds,
        lineages=tuple(one for one in thresholds if one.id in lineages),
        independences=tuple(one for one in every if isinstance(one, Independence)),
        signs=frozenset(one.id for one in every if isinstance(one, Absent)),
    )


def _is_of_marrow(one: AnyCriterion) -> bool:
    return isinstance(one, _OF_MARROW) or (isinstance(one, Threshold) and one.analyte in OF_MARROW)


def of_marrow(plan: Plan, view: View) -> dict[str, Judgement]:
    """What no draw has a part in."""
    found = {name: judge(one, view) for name, judge, one in plan.of_marrow}
    for one in plan.adequate:
        adequate = _adequate(one, view.marrow, plan.dense)
        if adequate is not None:
            found[one.id] = adequate
    return found


def judge_all(
    criteria: CriteriaSet, view: View, *, strict: bool, known: Judgements | None = None
) -> dict[str, Judgement]:
    """Every criterion of the set that is not known yet; those that name others come after them."""
    plan = plan_of(criteria)
    found = of_marrow(plan, view) if known is None else dict(known)
    for name, judge, one in plan.of_draw:
        found[name] = judge(one, view)
    for adequate in plan.adequate:
        if adequate.id not in found:
            found[adequate.id] = _by_counts(adequate, found, criteria)
    if strict:
        found = {name: _unassumed(one) for name, one in found.items()}
    for one in plan.composites:
        found[one.id] = _any(one, [found[name] for name in one.of])
    return found


def _unassumed(judgement: Judgement) -> Judgement:
    """Where nothing may be assumed, what would be is not known."""
    if judgement.verdict is Verdict.ASSUMED:
        return Judgement(Verdict.UNKNOWN, judgement.proof)
    return judgement


def _threshold(one: Threshold, view: View) -> Judgement:
    quantity = view.quantities.get(one.analyte, NOTHING)
    reading = quantity.reading
    if not isinstance(reading, Interval):
        return judged(None, quantity.proof)
    answer = holds(reading, one.op, one.value)
    if answer and quantity.assumes is not None and one.op in ("<", "<="):
        return Judgement(Verdict.ASSUMED, quantity.proof, quantity.assumes)
    return judged(answer, quantity.proof)


def _silence(how: Silence, assumption: str, proof: Proof = ()) -> Judgement:
    if how == "met":
        return judged(YES, proof)
    if how == "unknown":
        return judged(None, proof)
    return Judgement(Verdict.ASSUMED, proof, Assumption(assumption, how))


def _absent(one: Absent, view: View) -> Judgement:
    sign = view.signs[one.sign]
    match sign.state:
        case "absent":
            return judged(YES, sign.proof)
        case "present":
            return Judgement(Verdict.NOT_MET, sign.proof, open=sign.open)
        case "unknown":
            return judged(None, sign.proof)
        case "automated":
            return _silence(one.automated, one.assumption, sign.proof)
        case "silent":
            return _silence(one.silent, one.assumption)


def _adequate(one: AdequateMarrow, marrow: Marrow, dense: Decimal | None) -> Judgement | None:
    """What the sample itself tells of its quality; None where nobody said. Where cellularity
    rescues no sample, one that is hypocellular is none (`criteria.md` D2)."""
    told = marrow.cellularity
    if one.cellularity is None and dense is not None and told.reading is not None:
        enough = _reaches(told, dense)
        if not enough:
            return judged(enough, told.proof)
    numbers = [(marrow.cells, one.cells)]
    if one.cellularity is not None:
        numbers.append((marrow.cellularity, one.cellularity))
    reported = [(quantity, floor) for quantity, floor in numbers if quantity.reading is not None]
    if reported:
        proof = tuple(p for quantity, _ in reported for p in quantity.proof)
        answers = [_reaches(quantity, floor) for quantity, floor in reported]
        return judged(True if True in answers else None if None in answers else False, proof)
    if marrow.statement.state == "present":
        return judged(YES, marrow.statement.proof)
    if marrow.statement.state == "unknown":
        return judged(None, marrow.statement.proof)
    return None


def speaks_against_disease(criteria: CriteriaSet, marrow: Marrow) -> bool | None:
    """Whether a marrow below the line is good enough to stand against disease seen beside it.

    Not one of too few cells, nor one that is below it only by a material assumption (model 1.5);
    None where what was said of its quality cannot be told.
    """
    if marrow.stands_in:
        return False
    plan = plan_of(criteria)
    found = (_adequate(one, marrow, plan.dense) for one in plan.adequate)
    verdicts = {one.verdict for one in found if one is not None}
    if Verdict.NOT_MET in verdicts:
        return False
    return None if Verdict.UNKNOWN in verdicts else True


def _by_counts(one: AdequateMarrow, found: Judgements, criteria: CriteriaSet) -> Judgement:
    """Counts at the level of complete remission speak for the sample."""
    lineages = [found[name] for name in criteria.about.lineages]
    if all(lineage.verdict is Verdict.MET for lineage in lineages):
        proof = tuple(p for lineage in lineages for p in lineage.proof)
        return Judgement(Verdict.MET, proof, flag="adequacy-from-counts")
    return _silence(one.silent, one.assumption)


def _reaches(quantity: Quantity, floor: Decimal) -> bool | None:
    reading = quantity.reading
    return at_least(reading, floor) if isinstance(reading, Interval) else None


def _new_lesion(_one: NewExtramedullary, view: View) -> Judgement:
    before = view.background.lesion_before_therapy
    now = view.signs["extramedullary-disease"]
    if before.state == "present":
        return judged(NO, before.proof)
    if now.state not in ("present", "unknown"):
        return judged(NO, now.proof)
    known = now.state == "present" and view.background.therapy_since is not None
    return judged(True if known and before.state != "unknown" else None, now.proof)


def _independent(one: Independence, view: View) -> Judgement:
    near = [found for found in view.transfusions if found.criterion == one.id]
    given = tuple(found.event for found in near)
    sure = [found.event for found in near if found.sure]
    proved = tuple(event for event in sure if event.kind in one.transfusions)
    stated = view.independence
    if proved or stated.state == "absent":
        return judged(NO, proved or stated.proof)
    if given or stated.state == "unknown":
        return judged(None, (*given, *stated.proof))
    if stated.state == "present" or one.id in view.recorded:
        return judged(YES, stated.proof)
    return _silence(one.silent, one.assumption)


def _persisted(one: Persisted, view: View) -> Judgement:
    since = view.background.therapy_since
    if since is None:
        return judged(None)
    return judged((view.marrow.day - since).days >= one.days, view.background.therapy_proof)


def _no_prior(_one: NoPriorRemission, view: View) -> Judgement:
    sign = view.background.prior_remission
    answers: dict[str, bool | None] = {"present": False, "unknown": None}
    return judged(answers.get(sign.state, True), sign.proof)


def _any(one: AnyBelow | AnyMet, parts: list[Judgement]) -> Judgement:
    """At least one part is met, or is not: then one that is assumed met counts as met."""
    wanted = Verdict.NOT_MET if isinstance(one, AnyBelow) else Verdict.MET
    found = [part for part in parts if part.verdict is wanted]
    if isinstance(one, AnyMet):
        assumed = [part for part in parts if part.verdict is Verdict.ASSUMED]
        if found or assumed:
            return judged(YES, found[0].proof) if found else assumed[0]
    unknown = Verdict.UNKNOWN in [part.verdict for part in parts]
    answer = YES if found else None if unknown else NO
    return judged(answer, tuple([p for part in found or parts for p in part.proof]))


# What no draw has a part in.
_OF_MARROW = (PercentDecrease, ByBaseline, PercentIncrease, Persisted, NoPriorRemission)
# One judge for each kind that the view alone decides.
_JUDGES: dict[type, Judge] = {
    Threshold: _threshold,
    Absent: _absent,
    PercentDecrease: changes.decrease,
    ByBaseline: changes.by_baseline,
    PercentIncrease: changes.increase,
    BloodBlastRise: changes.blood_rise,
    NotImprovedBy: changes.not_improved,
    NewExtramedullary: _new_lesion,
    Independence: _independent,
    Persisted: _persisted,
    NoPriorRemission: _no_prior,
}
