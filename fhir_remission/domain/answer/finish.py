"""From a draft to an assessment: state, dates, flags, proof and the clock."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from fhir_remission.domain.answer.flags import flags_of
from fhir_remission.domain.answer.last_days import Dates, last_days
from fhir_remission.domain.answer.narrative import next_better, summary
from fhir_remission.domain.answer.proof import (
    as_sent,
    criteria_lines,
    lineages_below,
    proof_lines,
    skipped_of,
)
from fhir_remission.domain.course.draft import Draft
from fhir_remission.domain.course.scope import diagnosis_gate, read_signs
from fhir_remission.domain.criteria.rules import CriteriaSet
from fhir_remission.domain.evaluation.choice import confidence_of
from fhir_remission.domain.evaluation.trace import notes_of
from fhir_remission.domain.nouns.assessment import (
    Anchor,
    Assessment,
    Assumption,
    ClaimNote,
    Clock,
    CycleDay,
    DrawNote,
    Latest,
    MrdEventNote,
)
from fhir_remission.domain.nouns.inputs import Claim
from fhir_remission.domain.record.facts import Facts


class Segment(Struct, frozen=True):
    """An anchor and the time until the next one."""

    draft: Draft
    until: date | None
    """The day of the next anchor; None for the last."""
    accepted: frozenset[str]

    def holds(self, day: date) -> bool:
        """Whether the day lies before the next anchor."""
        return self.until is None or day < self.until


def finish(facts: Facts, segment: Segment, as_of: datetime, today: date) -> Assessment:
    """Put one draft into words and dates."""
    draft = segment.draft
    # A lesion known by its end alone stands on no day of its own.
    unplaced = draft.kind == "extramedullary" and draft.since == draft.day and not draft.effective
    draft = replace(
        draft,
        moved=draft.moved or _is_moved(facts, draft),
        since=None if unplaced else draft.since,
        assumptions=_with_doubts(facts, draft),
    )
    awaits = draft.state == "awaiting-response"
    if segment.until is None and draft.reason == "before-therapy" and awaits:
        draft = replace(draft, reason="therapy-after-marrow", missing=("marrow",))
    dates, claims = last_days(facts, segment.until), _claims(facts, segment)
    flags = flags_of(facts, draft, segment.until)
    if any(one.agrees is False for one in claims):
        flags = tuple(sorted({*flags, "claim-disagrees"}))
    found = replace(
        _answer(draft.placed.facts if draft.placed is not None else facts, draft),
        # A count without a day may be of a draw that counts, and prove more.
        provisional=any(one.analyte != "mrd" for one in facts.record.undated)
        or _provisional(draft, segment.accepted),
        flags=flags,
        last_marrow=dates.marrow,
        last_blood=dates.blood,
        last_mrd=dates.mrd,
        current=segment.until is None,
        clock=_clock(facts, draft, dates, as_of, today),
        claims=claims,
    )
    return replace(
        found,
        summary=summary(facts, draft, found),
        next_better=next_better(facts, draft, found),
    )


def _is_moved(facts: Facts, draft: Draft) -> bool:
    """Whether nobody knows the day of the marrow that was judged."""
    if not facts.loose or draft.kind != "marrow":
        return False
    return bool(draft.refs) and {one.source.ref for one in facts.loose}.issuperset(draft.refs)


def _answer(facts: Facts, draft: Draft) -> Assessment:
    """What the anchor itself says; state, flags and dates depend on what comes after it."""
    return Assessment(
        patient=facts.record.patient,
        criteria_id=facts.criteria.id,
        criteria_version=facts.criteria.version,
        state=draft.state,
        state_since=draft.since,
        category=draft.category,
        best_response=draft.best,
        mrd=draft.mrd.status,
        mrd_event=draft.mrd.event,
        code=draft.mrd.code or draft.category,
        provisional=draft.doubted,
        confidence=confidence_of(draft.assumptions),
        assumptions=draft.assumptions,
        possible_higher=draft.possible_higher,
        candidates=draft.candidates,
        missing=tuple(sorted(set(draft.missing))),
        lineages_below=lineages_below(facts, draft),
        flags=draft.flags,
        anchor=Anchor(draft.kind, draft.effective, draft.refs),
        response_date=draft.response_date,
        first_sign=draft.first_sign,
        window_closes=_closes(draft),
        **dict.fromkeys(("last_marrow", "last_blood", "last_mrd")),
        current=False,
        clock=Clock("", window_open=False, stale=False),
        criteria_results=as_sent(draft, proof_lines(facts, draft)),
        skipped=skipped_of(facts),
        policies=policies_of(facts.criteria),
        draws=_draws(facts, draft),
        claims=(),
        summary="",
        next_better="",
        latest=_latest(facts, draft),
        responses=draft.responses,
        remission_number=_number(draft),
        cycle=_cycle(facts, draft),
        mrd_history=tuple(MrdEventNote(*one) for one in draft.mrd.history),
        reason=draft.reason,
    )


def _number(draft: Draft) -> int | None:
    """The how manieth remission of those that are known; its first day may be open."""
    there = draft.began is not None or (draft.row is not None and draft.row.remission)
    return draft.number if draft.remitted and there else None


@lru_cache
def policies_of(criteria: CriteriaSet) -> tuple[tuple[str, str], ...]:
    """What each policy of a set is."""
    return tuple((one.name, one.default) for one in criteria.policy)


def _cycle(facts: Facts, draft: Draft) -> CycleDay | None:
    """Where in the therapy of the course a marrow was taken, if the ways share the course."""
    if draft.kind != "marrow" or draft.opened is None or draft.moved:
        return None
    cycles = facts.therapy.from_until(draft.opened, draft.day)
    if not cycles:
        return None
    # Day 1 is the first day of therapy.
    return CycleDay(len(cycles), (draft.day - cycles[-1].day).days + 1)


def _latest(facts: Facts, draft: Draft) -> Latest | None:
    """What the latest marrow proves by itself, where that is not what stands."""
    own = draft.own
    if own is None or own.category == draft.category:
        return None
    marrow = facts.marrows[own.place]
    anchor = Anchor("marrow", marrow.effective, marrow.refs)
    flags = tuple(sorted(set(own.flags)))
    return Latest(own.category, anchor, flags, as_sent(draft, criteria_lines(facts, own.found)))


def _closes(draft: Draft) -> date | None:
    """The last day of the marrow's window; an anchor that carries an answer has none.

    Nor has one whose day is not told, or whose window ends at something of no day.
    """
    found = draft.own.found if draft.own is not None else draft.evaluation
    if found is None or draft.kind != "marrow" or draft.carries:
        return None
    return None if draft.moved or not draft.closes else found.window.last


def _provisional(draft: Draft, accepted: frozenset[str]) -> bool:
    """Whether something assumed (and not accepted), possible or doubted stands behind it."""
    open_points = [
        one for one in draft.assumptions if one.cls == "material" or one.id not in accepted
    ]
    return bool(open_points or draft.possible_higher or draft.doubted)


def _with_doubts(facts: Facts, draft: Draft) -> tuple[Assumption, ...]:
    """The assumptions of the answer, and those about the reading itself."""
    reading = {Assumption(name, "material") for name in facts.record.doubts}
    return tuple(sorted({*draft.assumptions, *reading}, key=lambda one: (one.id, one.cls)))


def nothing(facts: Facts, start: Draft, as_of: datetime, today: date) -> Assessment:
    """The answer where there is nothing to assess."""
    gate = diagnosis_gate(facts, read_signs(facts), date.max)
    if gate.state == "closed":
        draft = replace(start, reason=gate.reason, missing=(), flags=())
    elif facts.record.unplaced or facts.record.floating:
        # What came may be a marrow of any time: it is not that there is none.
        undecided, reason = facts.criteria.outcomes.undecided, "evidence-unplaced"
        draft = replace(
            start, category=undecided, state="unknown", reason=reason, missing=(), flags=()
        )
    else:
        draft = replace(start, reason="no-marrow", missing=("marrow",), flags=())
    return finish(facts, Segment(draft, None, frozenset()), as_of, today)


def _clock(facts: Facts, draft: Draft, dates: Dates, as_of: datetime, today: date) -> Clock:
    closes = _closes(draft)
    numbers = facts.numbers
    # What is told by its month may be of the last of its days.
    late = max([one.when.last_day for one in facts.loose], default=date.min)
    looked = max(dates.marrow or late, dates.mrd or late, late)
    bled = max(dates.blood or late, late)
    old_marrow = today - looked > timedelta(days=numbers.stale_marrow.days)
    old_blood = today - bled > timedelta(days=numbers.stale_blood.days)
    stale = draft.state == "in-remission" and old_marrow and old_blood and not facts.record.died
    return Clock(as_of.isoformat(), closes is not None and today <= closes, stale)


def _draws(facts: Facts, draft: Draft) -> tuple[DrawNote, ...]:
    """The draws of the latest marrow's window."""
    found = draft.own.found if draft.own is not None else draft.evaluation
    if found is None or draft.carries:
        return ()
    open_end = draft.category == facts.criteria.outcomes.undecided and draft.others
    return notes_of(facts, found, proves=not open_end)


