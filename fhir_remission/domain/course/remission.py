"""A marrow, blood or a lesion in a remission: it goes on, is suspected to have ended, or ends."""

from __future__ import annotations

from datetime import date

from msgspec.structs import replace

from fhir_remission.domain.course import lines
from fhir_remission.domain.course.before import best_of, remit, unread
from fhir_remission.domain.course.ground import Ground
from fhir_remission.domain.course.relapsing import BLOOD, LESION, MARROW, ended
from fhir_remission.domain.course.step import Case, Step, limits_of
from fhir_remission.domain.course.world import Move, Own, Said, World
from fhir_remission.domain.evaluation.criterion import plan_of
from fhir_remission.domain.evaluation.marrow import Evaluation
from fhir_remission.domain.nouns.assessment import Verdict
from fhir_remission.domain.nouns.inputs import Interval
from fhir_remission.domain.nouns.intervals import above
from fhir_remission.domain.nouns.verdicts import Proof

BESIDE = ("concurrent-marrow-clear",)
OF_A_SUSPICION = (
    "category", "state", "since", "response_date", "first_sign", "evaluation", "missing", "lines",
)  # fmt: skip
"""What a suspicion changes in what is said of a remission."""


def follow(step: Step, world: World, kept: Said, case: Case) -> Move:
    """The answer of a marrow once the course has had a remission."""
    rules, day = step.ground.relapse, case.marrow.day
    beside = BESIDE if case.side is False else ()
    proved = _relapsed_on(step, world, case) if case.side and case.repeat is None else None
    if proved is not None:
        sign = (MARROW, rules.marrow, case.marrow.blasts.proof)
        return ended(step, world, kept, sign, case=case, by=case.place, on=proved)
    if step.lesion(day):
        lesion = case.facts.extramedullary.on(day).proof
        outside = (LESION, rules.extramedullary, lesion)
        return ended(step, world, kept, outside, case=case, flags=beside)
    today = step.smears_of(day)
    blasts = True in today.values()
    proof: Proof = tuple(p for one in today if today[one] for p in case.facts.smears[one].proof)
    if blasts and case.side is not None and completes(step, world, day):
        clear = case.marrow.results if beside else ()
        seen_in = (BLOOD, rules.blood, (*earlier(step, world), *proof, *clear))
        return ended(step, world, kept, seen_in, case=case, flags=beside)
    if case.side and case.repeat is None:
        kept = replace(kept, suspected=kept.suspected or day, wary=kept.wary or day)
        after = replace(world, asked=world.asked or day)
        assert rules.marrow is not None  # noqa: S101 - it asks for the repeat
        line = lines.relapse_rule(MARROW, rules.marrow, case.marrow.blasts.proof, proved=False)
        return after, kept, suspicion(step.ground, kept, line, case=case)
    if case.side:
        world, kept = seen(step, world, kept, day) if blasts else (world, kept)
        return world, kept, _undecided(step, kept, case, "contradicted-by-next-marrow")
    if case.side is None:
        return carried(step, world, kept, case)
    return _clear(step, world, kept, case, list(today.values()))


def carried(
    step: Step, world: World, kept: Said, case: Case, found: Evaluation | None = None
) -> Move:
    """What stands, at a marrow that says nothing."""
    doubt = () if case.early is not None else ("inadequate-marrow",)
    own = Own(step.ground.out.not_evaluable, case.place, found, (*limits_of(case), *doubt))
    poor = lines.quality(case) if found is not None else ()
    said = replace(
        now(step.ground, world, kept), carries=True, doubted=True, own=own,
        flags=(*limits_of(case), *doubt),
        lines=lines.at(case, *poor, lines.silent(case), lines.had_remission(kept)),
    )  # fmt: skip
    return world, replace(kept, own=own), said


