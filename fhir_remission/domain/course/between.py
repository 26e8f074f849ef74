"""Blood and lesions between marrows: what they mean to a remission, or to what may be one."""

from __future__ import annotations

from msgspec.structs import replace

from fhir_remission.domain.course import lines
from fhir_remission.domain.course.marrow_step import as_if, claims_of, heard, no_longer
from fhir_remission.domain.course.relapsing import BLOOD, LESION, ended
from fhir_remission.domain.course.remission import (
    calm,
    completes,
    earlier,
    lately,
    now,
    seen,
    suspicion,
)
from fhir_remission.domain.course.step import Step
from fhir_remission.domain.course.world import Move, Said, World


def between(step: Step, world: World, kept: Said, kind: str, place: int) -> Move:
    """They matter to a remission, to what may be one, and to one that somebody told of."""
    if world.since is not None and step.day <= world.since:
        return world, kept, None
    told_of = world.phase == "before" and claims_of(step, world, step.day)
    if told_of or world.phase == "unproved":
        sign = step.lesion(step.day) if kind == "extramedullary" else step.smear(place)
        if not sign:
            return world, kept, None
        if not (heard(step, world) if told_of else step.trial.pick((True, False))):
            after, less = no_longer(step, world, kept)
            if less.category != kept.category:
                less = replace(less, state="active-disease", since=step.day)
            return after, less, None
        world, kept = as_if(step, world, kept)
    if world.phase != "remission":
        return world, kept, None
    if kind == "blood":
        return _at_blood(step, world, kept, place)
    if not step.lesion(step.day):
        return world, kept, None
    proof = step.facts.extramedullary.on(step.day).proof
    return ended(step, world, kept, (LESION, step.ground.relapse.extramedullary, proof))


def _at_blood(step: Step, world: World, kept: Said, place: int) -> Move:
    """Blood of a patient in remission: blasts, or the smear that clears a suspicion."""
    rule, day = step.ground.relapse.blood, step.day
    proof = step.ground.facts.smears[place].proof
    if not step.smear(place):
        if world.bloody and _bled_within(step, place):
            return world, kept, None
        after, kept = calm(world, kept)
        if not world.bloody:
            return after, kept, None
        return after, kept, replace(now(step.ground, after, kept), carries=True)
    world, kept = lately(step, world, kept, day)
    told = (*earlier(step, world), *proof)
    if completes(step, world, day):
        return ended(step, world, kept, (BLOOD, rule, told))
    assert rule is not None  # noqa: S101 - without one any sample completes it
    after, kept = seen(step, world, kept, day)
    said = suspicion(step.ground, kept, lines.relapse_rule(BLOOD, rule, told, proved=False))
    return after, kept, replace(said, missing=("repeat-blood",), counted=min(after.samples))


def _bled_within(step: Step, place: int) -> bool:
    """Whether blasts of the same day, told without an hour, may be later than this clear draw."""
    draws = step.facts.draws
    others = step.facts.draws_between(step.day, step.day)
    return any(one < place and draws[one].end > draws[place].start and step.smear(one)
               for one in others)  # fmt: skip
