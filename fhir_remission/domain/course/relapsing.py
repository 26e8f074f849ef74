"""How a remission ends: by relapse, which opens a course, or taken back where none is defined."""

from __future__ import annotations

from datetime import date

from msgspec.structs import replace

from fhir_remission.domain.course import lines
from fhir_remission.domain.course.courses import memory_of
from fhir_remission.domain.course.step import Case, Step, limits_of
from fhir_remission.domain.course.world import Move, Said, World
from fhir_remission.domain.criteria.rules import Rule
from fhir_remission.domain.evaluation.windows import read_blood_blasts
from fhir_remission.domain.nouns.verdicts import Proof

MARROW, BLOOD, LESION = lines.RELAPSES
Sign = tuple[str, Rule, Proof]
"""The line of a rule, the rule, and what breaks it."""


def ended(
    step: Step,
    world: World,
    kept: Said,
    sign: tuple[str, Rule | None, Proof],
    *,
    case: Case | None = None,
    by: int | None = None,
    on: date | None = None,
    flags: tuple[str, ...] = (),
) -> Move:
    """Disease on this day: a relapse, or a remission that is taken back; `on` what completes the
    rule, if that is of a later day than its first sign."""
    ground, day = step.ground, step.day
    on = on or day
    name, rule, proof = sign
    if case is not None:
        flags = (*limits_of(case), *flags)
    before = lines.had_remission(kept)
    if rule is None:
        proof = proof if case is None else tuple(dict.fromkeys((*lines.seen_on(case), *proof)))
        told = (before, lines.taken_back(proof))
        answer = ground.out.not_evaluable if case is None else ground.out.no_response
        said = Said(
            category=answer, state="active-disease", since=on, opened=kept.opened,
            reason="disease-without-marrow" if case is None else "", number=kept.number,
            flags=(*flags, "remission-withdrawn"), ground=kept.ground, lines=lines.at(case, *told),
        )  # fmt: skip
        return World(world.opened, "withdrawn", had=True), replace(said, flags=()), said
    told = (before, lines.relapse_rule(name, rule, proof))
    first = min([day, *world.samples, *([kept.suspected] if kept.suspected else [])])
    said = Said(
        category=ground.out.relapse, state="relapsed", since=on, response_date=on, first_sign=first,
        opened=on, ground=proof, flags=flags, lines=lines.at(case, *told),
        number=None if kept.number is None else kept.number + 1,
    )  # fmt: skip
    after = ground.same_course(World(day, "relapsed", again=True, by=by))
    return after, replace(said, flags=()), said


def treated(step: Step, world: World, kept: Said, day: date) -> bool:
    """Whether therapy began since the relapse and before the day."""
    start = step.ground.facts.therapy.since(kept.opened or world.opened)
    return start is not None and start < day


def still(step: Step, world: World, kept: Said, case: Case) -> Sign | None:
    """Until therapy after a relapse is known, disease wherever it shows is that relapse."""
    ground = step.ground
    if treated(step, world, kept, case.marrow.day):
        return None
    rules = ground.relapse
    if case.side and rules.marrow is not None:
        return MARROW, rules.marrow, ()
    facts, day = case.facts, case.marrow.day
    blood = read_blood_blasts(facts.smears, case.window.places, facts.draws, day)
    rule = rules.blood if blood.lasts else None
    if rule is not None and (blood.feared is None or step.trial.pick((True, False))):
        return BLOOD, rule, blood.worst.proof
    drawn = [case.facts.draws[place].day for place in case.window.places]
    memory = memory_of(case.facts, ground.course(world)[0])
    lesion = case.facts.extramedullary.at(max([case.marrow.day, *drawn]), memory)
    known = lesion.state in ("present", "unknown") and rules.extramedullary is not None
    if known and (lesion.state == "present" or step.trial.pick((True, False))):
        assert rules.extramedullary is not None  # noqa: S101 - just asked, for mypy
        return LESION, rules.extramedullary, lesion.proof
    return None


def relapsed_still(step: Step, world: World, kept: Said, case: Case, sign: Sign) -> Move:
    """The relapse goes on."""
    name, rule, proof = sign
    opened = kept.opened
    said = Said(
        category=step.ground.out.relapse, state="relapsed", opened=opened, number=kept.number,
        since=opened, response_date=opened, first_sign=kept.first_sign, ground=kept.ground,
        flags=limits_of(case),
        lines=lines.at(case, lines.relapse_rule(name, rule, (*kept.ground, *proof))),
    )  # fmt: skip
    after = replace(world, phase="relapsed", place=None)
    return after, replace(said, flags=()), said
