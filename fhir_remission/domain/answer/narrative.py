"""The sentences of an assessment, as a haematologist would write them.

The summary begins with the state; the second sentence names what keeps the answer from the next
better one, or from any.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from fhir_remission.domain.answer.brackets import in_brackets
from fhir_remission.domain.answer.shortfall import lack_of
from fhir_remission.domain.answer.wording import (
    ADVICE,
    DEAD,
    DEAD_UNTREATED,
    MRD_REPEAT,
    OF_A_RESULT,
    STATES,
    UNORDERED,
    UNTREATED,
    advice,
    drawn_on_no_day,
    last_sample,
    last_told,
    start_text,
    undated,
)
from fhir_remission.domain.course.draft import Draft
from fhir_remission.domain.course.lines import FAILS, LANDMARK, REFRACTORY
from fhir_remission.domain.criteria.rules import Category
from fhir_remission.domain.evaluation.criterion import plan_of
from fhir_remission.domain.evaluation.marrow import Evaluation
from fhir_remission.domain.nouns.assessment import Assessment, Verdict
from fhir_remission.domain.nouns.verdicts import Judgement
from fhir_remission.domain.record.draws import COUNTS
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.marrows import BLASTS
from fhir_remission.domain.tables.analytes import ANALYTES

# Before a remission a marrow that could not be judged asks for the next one.
WAITING = ("awaiting-response", "active-disease")


def summary(facts: Facts, draft: Draft, found: Assessment) -> str:
    """Where the patient stands, by what, and how old the evidence is; of the dead, that first."""
    since = "" if found.state_since is None else f" since {found.state_since}"
    start = _stands(facts, found).format(since=since)
    if draft.refractory is not None and found.category == facts.criteria.outcomes.refractory:
        rule = _landmark(found)
        start = f"Refractory since {draft.refractory}{rule}; {start[0].lower()}{start[1:]}"
    return f"{_death(facts)}{start}{in_brackets(facts, found)}{_last(facts, draft, found)}."


def _stands(facts: Facts, found: Assessment) -> str:
    """The words of the state; of the dead nothing is awaited."""
    unasked, died = _unasked(facts, found), facts.record.died
    if died and found.state == "awaiting-response":
        return DEAD_UNTREATED if unasked else DEAD
    return UNTREATED if unasked else STATES[found.state]


def _unasked(facts: Facts, found: Assessment) -> bool:
    """Whether a response is awaited of a therapy that nobody told of."""
    since = found.state_since
    if found.state != "awaiting-response" or since is None:
        return False
    return facts.therapy.until(since) != since


def _death(facts: Facts) -> str:
    record = facts.record
    if not record.died:
        return ""
    if not record.died_on:
        return "Died, no date given. "
    lasts = (*facts.marrow_days[-1:], *facts.draw_days[-1:], *facts.mrd_days[-1:])
    later = any(str(day)[: len(record.died_on)] > record.died_on for day in lasts)
    return f"Died {record.died_on}{', though results are of later days' if later else ''}. "


def _landmark(found: Assessment) -> str:
    """What makes the disease refractory, where this marrow is the one that shows it."""
    told = (one.rule for one in found.criteria_results if one.criterion == LANDMARK)
    return next((f" ({rule.removeprefix(REFRACTORY)})" for rule in told), "")


def _by_itself(facts: Facts, found: Assessment) -> str:
    """What the latest marrow says alone, where that is not what stands."""
    if found.latest is None:
        return ""
    lineages = facts.criteria.about.lineages
    told = {one.criterion: bool(one.evidence) for one in found.latest.criteria_results}
    lacks = [name for name in lineages if told.get(name) is False]
    names = {one.id: ANALYTES[one.analyte] for one in plan_of(facts.criteria).lineages}
    bare = "counts" if len(lacks) == len(lineages) else " and ".join(names[one] for one in lacks)
    return f" ({found.latest.category} by itself{f', without {bare}' if bare else ''})"


def _last(facts: Facts, draft: Draft, found: Assessment) -> str:
    own = _by_itself(facts, found)
    known = (
        ("last marrow", last_told(facts, found, (BLASTS,), found.last_marrow), own),
        ("last count", last_told(facts, found, COUNTS, found.last_blood), ""),
        ("last MRD", last_told(facts, found, ("mrd",), found.last_mrd), last_sample(facts, found)),
    )
    said = [f"{name} {day}{more}" for name, day, more in known if day]
    none = "; no marrow and no count"
    if found.reason == "evidence-unplaced" or facts.loose:
        none += " whose time is known"
    return f"; {', '.join(said)}" if said else none


def next_better(facts: Facts, draft: Draft, found: Assessment) -> str:
    """What keeps the answer from the next better one; empty where nothing better exists."""
    told = _next_better(facts, draft, found)
    waits = found.mrd_event == "relapse-suspected" and not facts.record.died
    return told or (MRD_REPEAT if waits else "")


def _next_better(facts: Facts, draft: Draft, found: Assessment) -> str:
    if "repeat-blood" in draft.missing:
        return _second_sample(facts, draft)
    if found.reason in OF_A_RESULT and undated(facts, found):
        return UNORDERED
    if "therapy-start" in draft.missing:
        return start_text(facts)
    if draft.unlike and found.possible_higher and found.reason not in ADVICE:
        # Of a marrow on another day other draws are read.
        return UNORDERED
    if draft.carries and draft.own is not None and found.state in WAITING:
        # The marrow since the start could not be judged: the next one is asked for.
        early = "early-marrow" in found.flags
        return advice(facts, "early-marrow" if early else "inadequate-marrow")
    # Where the ways differ, no draw of one of them says what is missing.
    differ = draft.others and found.category == facts.criteria.outcomes.undecided
    suspected = found.category == facts.criteria.outcomes.relapse_suspected
    told = suspected or found.reason in ADVICE or differ
    if draft.evaluation is None or told:
        if found.reason == "evidence-unplaced" and not found.skipped:
            return UNORDERED
        return advice(facts, found.reason if found.reason in ADVICE else _missing(found))
    named = (*found.possible_higher, *found.candidates)
    target = _target(facts, draft.evaluation, found)
    if target is None:
        plain = found.candidates or (_missing(found) in ADVICE and found.state != "in-remission")
        if found.possible_higher and not plain:
            return _elsewhere(facts, draft, found)
        return advice(facts, _missing(found))
    better = f"{target.id}:" if target.id in named else ""
    lacks = _lacks(facts, draft.evaluation, target, still_open=bool(better))
    return _told(
        facts, found, f"perhaps {better}" if better else f"not {target.id}, because", lacks
    )


def _lacks(
    facts: Facts, evaluation: Evaluation, target: Category, *, still_open: bool
) -> list[str]:
    """What one draw lacks for a better answer."""
    judged = evaluation.judgements
    # What is not known is no reason where something else has failed.
    failed = any(judged[one].verdict is Verdict.NOT_MET for one in target.requires)
    wanted = Verdict.NOT_MET if failed and not still_open else Verdict.UNKNOWN
    reasons = [
        lack_of(one, facts, evaluation, target.id)
        for one in facts.criteria.criterion
        if one.id in target.requires and (judged[one.id].verdict is wanted or judged[one.id].open)
    ]
    return [one for one in reasons if one]


def _told(facts: Facts, found: Assessment, link: str, lacks: Sequence[str]) -> str:
    if not lacks:
        return advice(facts, _missing(found))
    return f"{found.category}, {link} {'; '.join(lacks)}."


def _elsewhere(facts: Facts, draft: Draft, found: Assessment) -> str:
    """Why a better answer is possible that the draw which proves this one rules out.

    By the latest marrow, another draw, or in other ways to read the record an earlier marrow.
    """
    own = draft.own.found if draft.own is not None else None
    for evaluation in filter(None, (own, draft.evaluation, *draft.others)):
        for one in evaluation.tried:
            other = replace(evaluation, best=one)
            target = _open_row(other, found.possible_higher)
            if target is None:
                continue
            day = evaluation.view.marrow.day
            by = "" if evaluation is draft.evaluation else f" by the marrow of {day}"
            lacks = _lacks(facts, other, target, still_open=True)
            told = _told(facts, found, f"perhaps {target.id}{by}:", lacks)
            return told or _open_end(found, f"what is not known beside the marrow of {day} decides")
    inside = found.state == "in-remission"
    told = "" if inside else advice(facts, _missing(found))
    of_it = "remission" if inside else "course"
    return told or _open_end(
        found, f"the counts of an earlier marrow of this {of_it} are not known"
    )


def _open_end(found: Assessment, why: str) -> str:
    return f"{found.category}, perhaps {' or '.join(found.possible_higher)}: {why}."


def _second_sample(facts: Facts, draft: Draft) -> str:
    """From which day to which another sample with blasts would be relapse by the set's rule."""
    rule = facts.criteria.relapse.blood
    # The first sign may be one that a clear marrow has taken out of the rule.
    first = draft.counted or draft.day
    undated = draft.moved or drawn_on_no_day(facts, first)
    if rule is None or not rule.max_days or undated or facts.record.died:
        return advice(facts, "repeat-blood")
    soon, late = first + timedelta(days=rule.min_days), first + timedelta(days=rule.max_days)
    return (
        f"Another sample with blasts from {soon} to {late} is relapse, counted from the sample "
        f"of {first}; a clear smear or marrow ends the suspicion."
    )


