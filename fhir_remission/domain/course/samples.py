"""Anchors between marrows: blood, lesions and MRD samples of a patient in remission."""

from __future__ import annotations

from bisect import bisect_left
from datetime import date
from typing import Any

from msgspec.structs import replace

from fhir_remission.domain.course.clearings import completes
from fhir_remission.domain.course.progress import Draft, Progress, Sample, moved
from fhir_remission.domain.course.relapses import (
    doubted,
    first_sign_of,
    relapse,
    remission_line,
    rule_line,
    undecided_line,
    withdraw,
    withdrawn_line,
)
from fhir_remission.domain.course.steps import lifted
from fhir_remission.domain.evaluation.marrow import Evaluation
from fhir_remission.domain.nouns.inputs import Event
from fhir_remission.domain.nouns.verdicts import NOTHING, Proof, SignReading, longer
from fhir_remission.domain.record.facts import Facts

Step = tuple[Progress, Draft | None]
LESION = "extramedullary disease cannot be told present from absent"
BLOOD = "blood blasts cannot be told present from absent"


def at_lesion(facts: Facts, progress: Progress, day: date) -> Step:
    """Extramedullary disease in remission is new: relapse, or doubt where it is not certain."""
    outcomes, rule = facts.criteria.outcomes, facts.criteria.relapse.extramedullary
    sign = facts.extramedullary.on(day)
    refs, text = _refs(sign.proof), _text(sign.proof)
    line = remission_line(progress)
    if sign.state != "present":
        after = doubted(progress, day, outcomes.undecided, sign.proof)
        return after, Draft(
            "extramedullary", day, text, refs, after, outcomes.undecided,
            reason="extramedullary-undecided", candidates=_either(facts, progress),
            missing=("extramedullary-disease",),
            guards=(line, undecided_line("no-relapse-outside-marrow", LESION, sign.proof)),
        )  # fmt: skip
    if rule is None:
        after = withdraw(progress, day, outcomes.not_evaluable)
        return after, Draft(
            "extramedullary", day, text, refs, after, outcomes.not_evaluable,
            reason="disease-without-marrow", flags=("remission-withdrawn",),
            guards=(line, withdrawn_line(sign.proof)),
        )  # fmt: skip
    after = relapse(facts, progress, day, NOTHING, sign.proof)
    lines = (line, rule_line("no-relapse-outside-marrow", rule, sign.proof))
    return after, Draft(
        "extramedullary", day, text, refs, after, outcomes.relapse, response_date=day,
        first_sign=first_sign_of(progress, day), guards=lines,
    )  # fmt: skip


def at_blood(facts: Facts, progress: Progress, place: int) -> Step:
    """Blood of a patient in remission: blasts, a doubt, or the smear that clears one."""
    sign = facts.smears[place]
    progress = _pruned(facts, progress, facts.draws[place].day)
    if sign.state == "absent":
        return _cleared(facts, progress, place)
    if sign.state == "unknown":
        return _unread(facts, progress, place, sign)
    return _blasts(facts, progress, place, sign)


def at_perhaps(facts: Facts, progress: Progress, day: date, kind: str) -> Step:
    """A sign of disease after the window of what may have been a remission may be its relapse."""
    outcomes, last = (
        facts.criteria.outcomes,
        facts.marrow_days[: bisect_left(facts.marrow_days, day)],
    )
    inside = bool(last) and (day - last[-1]).days <= facts.numbers.window_after.days
    if not progress.maybe_remission or not outcomes.relapse or inside:
        return progress, None
    signs = [facts.smears[place] for place in facts.draws_between(day, day)]
    found = signs if kind == "blood" else [facts.extramedullary.on(day)]
    proof = tuple(p for sign in found if sign.state in ("present", "unknown") for p in sign.proof)
    if kind == "mrd" or not proof:
        return progress, None
    after = moved(progress, "unknown", None, category=outcomes.undecided)
    return after, Draft(
        "blood" if kind == "blood" else "extramedullary", day, _text(proof), _refs(proof), after,
        outcomes.undecided, reason="earlier-remission-unknown", missing=("earlier-response",),
    )  # fmt: skip


def _pruned(facts: Facts, progress: Progress, day: date) -> Progress:
    rule = facts.criteria.relapse.blood
    if rule is None or rule.max_days == 0:
        return progress
    near = tuple(one for one in progress.samples if (day - one.day).days <= rule.max_days)
    return replace(progress, samples=near)


def _cleared(facts: Facts, progress: Progress, place: int) -> Step:
    """A clear smear ends a suspicion raised by blood, and no other."""
    suspected = progress.state == "relapse-suspected"
    if not (progress.samples or progress.unclear or suspected):
        return progress, None
    after, standing = lifted(progress), progress.standing
    if after.state != "in-remission" or standing is None:
        return after, None
    draw = facts.draws[place]
    return after, Draft(
        "blood", draw.day, draw.effective, _refs(facts.smears[place].proof), after,
        standing.category, response_date=standing.response_date, carries=True,
        reason=standing.reason,
        evaluation=standing.evaluation, assumptions=progress.assumptions, code=standing.code,
        mrd=progress.mrd_status, **_open(standing.evaluation),
    )  # fmt: skip