def _clear(step: Step, world: World, kept: Said, case: Case, today: list[bool | None]) -> Move:
    """Below the line in remission: its window says what it is now."""
    ground, out = step.ground, step.ground.out
    found = step.evaluated(world, kept, case)
    world = unread(step, world, found)
    if False in today and True not in today:
        world, kept = calm(world, kept)
    way = step.trial.pick(found.ways)
    row = ground.rows.get(way.answer)
    if row is not None and row.remission:
        return remit(step, world, kept, case, found, way)
    blood = found.blood
    if blood.lasts and (blood.feared is None or step.trial.pick((True, False))):
        return _blasts_in_window(step, world, kept, case, found, bloody=True in today)
    if way.answer == out.not_evaluable or (row is None and case.early is not None):
        return carried(step, world, kept, case, found)
    if _is_good(step, found):
        world, kept = calm(replace(world, asked=None), kept)
    if row is None:
        if way.answer == out.undecided:
            return _carried_on(step, world, kept, case, found)
        said = replace(_undecided(step, kept, case, "signs-of-disease"), evaluation=found)
        return world, kept, said
    # Only of a remission that somebody's word tells of is it the best that is known.
    said = replace(
        kept, category=row.id, evaluation=found, held=found.held, response_date=way.day, own=None,
        flags=(*limits_of(case), *row.flags),
        lines=lines.at(case, lines.had_remission(kept)),
        assumptions=step.assumed(world, case, way, row),
    )  # fmt: skip
    best = best_of(step, world, kept, case, said)
    after = replace(world, category=best.category)
    told = now(step.ground, after, best)
    return after, best, replace(best, **{name: getattr(told, name) for name in OF_A_SUSPICION})


def _carried_on(
    step: Step, world: World, kept: Said, case: Case, found: Evaluation, *, bled: bool = False
) -> Move:
    """A clear marrow that gives no answer in words of the set: the remission stands."""
    name, flags = (found.category, BESIDE) if bled else (step.ground.out.undecided, ())
    told, own = now(step.ground, world, kept), Own(name, case.place, found, limits_of(case))
    said = replace(
        told, own=own, flags=(*limits_of(case), *flags), held=found.held if told is kept else (),
        lines=lines.at(case, lines.had_remission(kept)),
    )  # fmt: skip
    return world, replace(kept, own=own, held=found.held), said


def _blasts_in_window(
    step: Step, world: World, kept: Said, case: Case, found: Evaluation, *, bloody: bool
) -> Move:
    """Blood blasts beside a clear marrow: the first half of a relapse."""
    rules, day, proof = step.ground.relapse, case.marrow.day, found.blood.worst.proof
    bled = _bled(case, "present") or _bled(case, "unknown")
    first = max(day, bled[0])
    if rules.blood is None:
        sign = (BLOOD, None, proof)
        return ended(step, world, kept, sign, case=case, on=first, flags=BESIDE)
    if _is_good(step, found):
        # It ends what was suspected before its day (3.7); blasts counted among few cells do not.
        world, kept = calm(replace(world, asked=None), kept)
        ahead = [one for one in bled if one >= day]
        if not ahead:
            return _carried_on(step, world, kept, case, found, bled=True)
        first = ahead[0]
    kept = replace(kept, suspected=kept.suspected or first, wary=kept.wary or first)
    world = replace(world, bloody=True)
    if bloody:
        world, kept = seen(step, world, kept, day)
    line = lines.relapse_rule(BLOOD, rules.blood, (*proof, *case.marrow.results), proved=False)
    said = suspicion(step.ground, kept, line, case=case)
    return world, kept, replace(said, evaluation=found, flags=(*said.flags, *BESIDE))


def _undecided(step: Step, kept: Said, case: Case, reason: str) -> Said:
    """Nothing can be said here, and the course goes on."""
    out, day = step.ground.out, case.marrow.day
    text = reason.replace("-", " ")
    stood = kept.candidates if kept.category == out.undecided else (kept.category,)
    return Said(
        category=out.undecided, state="unknown", since=day, reason=reason, opened=kept.opened,
        flags=limits_of(case),
        candidates=(*stood, out.relapse or out.no_response),
        lines=lines.at(
            case, lines.had_remission(kept), lines.undecided(MARROW, text, lines.seen_on(case))
        ),
    )  # fmt: skip


