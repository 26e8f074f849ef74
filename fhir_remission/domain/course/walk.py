"""Through a patient's record in order of time, from anchor to anchor."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import date
from typing import Literal, NamedTuple

from msgspec.structs import replace

from fhir_remission.domain.course.cases import Case, draft_of, look_at, read_case
from fhir_remission.domain.course.courses import baseline_of, first_course, memory_of
from fhir_remission.domain.course.followups import follow
from fhir_remission.domain.course.progress import Draft, Progress, moved
from fhir_remission.domain.course.relapses import rule_line
from fhir_remission.domain.course.responses import may_remit, perhaps, respond
from fhir_remission.domain.course.samples import (
    at_blood,
    at_lesion,
    at_mrd,
    at_perhaps,
    with_sample,
)
from fhir_remission.domain.course.scope import Signs, diagnosis_gate, read_signs
from fhir_remission.domain.evaluation.windows import read_blood_blasts
from fhir_remission.domain.nouns.assessment import CriterionResult
from fhir_remission.domain.record.facts import Facts


class Point(NamedTuple):
    """Something in the record that may be an anchor."""

    day: date
    rank: int
    place: int
    kind: Literal["marrow", "extramedullary", "blood", "mrd"]


def walk(facts: Facts, *, strict: bool) -> list[Draft]:
    """Every anchor of the patient in order of time."""
    signs = read_signs(facts)
    progress = beginning(facts)
    drafts: list[Draft] = []
    for point in sorted(_points(facts)):
        if point.kind == "marrow":
            progress, draft = _at_marrow(facts, signs, progress, point.place, strict=strict)
            progress = _with_mrd(facts, progress, point.day)
            drafts.append(replace(draft, after=progress))
            continue
        progress, found = _between(facts, signs, progress, point)
        if found is not None:
            drafts.append(found)
    last = waiting(facts, signs, drafts[-1]) if drafts else None
    return drafts if last is None else [*drafts, last]


def waiting(facts: Facts, signs: Signs, last: Draft) -> Draft | None:
    """Before the first remission of a course a start asks for the next marrow, by policy."""
    progress, outcomes = last.after, facts.criteria.outcomes
    if not facts.criteria.withholds_after_start:
        return None
    cycle = facts.therapy.first_from(max(last.day, progress.course.opened))
    if cycle is None or progress.remission is not None:
        return None
    if last.category in (outcomes.not_evaluable, outcomes.relapse):
        return None
    if diagnosis_gate(facts, signs, cycle.day).state != "open":
        return None
    # What may have been a remission may still be one.
    open_end = progress.maybe_remission
    if not open_end:
        progress = replace(progress, state="awaiting-response", since=cycle.day)
    return Draft(
        "none",
        cycle.day,
        "",
        (),
        progress,
        outcomes.undecided if open_end else outcomes.not_evaluable,
        reason="earlier-remission-unknown" if open_end else "therapy-after-marrow",
        missing=("marrow",),
    )


def beginning(facts: Facts) -> Progress:
    """Where the patient stands before the first anchor."""
    course = first_course(facts)
    baseline = baseline_of(facts, course)
    known = bool(facts.marrows or facts.events.get("aml-diagnosis"))
    state = "untreated" if known else "unknown"
    return Progress(
        course, baseline, state, course.opened if known and course.opened > date.min else None
    )


def _points(facts: Facts) -> Iterator[Point]:
    # A marrow that cannot be judged says nothing of the blood and the lesions of its day.
    marrow_days = {one.day for one in facts.marrows if not one.inadequate}
    for place, marrow in enumerate(facts.marrows):
        yield Point(marrow.day, 0, place, "marrow")
    lesions = set(facts.extramedullary.days) - set(facts.marrow_days)
    for place, day in enumerate(facts.extramedullary.days):
        if day in lesions:
            yield Point(day, 1, place, "extramedullary")
    for place, draw in enumerate(facts.draws):
        reported = facts.smears[place].state in ("present", "unknown", "absent")
        if reported and draw.day not in marrow_days and draw.day not in lesions:
            yield Point(draw.day, 2, place, "blood")
    for place, sample in enumerate(facts.mrd):
        # Rank 2 would tie with blood of the day; MRD is looked at last.
        yield Point(sample.day, 2 + 1, place, "mrd")


def _at_marrow(
    facts: Facts, signs: Signs, progress: Progress, place: int, *, strict: bool
) -> tuple[Progress, Draft]:
    case = read_case(facts, signs, place, strict=strict)
    outcomes = facts.criteria.outcomes
    if case.diagnosis.state == "closed":
        after = replace(progress, state="unknown", since=None)
        return after, draft_of(case, after, outcomes.not_evaluable, reason=case.diagnosis.reason)
    if case.diagnosis.state == "doubt":
        return _undiagnosed(case, progress)
    if progress.remission is not None:
        return follow(case, progress)
    still = _still_relapsed(case, progress)
    if still is not None:
        return _relapsed_still(case, progress, still)
    claimed = _claimed(facts, progress, case.marrow.day)
    return respond(case, progress, claimed=claimed)


def _with_mrd(facts: Facts, progress: Progress, day: date) -> Progress:
    """MRD of the marrow's own day belongs to the marrow."""
    for place in range(bisect_left(facts.mrd_days, day), bisect_right(facts.mrd_days, day)):
        progress = with_sample(facts, progress, place)
    return progress


