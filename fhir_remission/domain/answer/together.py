"""One answer of several courses of one patient, walked apart: what all share is said."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from fhir_remission.domain.course import lines
from fhir_remission.domain.course.agreement import flags_of, in_rank, responded, said_of
from fhir_remission.domain.course.draft import Draft, Placed, Residual, event_code
from fhir_remission.domain.course.ground import Ground
from fhir_remission.domain.course.possible import higher_than
from fhir_remission.domain.course.world import Lines
from fhir_remission.domain.criteria.rules import Mrd
from fhir_remission.domain.evaluation.marrow import Evaluation
from fhir_remission.domain.nouns.assessment import CriterionResult
from fhir_remission.domain.nouns.inputs import Event, Result
from fhir_remission.domain.nouns.verdicts import Proof
from fhir_remission.domain.record.facts import Facts
from fhir_remission.domain.record.mrd_history import MrdEvent
from fhir_remission.domain.tables.events import STARTS

_KINDS = ("marrow", "extramedullary", "blood", "mrd", "none")
_One = TypeVar("_One", bound=Hashable)
EARLY = "early-marrow"
MRD_EVENTS: tuple[MrdEvent, ...] = ("none", "relapse-suspected", "relapse")
"""Each holds those before it."""


class Walked(NamedTuple):
    """One course: the record it was walked in, where it began, and what was said on the way."""

    facts: Facts
    start: Draft
    drafts: list[Draft]


def together(
    ground: Ground, walked: Sequence[Walked], sent: Mapping[Result | Event, Result | Event]
) -> Iterator[Draft]:
    """Each anchor of any of them, with what stands there in every one; `sent`: what was placed."""
    placed = tuple(dict.fromkeys(sent.values()))
    joint = _Joint(ground, walked, sent, placed, {one.source.ref for one in placed})
    event: MrdEvent = "none"
    for key, anchor in joint.anchors():
        drafts = [_standing(joint, one, key, anchor) for one in walked]
        found = _joined(joint, anchor, drafts)
        settled = "" if found.category == ground.out.undecided else found.category
        found = replace(found, mrd=_mrd(drafts, settled, event, ground.facts.criteria.mrd))
        event = found.mrd.event
        yield found


class _Joint(NamedTuple):
    """What all anchors share."""

    ground: Ground
    walked: Sequence[Walked]
    sent: Mapping[Result | Event, Result | Event]
    placed: Proof
    refs: set[str]

    def anchors(self) -> Iterator[tuple[tuple[object, ...], Draft]]:
        """Each anchor, in order of time; of what was placed, as it is on the last of its days."""
        found: dict[tuple[object, ...], Draft] = {}
        for draft in (draft for one in self.walked for draft in one.drafts):
            key = self.key(draft)
            known = found.setdefault(key, draft)
            later = key[1] is None and draft.day > known.day
            if later or len(draft.refs) < len(known.refs):
                found[key] = draft
        return iter(sorted(found.items(), key=lambda one: _place(one[1])))

    def key(self, draft: Draft) -> tuple[object, ...]:
        """One anchor in every course: what was placed on its day is no part of it."""
        own = tuple(ref for ref in draft.refs if ref not in self.refs)
        moved = bool(draft.refs) and not own
        return (draft.kind, None, draft.refs) if moved else (draft.kind, draft.day, own)


def _place(draft: Draft) -> tuple[date, int]:
    return draft.day, _KINDS.index(draft.kind)


def _standing(joint: _Joint, one: Walked, key: tuple[object, ...], anchor: Draft) -> Draft:
    """What stands in one course at an anchor that may be none of its own."""
    own = next((draft for draft in one.drafts if joint.key(draft) == key), None)
    if own is not None and own.day == anchor.day:
        return own
    before = [draft for draft in one.drafts if _place(draft) <= _place(anchor)]
    return before[-1] if before else one.start


def _joined(joint: _Joint, anchor: Draft, drafts: Sequence[Draft]) -> Draft:
    """What all say; what differs is named."""
    ground, walked, placed = joint.ground, joint.walked, joint.placed
    names = list(dict.fromkeys(one.category for one in drafts))
    category = said_of(ground, names)
    settled = category != ground.out.undecided or names == [category]
    of_it = [one for one in drafts if one.category == category] if settled else drafts
    first = next((one for one in of_it if one.evaluation is not None), of_it[0])
    every = {*names, *(name for one in drafts for name in (*one.candidates, *one.possible_higher))}
    every.discard(ground.out.undecided)
    cycles = {_cycle(one.facts, draft) for one, draft in zip(walked, drafts, strict=True)}
    shown = next(one for one, draft in zip(walked, drafts, strict=True) if draft is first)
    found = _unsure(_in_common(ground, first, drafts), joint, anchor, drafts)
    others = _others(first, of_it, settled=settled)
    found = replace(
        found,
        # Of an anchor that lies on another day the draws are another marrow's.
        carries=first.carries or joint.key(first) != joint.key(anchor),
        category=category,
        candidates=in_rank(ground, every) if category == ground.out.undecided else (),
        possible_higher=higher_than(ground, category, every, ()),
        flags=_flags(of_it, drafts),
        others=others,
        behind=others,
        lines=_lines(first, placed, differ=_differ(drafts)),
        placed=Placed(shown.facts, joint.sent),
        doubted=any(one.doubted for one in of_it),
        opened=found.opened if len(cycles) == 1 else None,
    )
    if not settled:
        return replace(found, reason=_reason(placed), missing=(), assumptions=())
    rests = {rest for one in of_it for rest in one.assumptions}
    found = replace(
        found,
        missing=_missing(drafts, placed) or found.missing,
        assumptions=tuple(sorted(rests, key=lambda one: (one.id, one.cls))),
        response_date=_shared(one.response_date for one in of_it),
        first_sign=_shared(one.first_sign for one in of_it),
    )
    return replace(found, response_date=responded(found))


def _reason(placed: Proof) -> str:
    """Why nothing is said: something may have been no start at all, or lies nobody knows where."""
    unsure = all(
        isinstance(one, Event) and one.when is not None and one.certainty != "confirmed"
        for one in placed
    )
    return "therapy-possible" if unsure else "evidence-unplaced"


def _unsure(found: Draft, joint: _Joint, anchor: Draft, drafts: Sequence[Draft]) -> Draft:
    """As this anchor, with whether its window ends, and its answer is the same, on every day."""
    ends = {_end(joint, anchor, one) for one in drafts} - {None}
    return replace(
        found, kind=anchor.kind, day=anchor.day, effective=anchor.effective, refs=anchor.refs,
        closes=len(ends) <= 1, unlike=_differ(drafts),
    )  # fmt: skip


def _others(
    first: Draft, of_it: Sequence[Draft], *, settled: bool
) -> tuple[Evaluation | None, ...]:
    """What stands behind the answer where something lies on another day; behind none, also that no
    criteria were asked."""
    every = (one.evaluation for one in of_it if one.evaluation is not first.evaluation)
    return tuple({id(one): one for one in every if one is not None or not settled}.values())


def _flags(of_it: Sequence[Draft], drafts: Sequence[Draft]) -> tuple[str, ...]:
    """What they raise; how soon a marrow came, only where it did so on every day."""
    early = all(EARLY in one.flags for one in drafts)
    return tuple(one for one in flags_of(of_it) if early or one != EARLY)


def _end(joint: _Joint, anchor: Draft, draft: Draft) -> date | None:
    """The last day of the window, where a draft is of the anchor itself."""
    found = draft.own.found if draft.own is not None else draft.evaluation
    own = found is not None and joint.key(draft) == joint.key(anchor)
    return found.window.last if found is not None and own else None


def _missing(drafts: Sequence[Draft], placed: Sequence[object]) -> tuple[str, ...]:
    """The start of therapy, where what differs is what each of its days gives."""
    states = {(one.category, one.state) for one in drafts}
    starts = all(isinstance(one, Event) and one.kind in STARTS for one in placed)
    return ("therapy-start",) if starts and len(states) > 1 else ()


def _in_common(ground: Ground, first: Draft, drafts: Sequence[Draft]) -> Draft:
    """One of them, with nothing of the course that the others do not say."""
    state = _shared(one.state for one in drafts)
    reached = ground.scale.merged([one.reached for one in drafts])
    return replace(
        first,
        state=state or "unknown",
        since=_shared(one.since for one in drafts) if state else None,
        remitted=all(one.remitted for one in drafts),
        began=_shared(one.began for one in drafts),
        number=_shared(one.number for one in drafts),
        opened=_shared(one.opened for one in drafts),
        response_date=None,
        first_sign=None,
        best=ground.scale.best(reached.shown),
        reached=reached,
        refractory=_shared(one.refractory for one in drafts),
        inferred=all(one.inferred for one in drafts),
    )


def _differ(drafts: Sequence[Draft]) -> bool:
    """Whether where something lies makes a difference to what is claimed."""
    claimed = {(one.category, one.state, one.mrd.status, one.assumptions) for one in drafts}
    return len(claimed) > 1


def _shared(many: Iterator[_One | None]) -> _One | None:
    """What all are; nothing where they differ."""
    found = set(many)
    return found.pop() if len(found) == 1 else None


def _mrd(drafts: Sequence[Draft], category: str, before: MrdEvent, rules: Mrd) -> Residual:
    """MRD as all have it; unknown, and no part of the code, where they differ.

    Its relapse began where all say so, and has ended where all do.
    """
    first, claimed = drafts[0].mrd, ("status", "event", "code")
    if all(getattr(one.mrd, name) == getattr(first, name) for one in drafts for name in claimed):
        shared = (one for one in first.history if all(one in o.mrd.history for o in drafts))
        return replace(first, history=tuple(shared))
    events = sorted((one.mrd.event for one in drafts), key=MRD_EVENTS.index)
    lasts = min(before, events[-1], key=MRD_EVENTS.index)
    event = max(events[0], lasts, key=MRD_EVENTS.index)
    return Residual(
        status=_shared(o.mrd.status for o in drafts) or "unknown",
        event=event,
        code=category and (event_code(event, rules) or category),
        used=tuple(dict.fromkeys(used for o in drafts for used in o.mrd.used)),
    )


def _cycle(facts: Facts, draft: Draft) -> tuple[int, date] | None:
    """Which cycle of the course it is, and since when."""
    if draft.opened is None:
        return None
    cycles = facts.therapy.from_until(draft.opened, draft.day)
    return (len(cycles), cycles[-1].day) if cycles else None


def _lines(first: Draft, placed: Proof, *, differ: bool) -> Lines:
    """The lines of one course, and what was placed where that makes a difference."""

    def told() -> tuple[CriterionResult, ...]:
        found = first.lines()
        if not differ:
            return found
        named = [lines.doubted(one) for one in found if one.criterion != "course-known"]
        return (*named, lines.unlike(placed))

    return told