def _is_good(step: Step, found: Evaluation) -> bool:
    """Whether the marrow is good enough for its blast count to end a suspicion."""
    if found.view.marrow.stands_in:
        return False
    named = plan_of(step.ground.facts.criteria).good
    verdicts = {found.judgements[name].verdict for name in named}
    if Verdict.NOT_MET in verdicts:
        return False
    return step.trial.pick((False, True)) if Verdict.UNKNOWN in verdicts else True


def _relapsed_on(step: Step, world: World, case: Case) -> date | None:
    """The day that makes a marrow with blasts a relapse; None where it asks for a repeat.

    Soon after therapy a low value is one only with blasts in the blood, from the day they show.
    """
    rule, day = step.ground.relapse.marrow, case.marrow.day
    if rule is None or rule.recent_at_most is None:
        return day
    start, reading = case.facts.therapy.latest(day), case.marrow.blasts.reading
    recent = start is not None and (day - start.day).days <= rule.recent_days
    repeated = world.asked is not None and (day - world.asked).days >= rule.repeat_after
    if not recent or repeated or not isinstance(reading, Interval):
        return day
    high = above(reading, rule.recent_at_most)
    if high:
        return day
    bled = _bled(case, "present")
    feared = _bled(case, "unknown")
    if not bled and (not (feared or high is None) or step.trial.pick((True, False))):
        return None
    return max([day, *(bled or feared)[:1]])


def _bled(case: Case, *states: str) -> list[date]:
    """The days of the window whose blood held blasts, or may have."""
    places = (one for one in case.window.places if case.facts.smears[one].state in states)
    return [case.facts.draws[one].day for one in places]


def completes(step: Step, world: World, day: date) -> bool:
    """Whether a positive sample of this day fulfils the rule; without a rule any does."""
    rule = step.ground.relapse.blood
    if rule is None or rule.samples == 1:
        return True
    return any(rule.min_days <= (day - one).days <= rule.max_days for one in world.samples)


def earlier(step: Step, world: World) -> Proof:
    """The samples before that count for the rule."""
    facts = step.ground.facts
    places = (one for day in world.samples for one in facts.draws_between(day, day))
    return tuple(
        p for one in places if facts.smears[one].state == "present"
        for p in facts.smears[one].proof
    )  # fmt: skip


def seen(step: Step, world: World, kept: Said, day: date) -> tuple[World, Said]:
    """Blasts in the blood of this day, short of a relapse; one of long ago is no first half."""
    world, kept = lately(step, world, kept, day)
    after = replace(world, samples=(*world.samples, day), bloody=True)
    return after, replace(kept, suspected=kept.suspected or day, wary=kept.wary or day)


def lately(step: Step, world: World, kept: Said, day: date) -> tuple[World, Said]:
    """The samples that may still be the first half of the rule, and the first sign they are."""
    rule = step.ground.relapse.blood
    if rule is None or not rule.max_days:
        return world, kept
    near = tuple(one for one in world.samples if (day - one).days <= rule.max_days)
    if near == world.samples:
        return world, kept
    return replace(world, samples=near), replace(kept, suspected=world.asked)


def calm(world: World, kept: Said) -> tuple[World, Said]:
    """Blood is clear: a suspicion raised by it ends, and no other."""
    if world.samples or world.bloody:
        world = replace(world, samples=(), bloody=False)
    if world.asked is None and kept.suspected:
        kept = replace(kept, suspected=None, wary=None)
    return world, kept


def suspicion(ground: Ground, kept: Said, *told: lines.Line, case: Case | None = None) -> Said:
    """A sign of relapse that falls short of the rule."""
    return Said(
        category=ground.out.relapse_suspected, state="relapse-suspected",
        since=kept.wary, first_sign=kept.suspected, missing=("repeat-marrow",), doubted=True,
        opened=kept.opened, number=kept.number, began=kept.began,
        flags=limits_of(case) if case is not None else (),
        lines=lines.at(case, lines.had_remission(kept), *told),
    )  # fmt: skip


def now(ground: Ground, world: World, kept: Said) -> Said:
    """What a world says where nothing is added."""
    if world.phase == "remission" and (world.bloody or world.asked is not None):
        return suspicion(ground, kept)
    return kept
