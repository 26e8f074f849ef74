"""The trace of an answer: each criterion with its rule in words, its source and its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from msgspec.structs import replace

from fhir_remission.domain.course.draft import Draft
from fhir_remission.domain.criteria.kinds import AnyCriterion, Threshold
from fhir_remission.domain.criteria.rules import CriteriaSet
from fhir_remission.domain.evaluation.choice import HOLDS
from fhir_remission.domain.evaluation.criterion import Judgements, plan_of
from fhir_remission.domain.evaluation.marrow import Evaluation, as_recorded
from fhir_remission.domain.nouns.assessment import CriterionResult, Verdict
from fhir_remission.domain.nouns.inputs import Result, Skipped
from fhir_remission.domain.nouns.verdicts import Judgement, in_order
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.of_no_day import means

OF_A_MONTH = "told by its month or year alone"
OF_A_SAMPLE = "MRD below the threshold of its assay, in a sample of no marrow: it gives no code"


def proof_lines(facts: Facts, draft: Draft) -> tuple[CriterionResult, ...]:
    """The criteria that some category asks for, then gates, limits, rules and MRD.

    A limit of one name with a criterion takes its place: it speaks of this anchor, where the
    criteria may be those of an earlier marrow.
    """
    limits = {one.criterion: one for one in draft.lines()}
    found = [
        limits.pop(one.criterion, one) for one in criteria_lines(facts, draft.evaluation, draft)
    ] + list(limits.values())
    if draft.mrd.used:
        verdict = {"negative": Verdict.MET, "unknown": Verdict.UNKNOWN}.get(
            draft.mrd.status, Verdict.NOT_MET
        )
        rules = facts.criteria.mrd
        source = f"{rules.source} [{rules.mark}]"
        met = verdict is Verdict.MET
        rule = OF_A_SAMPLE if met and _is_far_from_marrows(facts, draft) else rules.text
        found.append(CriterionResult("mrd-negative", verdict, rule, source, draft.mrd.used))
    return tuple(found)


def _is_far_from_marrows(facts: Facts, draft: Draft) -> bool:
    """Whether an anchor is a sample of MRD that goes with no marrow."""
    reach = facts.criteria.mrd.window_days
    near = (abs((day - draft.day).days) <= reach for day in facts.marrow_days)
    return draft.kind == "mrd" and not any(near)


def criteria_lines(
    facts: Facts, found: Evaluation | None, draft: Draft | None = None
) -> tuple[CriterionResult, ...]:
    """Every criterion that some category asks for, at the chosen draw, as all ways say it.

    What the answer itself asks, as those ways say it that give the answer.
    """
    if found is None:
        return ()
    every = own = _told(facts, found, ())
    asked = set[str]()
    if draft is not None and (draft.others or draft.behind):
        every, own = _told(facts, found, draft.others), _told(facts, found, draft.behind)
        asked = {name for row in facts.criteria.category if row.id == draft.category
                 for name in row.requires}  # fmt: skip
    return tuple(
        [
            _line_of(_shared(own if name in asked else every, name), name, rule, source)
            for name, rule, source in _asked(facts.criteria)
        ]
    )


def _told(facts: Facts, found: Evaluation, others: Sequence[Evaluation | None]) -> list[Judgements]:
    """What one way read, and the others."""
    told = [one.judgements for one in (found, *others) if one is not None]
    return [*told, as_recorded(facts, found)] if None in others else told


def _shared(told: Sequence[Judgements], name: str) -> Judgement:
    """What all ways say; where they differ nobody knows, and each is cited."""
    if len(told) == 1:
        return told[0][name]
    ways = [each[name] for each in told]
    verdicts = [one.verdict for one in ways]
    if verdicts.count(verdicts[0]) == len(verdicts):
        return ways[0]
    every = tuple(dict.fromkeys(item for one in ways for item in one.proof))
    known = {*verdicts} <= {*HOLDS}
    return Judgement(Verdict.ASSUMED if known else Verdict.UNKNOWN, every)


@lru_cache
def _asked(criteria: CriteriaSet) -> tuple[tuple[str, str, str], ...]:
    """The criteria that some category asks for, each with its rule and where it comes from."""
    asked = {name for row in criteria.category for name in (*row.requires, *row.doubts)}
    return tuple(
        (one.id, rule_of(one), f"{one.source} [{one.mark}]")
        for one in criteria.criterion
        if one.id in asked
    )


def as_sent(draft: Draft, found: tuple[CriterionResult, ...]) -> tuple[CriterionResult, ...]:
    """With what was placed as it was sent."""
    if draft.placed is None:
        return found
    sent = draft.placed.sent
    return tuple(
        replace(line, evidence=tuple(dict.fromkeys(sent.get(one, one) for one in line.evidence)))
        for line in found
    )


def skipped_of(facts: Facts) -> tuple[Skipped, ...]:
    """What was left out: by the reading, and what denies something on nobody knows which day."""
    idle = (Skipped(one.source.ref, f"{OF_A_MONTH}: {_said(one)}") for one in facts.idle)
    return tuple(sorted({*facts.record.skipped, *idle}, key=lambda one: (one.source, one.reason)))


def _said(one: Result) -> str:
    """What a denial says."""
    none = means(one) == "disease"
    return f"it says none of {one.analyte}" if none else f"nothing is wrong by {one.analyte}"


def asked_by(criteria: CriteriaSet, category: str) -> set[str]:
    """The criteria that a category asks; none where the answer is no row of the set."""
    rows = [row for row in criteria.category if row.id == category]
    return {name for row in rows for name in (*row.requires, *row.doubts)}


def _line_of(judgement: Judgement, name: str, rule: str, source: str) -> CriterionResult:
    """One criterion as a line of the proof."""
    evidence = judgement.proof
    if len(evidence) > 1:
        evidence = in_order(evidence)
    return CriterionResult(name, judgement.verdict, rule, source, evidence)


def rule_of(one: AnyCriterion) -> str:
    """The rule in words."""
    if isinstance(one, Threshold):
        return f"{one.op} {one.value} {one.unit}"
    return one.text


def lineages_below(facts: Facts, draft: Draft) -> tuple[str, ...]:
    """The lineages whose counts fall short of complete remission at the chosen draw."""
    if draft.evaluation is None or draft.carries:
        return ()
    found, names = draft.evaluation.judgements, facts.criteria.about.lineages
    counted = {one.id: one.analyte for one in plan_of(facts.criteria).lineages}
    return tuple([counted[name] for name in names if found[name].verdict is Verdict.NOT_MET])