def _unread(facts: Facts, progress: Progress, place: int, sign: SignReading) -> Step:
    outcomes, rule = facts.criteria.outcomes, facts.criteria.relapse.blood
    draw = facts.draws[place]
    lasting = rule is None or completes(rule, progress.samples, draw.day, sure=False)
    sample = Sample(draw.day, sure=False, proof=sign.proof)
    if lasting:
        after = doubted(progress, draw.day, outcomes.undecided, sign.proof)
    else:
        after = moved(
            progress, "unknown", draw.day, category=outcomes.undecided, row=None, carried=None,
            response_date=None,
        )  # fmt: skip
    after = replace(after, unclear=True, samples=(*progress.samples, sample))
    return after, Draft(
        "blood", draw.day, draw.effective, _refs(sign.proof), after, outcomes.undecided,
        reason="blood-blasts-undecided", candidates=_either(facts, progress),
        missing=("blood-blasts",),
        guards=(remission_line(progress), undecided_line("no-relapse-in-blood", BLOOD, sign.proof)),
    )  # fmt: skip


def _blasts(facts: Facts, progress: Progress, place: int, sign: SignReading) -> Step:
    outcomes, rule = facts.criteria.outcomes, facts.criteria.relapse.blood
    draw, line = facts.draws[place], remission_line(progress)
    refs = _refs(sign.proof)
    if rule is None:
        after = withdraw(progress, draw.day, outcomes.not_evaluable)
        return after, Draft(
            "blood", draw.day, draw.effective, refs, after, outcomes.not_evaluable,
            reason="disease-without-marrow", flags=("remission-withdrawn",),
            guards=(line, withdrawn_line(sign.proof)),
        )  # fmt: skip
    before: Proof = tuple(p for one in progress.samples for p in one.proof)
    lines = (line, rule_line("no-relapse-in-blood", rule, (*before, *sign.proof)))
    first = first_sign_of(progress, draw.day)
    if completes(rule, progress.samples, draw.day, sure=True):
        after = relapse(facts, progress, draw.day, NOTHING, (*before, *sign.proof))
        return after, Draft(
            "blood", draw.day, draw.effective, refs, after, outcomes.relapse,
            response_date=draw.day, first_sign=first, guards=lines,
        )  # fmt: skip
    perhaps = completes(rule, progress.samples, draw.day, sure=False)
    doubts = longer(progress.doubts, (*before, *sign.proof) if perhaps else ())
    sample = Sample(draw.day, sure=True, proof=sign.proof)
    after = moved(
        progress, "relapse-suspected", draw.day, doubts=doubts, samples=(*progress.samples, sample),
        category=outcomes.relapse_suspected, row=None, carried=None, response_date=None,
    )  # fmt: skip
    return after, Draft(
        "blood", draw.day, draw.effective, refs, after, outcomes.relapse_suspected,
        first_sign=first, missing=("repeat-blood",), guards=lines, doubted=True,
    )  # fmt: skip


def at_mrd(facts: Facts, progress: Progress, place: int, *, on_marrow: bool) -> Step:
    """An MRD sample in remission moves the MRD axis, never the category."""
    sample, remission = facts.mrd[place], progress.remission
    if remission is None or progress.doubt or on_marrow:
        return progress, None
    after = with_sample(facts, progress, place)
    if sample.day < remission.since:
        return after, None
    after = replace(after, mrd_status=sample.status)
    return after, Draft(
        "mrd", sample.day, sample.result.when.text, (sample.result.source.ref,), after,
        progress.category, response_date=progress.response_date, evaluation=progress.carried,
        carries=True, assumptions=progress.assumptions, code=progress.code,
        mrd=sample.status, mrd_flags=(*sample.flags, *after.mrd.flags),
        mrd_proof=(sample.result,), **_open(progress.carried),
        doubted=progress.category == facts.criteria.outcomes.relapse_suspected,
    )  # fmt: skip


def _open(held: Evaluation | None) -> dict[str, Any]:
    """What the answer that is carried leaves open."""
    if held is None:
        return {}
    return {"possible_higher": held.possible_higher, "missing": held.missing}


def with_sample(facts: Facts, progress: Progress, place: int) -> Progress:
    """The MRD history of a remission with one more sample."""
    rules, remission = facts.criteria.mrd, progress.remission
    if remission is None or (rules.only_after and remission.code not in rules.only_after):
        return progress
    low = remission.code == remission.row.mrd.get("low-level", "")
    history = progress.mrd.after(facts.mrd[place], rules, low_level=low)
    return replace(progress, mrd=history)


def _either(facts: Facts, progress: Progress) -> tuple[str, ...]:
    said = (progress.row.id if progress.row else "", facts.criteria.outcomes.relapse)
    return tuple(one for one in said if one)


def _refs(proof: Proof) -> tuple[str, ...]:
    observed = {one.source.ref for one in proof if not isinstance(one, Event)}
    return tuple(sorted(observed or {one.source.ref for one in proof}))


def _text(proof: Proof) -> str:
    return next((one.when.text for one in proof if one.when is not None), "")