def _claims(facts: Facts, segment: Segment) -> tuple[ClaimNote, ...]:
    """What was said of remission between this anchor and the next; undated claims stand last."""
    notes = []
    for claim in sorted(
        facts.record.claims, key=lambda one: (_claimed_on(one), one.source.ref, one.text)
    ):
        day = _claimed_on(claim)
        if segment.draft.day <= day and segment.holds(day):
            notes.append(ClaimNote(claim.source, claim.text, _agrees(claim, segment.draft)))
    return tuple(notes)


def _said_after(claim: Claim, draft: Draft) -> bool:
    """Whether it was said when the remission was there to be seen."""
    seen = draft.response_date or draft.began
    return claim.when is not None and seen is not None and claim.when.first_day > seen


def _claimed_on(claim: Claim) -> date:
    return claim.when.last_day if claim.when is not None else date.max


def _agrees(claim: Claim, draft: Draft) -> bool | None:
    state = draft.state
    if state == "unknown":
        return None
    if claim.says == "active" and state == "in-remission" and not _said_after(claim, draft):
        # A disease once called active was so before the remission; nobody denies the remission.
        return None
    meant = {
        "remission": ("in-remission",),
        "relapse": ("relapsed", "awaiting-response", "relapse-suspected", "active-disease"),
        "active": (
            "untreated",
            "awaiting-response",
            "active-disease",
            "relapsed",
            "relapse-suspected",
        ),
    }
    return state in meant[claim.says]
