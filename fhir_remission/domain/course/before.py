"""A marrow before the first remission of its course: is it a response, and which?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from msgspec.structs import replace

from fhir_remission.domain.course import lines
from fhir_remission.domain.course.courses import landmark_of
from fhir_remission.domain.course.scope import repeats_of
from fhir_remission.domain.course.step import Case, Step, limits_of
from fhir_remission.domain.course.world import Move, Own, Said, World
from fhir_remission.domain.criteria.rules import Category
from fhir_remission.domain.evaluation.choice import LEVELS, confidence_of, was_counted
from fhir_remission.domain.evaluation.marrow import Evaluation, Way
from fhir_remission.domain.nouns.assessment import Verdict
from fhir_remission.domain.nouns.verdicts import Proof


def respond(step: Step, world: World, kept: Said, case: Case) -> Move:
    """The answer of a marrow that has a side of the line."""
    ground, out = step.ground, step.ground.out
    if case.side is None:
        return pass_over(step, world, kept, case, "inadequate-marrow")
    if case.early is not None and case.side:
        return pass_over(step, world, kept, case, "early-marrow")
    found = step.evaluated(world, kept, case)
    way = step.trial.pick(found.ways)
    row = ground.rows.get(way.answer)
    if row is not None and row.remission:
        return remit(step, world, kept, case, found, way)
    if way.answer == out.not_evaluable:
        return pass_over(step, world, kept, case, "too-few-cells", found)
    if case.capped and row is None:
        if case.early is not None:
            return pass_over(step, world, kept, case, "early-marrow", found)
        said = Said(
            category=out.not_evaluable, state="unknown", since=case.marrow.day, opened=kept.opened,
            number=kept.number, reason="contradicted-by-next-marrow", evaluation=found,
            flags=limits_of(case), lines=lines.at(case), held=found.held,
        )  # fmt: skip
        return _stands(world, said, case)
    return _answered(step, world, kept, case, found, way)


def _answered(
    step: Step, world: World, kept: Said, case: Case, found: Evaluation, way: Way
) -> Move:
    """No remission: what the marrow says, or refractory disease from the landmark on."""
    ground, out = step.ground, step.ground.out
    row, answer = ground.rows.get(way.answer), way.answer
    perhaps = found.uncounted
    reason = ""
    more: tuple[lines.Line, ...] = ()
    candidates: tuple[str, ...] = ()
    rule = landmark_of(case.facts, case.marrow, *ground.course(world))
    if case.early is not None or world.again:
        rule = None
    if rule is not None:
        step.trial.look(rule[1])
        answer = out.undecided if perhaps else out.refractory
        verdict = Verdict.UNKNOWN if perhaps else Verdict.NOT_MET
        reason = "remission-not-excluded-at-landmark" if perhaps else ""
        candidates = (*perhaps, out.refractory)
        more = (lines.landmark(verdict, *rule),)
    elif answer == out.undecided:
        reason, candidates = "undecided", found.held
    claim = row if row is not None and answer == row.id else None
    state = "active-disease"
    if answer == out.undecided:
        state = "unknown"
    elif claim is not None and claim.early:
        state = "awaiting-response"
    said = Said(
        category=answer, state=state, opened=kept.opened, number=kept.number, reason=reason,
        since=kept.since if kept.state == state else case.marrow.day,
        response_date=way.day if claim is not None and claim.claim else None,
        evaluation=found, candidates=candidates,
        assumptions=() if answer == out.undecided else step.assumed(world, case, way, row),
        held=found.held,
        flags=(
            *limits_of(case), *(claim.flags if claim is not None else ()),
            *(("baseline-after-start",) if ground.course(world)[1].late else ()),
        ),
        lines=lines.at(case, *more), inferred=ground.course(world)[1].inferred,
    )  # fmt: skip
    world = _held_back(step, world, perhaps)
    since = min((way.day, *_held_on(found, perhaps)))
    return _stands(replace(world, since=since), said, case)


def _held_back(step: Step, world: World, perhaps: Sequence[str]) -> World:
    """The course may have had a remission that only missing counts hold back."""
    if not perhaps:
        return world
    best = step.ground.better(world.better, *perhaps)
    return replace(world, phase="unproved", better=best)


def _held_on(found: Evaluation, perhaps: Sequence[str]) -> list[date]:
    """The days on which a remission may have begun that only missing counts hold back."""
    return [one.view.day for one in found.tried if not one.choice.uncounted.isdisjoint(perhaps)]


def _stands(world: World, said: Said, case: Case) -> Move:
    return replace(world, category=said.category, place=case.place), said, said


def nothing_of(step: Step, kept: Said, case: Case, reason: str, *more: lines.Line) -> Said:
    """Not evaluable; the course stands where it stood."""
    return Said(
        category=step.ground.out.not_evaluable, state=kept.state, since=kept.since, reason=reason,
        opened=kept.opened, flags=limits_of(case), lines=lines.at(case, *more),
        inferred=kept.inferred,
    )  # fmt: skip


def pass_over(
    step: Step,
    world: World,
    kept: Said,
    case: Case,
    reason: str,
    found: Evaluation | None = None,
) -> Move:
    """Not evaluable, or the answer of the marrow before where nothing speaks against it."""
    said = replace(
        nothing_of(step, kept, case, reason), evaluation=found,
        held=found.held if found is not None else (),
    )  # fmt: skip
    if found is not None:
        world = _held_back(step, world, found.uncounted)
    if world.place is None:
        return world, kept, said
    against = _against(step, world, case)
    if against is not None:
        text = "nothing after the response may have ended it"
        more = (lines.undecided("no-relapse-in-blood", text, against),) if against else ()
        return world, kept, replace(said, lines=lines.at(case, *more))
    if found is not None and found.unread and step.trial.pick((True, False)):
        # Counts that nobody can read may have proved another answer here.
        return world, kept, said
    doubt = () if case.early is not None else ("inadequate-marrow",)
    poor = lines.quality(case) if found is not None else ()
    carried = replace(
        kept, carries=True, doubted=True, flags=(*limits_of(case), *doubt),
        lines=lines.at(case, *poor, lines.silent(case, found)),
        own=Own(said.category, case.place, found, doubt),
    )  # fmt: skip
    return world, kept, carried


def _against(step: Step, world: World, case: Case) -> Proof | None:
    """What puts in doubt what the evaluable marrow said; None where nothing does."""
    facts, ground, day = step.ground.facts, step.ground, case.marrow.day
    assert world.place is not None  # noqa: S101 - asked by the caller
    before = facts.marrows[world.place]
    cycle = facts.therapy.first_from(before.day)
    if facts.criteria.withholds_after_start and cycle is not None and cycle.day < day:
        return ()
    row = ground.rows.get(world.category)
    if row is None or not row.claim:
        return None
    near = (day - before.day).days < facts.numbers.repeat_marrow.days
    opposed = case.side is not None and case.side == row.early
    if near and opposed and (case.side or step.settles(case.place)):
        return lines.seen_on(case)
    repeat = step.first_on(repeats_of(facts, case.place), side=True)
    proof = [] if repeat is None else [*lines.seen_on(case), *repeat.results]
    first = before.day + timedelta(days=1)
    for one in facts.draws_between(first, day):
        if step.smear(one):
            proof += facts.smears[one].proof
    for other in (one for one in facts.extramedullary.days if first <= one <= day):
        if step.lesion(other):
            proof += facts.extramedullary.on(other).proof
    return tuple(proof) or None


def unread(step: Step, world: World, found: Evaluation) -> World:
    """A better remission than is proved, where counts that were reported cannot be read."""
    return replace(world, better=step.ground.better(world.better, *found.unread))


def remit(step: Step, world: World, kept: Said, case: Case, found: Evaluation, way: Way) -> Move:
    """A marrow that proves a remission: the first of the course, or one more of it."""
    ground = step.ground
    row = next(one for one in (found.row, *found.look.rows) if one and one.id == way.answer)
    going, world = world.phase == "remission", unread(step, world, found)
    began = kept.began if going else _began(step, found, way)
    said = Said(
        category=row.id, state="in-remission", since=began, response_date=way.day, evaluation=found,
        assumptions=step.assumed(world, case, way, row), held=found.held, lines=lines.at(case),
        opened=kept.opened, number=kept.number, began=began, **_doubts(case, found, row),
        ground=kept.ground if going else _evidence(case, found, row),
        inferred=ground.course(world)[1].inferred,
    )  # fmt: skip
    if going:
        said = best_of(step, world, replace(kept, suspected=None, wary=None), case, said)
    after = replace(
        world, phase="remission", category=said.category, place=None, samples=(), bloody=False,
        asked=None, since=began,
    )  # fmt: skip
    return after, said, said


def best_of(step: Step, world: World, kept: Said, case: Case, now: Said) -> Said:
    """In a remission the best category proved in it stands, and beside it what is proved now."""
    best = step.ground.better(world.category, now.category)
    if best == now.category and now.category != world.category:
        return now
    found = now.evaluation
    sure = found is None or found.category == now.category
    if best == now.category and sure and _assumed(now) <= _assumed(kept):
        # Proved once more: since the first day that proved it, by the latest evidence, unless that
        # assumes more: a marrow without a smear says no less than none at all. What may prove it
        # takes no proof away: in another way it says less, and the category is still this one.
        return replace(now, response_date=kept.response_date)
    own = Own(now.category, case.place, found, now.flags)
    return replace(kept, own=own, held=now.held, flags=limits_of(case), lines=now.lines)


def _assumed(said: Said) -> int:
    return LEVELS.index(confidence_of(said.assumptions))


def _began(step: Step, found: Evaluation, way: Way) -> date:
    """The first day on which any draw proves any remission, in one of the ways."""
    remissions = {row.id for row in found.look.rows if row.remission}
    # Of the draws that prove the answer itself the one that assumes least has its day (2.4).
    others = [one for one in found.tried if one.choice.ways.keys() != {way.answer}]
    sure = way.day
    if remissions.issuperset(one.answer for one in found.ways):
        days = (one.view.day for one in others if remissions >= one.choice.ways.keys())
        sure = min([sure, *days])
    days = (one.view.day for one in others if remissions & one.choice.ways.keys())
    perhaps = min([sure, *days])
    began = step.trial.pick((sure, perhaps)) if perhaps < sure else sure
    unread = _unread_before(step, found, began)
    return step.trial.pick((began, unread)) if unread is not None else began


def _unread_before(step: Step, found: Evaluation, began: date) -> date | None:
    """A day before it whose counts nobody can read, if blasts since then may have ended what they
    proved (seed 62004321)."""
    if found.blood.last is None:
        return None
    facts, criteria = step.facts, step.facts.criteria
    smears, places = found.blood.smears, found.window.places
    bled = [facts.draws[one].day for one in places if smears[one].state in ("present", "unknown")]
    days = (
        one.view.day for one in found.tried
        if one.choice.uncounted and was_counted(criteria, one.view)
    )  # fmt: skip
    return next((one for one in days if any(one < day <= began for day in bled)), None)


def _evidence(case: Case, found: Evaluation, row: Category) -> Proof:
    support = (one for name in row.requires for one in found.judgements[name].proof)
    return tuple(dict.fromkeys((*case.marrow.results, *support)))


def _doubts(case: Case, found: Evaluation, row: Category) -> dict[str, Any]:
    """The flags of the row, and whether one of its doubts makes the answer provisional."""
    verdicts = {found.judgements[name].verdict for name in row.doubts} - {Verdict.MET}
    flags = [*limits_of(case), *row.flags]
    if Verdict.NOT_MET in verdicts:
        flags.append("few-cells")
    return {"flags": tuple(flags), "doubted": bool(verdicts - {Verdict.ASSUMED})}
