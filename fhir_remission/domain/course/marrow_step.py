"""A marrow in one world: whether it is looked at, and from which phase."""

from __future__ import annotations

from datetime import date

from msgspec.structs import replace

from fhir_remission.domain.course import lines
from fhir_remission.domain.course.before import nothing_of, respond
from fhir_remission.domain.course.ground import said_later
from fhir_remission.domain.course.relapsing import BLOOD, relapsed_still, still, treated
from fhir_remission.domain.course.remission import follow
from fhir_remission.domain.course.scope import NOTHING_BEFORE
from fhir_remission.domain.course.step import Case, Step, limits_of
from fhir_remission.domain.course.world import Move, Said, World
from fhir_remission.domain.evaluation.windows import read_blood_blasts, window_of
from fhir_remission.domain.nouns.inputs import Claim


def at_marrow(step: Step, world: World, kept: Said, place: int) -> Move:
    """One marrow in one world."""
    ground, marrow = step.ground, step.ground.facts.marrows[place]
    side = step.side(place)
    told_of = world.phase == "before" and claims_of(step, world, marrow.day)
    if world.phase == "before" and not world.again and not told_of:
        last = ground.course(world)[1].last_day
        if last is not None and marrow.day <= last and side:
            return _before_therapy(step, world, kept, place)
    case = step.case(place, side)
    closed = _closed(step, world, kept, case, told_of=told_of)
    if closed is not None:
        return closed
    if world.again and world.phase in ("relapsed", "before", "unproved"):
        sign = still(step, world, kept, case)
        # What a policy holds back may have been a remission: blood then only raises a suspicion.
        perhaps = sign is not None and sign[0] == BLOOD and world.phase == "unproved"
        if perhaps and step.trial.pick((False, True)):
            return _from_phase(step, *as_if(step, world, kept), case)
        if sign is not None:
            return relapsed_still(step, world, kept, case, sign)
        if world.phase == "relapsed":
            poor = side is None or not step.settles(place)
            if poor and not treated(step, world, kept, marrow.day):
                told = lines.at(case, lines.silent(case))
                return world, kept, replace(kept, flags=limits_of(case), lines=told)
            world, kept = no_longer(step, world, kept)
            told_of = claims_of(step, world, marrow.day)
    if told_of and heard(step, world):
        world, kept = as_if(step, world, kept)
    return _from_phase(step, world, kept, case)


def _from_phase(step: Step, world: World, kept: Said, case: Case) -> Move:
    """Before a remission or in one; what a policy holds back may have been one."""
    if world.phase == "unproved" and _signs(step, world, case):
        true = step.trial.pick((False, True))
        world, kept = as_if(step, world, kept) if true else no_longer(step, world, kept)
    if world.phase == "remission":
        return follow(step, world, kept, case)
    return respond(step, world, kept, case)


def _closed(step: Step, world: World, kept: Said, case: Case, *, told_of: bool) -> Move | None:
    """Not this leukaemia, or no response evaluation at all."""
    doubt = case.diagnosis.state == "doubt"
    if case.diagnosis.state == "closed" or (doubt and not step.trial.pick((True, False))):
        return world, kept, _unsaid(step, kept, case)
    if world.phase != "before" or told_of:
        return None
    closed = case.gate.state == "closed"
    if closed and not (case.gate.perhaps and step.trial.pick((True, False))):
        return world, kept, nothing_of(step, kept, case, case.gate.reason)
    if case.marrow.day < world.opened:
        line = lines.not_begun(case, step.ground.facts.numbers.lineage_blasts)
        return world, kept, nothing_of(step, kept, case, NOTHING_BEFORE, line)
    return None


def _before_therapy(step: Step, world: World, kept: Said, place: int) -> Move:
    """A marrow of before any therapy: nothing around it matters but to the reader."""
    facts, marrow = step.facts, step.facts.marrows[place]
    window, gates = window_of(facts, place), step.gates(marrow)
    case = Case(facts, place, marrow, window, None, None, None, *gates)
    is_open = case.diagnosis.state == "open"
    said = nothing_of(step, kept, case, "before-therapy") if is_open else _unsaid(step, kept, case)
    return world, kept, said


def _unsaid(step: Step, kept: Said, case: Case) -> Said:
    """It may be no leukaemia of these criteria at all."""
    said = nothing_of(step, kept, case, case.diagnosis.reason)
    return replace(said, state="unknown", since=None)


def claims_of(step: Step, world: World, day: date) -> bool:
    """Whether somebody spoke of a remission before: never proof, but no longer "none before"."""
    since = world.opened if world.again else date.min
    return any(_tells(one, since, day, again=world.again) for one in step.ground.claims)


def _tells(claim: Claim, since: date, day: date, *, again: bool) -> bool:
    """Whether a word tells of an earlier remission; one of a relapse does, in a first course."""
    if claim.says == "relapse" and not again:
        return claim.when is None or claim.when.first_day <= day
    if claim.says != "remission":
        return False
    if claim.when is None:
        return not said_later(claim, day)
    return since <= claim.when.last_day and claim.when.first_day < day


def heard(step: Step, world: World) -> bool:
    """Whether the claim is true; one without a date may become so at any marrow."""
    record = step.ground.facts.record
    if any(one.says == "remission" and one.when is None for one in record.claims):
        return step.trial.pick((False, True), "claim")
    return bool(step.trial.tell(("claim", int(world.again)), (False, True)))


def as_if(step: Step, world: World, kept: Said) -> tuple[World, Said]:
    """A remission that nobody proved was one: nobody knows since when, or the how manieth."""
    ground = step.ground
    best = ground.order.get(world.better, 0)
    said = Said(
        category=ground.out.undecided, state="in-remission", opened=kept.opened, number=None,
        candidates=tuple(
            name for name, rank in ground.order.items()
            if ground.rows[name].remission and rank >= best
        ),
    )  # fmt: skip
    return replace(world, phase="remission", category="", place=None, since=None), said


def no_longer(step: Step, world: World, kept: Said) -> tuple[World, Said]:
    """What a policy held back was no remission after all, and none is offered any more."""
    rows, out = step.ground.rows, step.ground.out
    held, left = (
        tuple(one for one in names if one not in rows or not rows[one].remission)
        for names in (kept.held, kept.candidates)
    )
    kept = replace(kept, held=held, candidates=left)
    if kept.category == out.undecided and not left[1:]:
        answer, reason = (left[0], "") if left else (out.not_evaluable, "signs-of-disease")
        kept = replace(kept, category=answer, reason=reason, evaluation=None)
    return replace(world, phase="withdrawn" if world.had else "before", better=""), kept


def _signs(step: Step, world: World, case: Case) -> bool:
    """Whether the marrow, its day or its window shows disease; of blasts that a later draw clears
    there, whether they may have ended what a count that cannot be told proved (seed 98001539)."""
    day = case.marrow.day
    if case.side or step.lesion(day) or any(step.smears_of(day).values()):
        return True
    blood = read_blood_blasts(case.facts.smears, case.window.places, case.facts.draws)
    return blood.lasts or (blood.last is not None and step.ground.counts_unsure(world.opened, day))