def _undiagnosed(case: Case, progress: Progress) -> tuple[Progress, Draft]:
    """Without a diagnosis nothing is said, and what was here may have been a remission."""
    after = replace(progress, state="unknown", since=None)
    if case.diseased is not True:
        after = perhaps(case, after)
    undecided = case.facts.criteria.outcomes.undecided
    unread = case.diagnosis.reason in ("read-failed", "evidence-unplaced", "therapy-possible")
    missing = () if unread else ("aml-diagnosis",)
    return after, draft_of(case, after, undecided, reason=case.diagnosis.reason, missing=missing)


def _still_relapsed(case: Case, progress: Progress) -> CriterionResult | None:
    """Until therapy after a relapse is known, disease wherever it shows is that relapse.

    Blood that cannot be read is not clear: losing a value must not turn a relapse into a response.
    """
    if progress.relapse_day is None:
        return None
    start = case.facts.therapy.first_from(progress.relapse_day)
    if start is not None and start.day < case.marrow.day:
        return None
    rules, proof = case.facts.criteria.relapse, progress.relapse_proof
    if case.diseased and rules.marrow is not None:
        return rule_line("no-relapse-in-marrow", rules.marrow, proof)
    blood = read_blood_blasts(case.facts.smears, case.window.looked)
    if blood.last is not None and blood.cleared is None and rules.blood is not None:
        return rule_line("no-relapse-in-blood", rules.blood, (*proof, *blood.worst.proof))
    # A lesion denied within the window no longer stands against what a later draw proves.
    drawn = [case.facts.draws[place].day for place in case.window.places]
    last = max([case.marrow.day, *drawn])
    lesion = case.facts.extramedullary.at(last, memory_of(case.facts, progress.course))
    if lesion.state == "present" and rules.extramedullary is not None:
        outside = (*proof, *lesion.proof)
        return rule_line("no-relapse-outside-marrow", rules.extramedullary, outside)
    return None


def _relapsed_still(
    case: Case, progress: Progress, line: CriterionResult
) -> tuple[Progress, Draft]:
    outcomes = case.facts.criteria.outcomes
    if may_remit(case, look_at(case, progress, claimed=False)):
        # With a sign that could be read it may have been the next remission.
        progress = perhaps(case, progress, line.evidence)
    after = moved(
        progress, "relapsed", progress.relapse_day, category=outcomes.relapse, carried=None
    )
    return after, draft_of(
        case,
        after,
        outcomes.relapse,
        response_date=progress.relapse_day,
        first_sign=progress.first_sign,
        guards=(line,),
    )


def _claimed(facts: Facts, progress: Progress, day: date) -> bool:
    """Whether somebody spoke of remission before: never proof, but no longer 'none before'."""
    since = progress.course.opened if progress.course.relapsed else date.min
    for claim in facts.record.claims:
        if claim.says != "remission":
            continue
        if claim.when is None or since <= claim.when.first_day < day:
            return True
    return False


def _between(
    facts: Facts, signs: Signs, progress: Progress, point: Point
) -> tuple[Progress, Draft | None]:
    """Blood, lesions and MRD between marrows matter only to a remission, or what may be one."""
    if diagnosis_gate(facts, signs, point.day).state != "open":
        return progress, None
    if progress.remission is None:
        return at_perhaps(facts, progress, point.day, point.kind)
    if point.kind == "mrd":
        return at_mrd(facts, progress, point.place, on_marrow=_is_marrow_day(facts, point.day))
    if point.day <= progress.remission.since:
        return progress, None
    if point.kind == "extramedullary":
        return at_lesion(facts, progress, point.day)
    return at_blood(facts, progress, point.place)


def _is_marrow_day(facts: Facts, day: date) -> bool:
    place = bisect_right(facts.marrow_days, day) - 1
    return place >= 0 and facts.marrow_days[place] == day