def _missing(found: Assessment) -> str:
    """The first of what is missing that decides by itself, or else the first."""
    return min(found.missing, key=lambda one: (one not in ADVICE, one), default="")


def _target(facts: Facts, evaluation: Evaluation, found: Assessment) -> Category | None:
    """The category to compare with: the best still possible, else the next better one."""
    rows, judged = facts.criteria.category, evaluation.judgements
    still = _open_row(evaluation, (*found.possible_higher, *found.candidates))
    if still is not None:
        return still
    if found.candidates or found.possible_higher:
        return None
    own = next((row for row in rows if row.id == found.category), None)
    ahead = rows if own is None else rows[: rows.index(own)]
    if own is not None and own.clear:
        return ahead[-1] if ahead else None
    lacking = [(sum(judged[name].verdict in FAILS for name in row.requires), row) for row in ahead]
    # What lacks nothing is not what stands in the way: a partial response of refractory disease.
    claims = [(not row.remission, count, row) for count, row in lacking if row.claim and count]
    return min(claims, key=lambda one: one[:2])[2] if claims else None


def _open_row(evaluation: Evaluation, names: Sequence[str]) -> Category | None:
    """The first of some categories that the marrow may prove, and nothing at the draw rules out."""
    judged = evaluation.judgements
    for name in names:
        for row in evaluation.look.rows:
            if row.id == name and not any(_is_closed(judged[one]) for one in row.requires):
                return row
    return None


def _is_closed(judgement: Judgement) -> bool:
    """Whether it has failed for good: nothing that is open can still make the category."""
    return judgement.verdict is Verdict.NOT_MET and not judgement.open
