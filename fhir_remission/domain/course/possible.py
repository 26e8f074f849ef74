"""What is left open: better answers, why the ways to read a record differ, what settles it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from fhir_remission.domain.course.draft import Anchor, Draft
from fhir_remission.domain.course.ground import Ground
from fhir_remission.domain.course.scope import NOTHING_BEFORE
from fhir_remission.domain.course.world import Said, World
from fhir_remission.domain.evaluation.trace import missing_for

MISSING = {
    "marrow": "marrow-blasts",
    "quality": "marrow-adequacy",
    "lesion": "extramedullary-disease",
    "smear": "blood-blasts",
    "claim": "earlier-response",
}
REASONS = {
    "marrow": "marrow-undecided",
    "quality": "contradicted-by-next-marrow",
    "lesion": "extramedullary-undecided",
    "smear": "blood-blasts-undecided",
}


def higher_than(
    ground: Ground, category: str, named: Collection[str], saids: Sequence[Said]
) -> tuple[str, ...]:
    """The claims above an answer that are named or held back, the best first."""
    order, last = ground.order, len(ground.order)
    limit = order.get(category, last)
    held = {
        name for one in saids for name in one.held if order[name] < order.get(one.category, last)
    }
    return tuple(
        name
        for name, rank in order.items()
        if rank < limit and ground.rows[name].claim and (name in held or name in named)
    )


def held_back(ground: Ground, told: Sequence[tuple[Said, World]], category: str) -> list[str]:
    """What a remission may have been at an earlier marrow whose counts nobody can read."""
    last, out = len(ground.order), ground.out
    limits = [
        (ground.order.get(said.category, last), ground.order[world.better])
        for said, world in told
        if world.better
        and world.phase in ("unproved", "remission")
        # Beside a proved answer a remission that only a word tells of holds nothing back.
        and (category == out.undecided or said.category != out.undecided)
        and said.category != out.relapse_suspected
    ]
    return [
        name
        for name, rank in (ground.order.items() if limits else ())
        if ground.rows[name].remission and any(best <= rank < now for now, best in limits)
    ]


def reason_of(
    ground: Ground, anchor: Anchor, category: str, saids: Sequence[Said], before: Draft | None
) -> str:
    """Why nothing is said, or why what is said is no response."""
    if anchor.gate is not None:
        return anchor.gate.reason
    own = {one.reason for one in saids}
    if "before-therapy" in own and category == ground.out.not_evaluable:
        return "before-therapy"
    if len(own) == 1 and (own != {""} or category != ground.out.undecided):
        return own.pop()
    if category != ground.out.undecided:
        return next(one.reason for one in saids if one.category == category)
    if _whether_relapsed(ground, anchor, saids):
        return _asked(anchor) or _told_before(before)[0] or "signs-undecided"
    if _differ_before(anchor) or "claim" in anchor.asked:
        if not anchor.lasted or "claim" in anchor.asked:
            return "earlier-remission-unknown"
        asked = _asked(anchor) if _of_one_side(ground, saids) else ""
        # Of the last marrow nobody says that the next one disagrees.
        return asked if asked.endswith("-undecided") else "remission-end-unknown"
    names = {one.category for one in saids}
    if ground.out.refractory and ground.out.refractory in names and names & set(ground.order):
        return "remission-not-excluded-at-landmark"
    if anchor.phases == {"remission"}:
        return _asked(anchor) or "signs-undecided"
    return "disease-before-undecided" if NOTHING_BEFORE in own else "undecided"


def _asked(anchor: Anchor) -> str:
    """What could not be told here."""
    return next((reason for kind, reason in REASONS.items() if kind in anchor.asked), "")


def _differ_before(anchor: Anchor) -> bool:
    """Whether the ways differ in where the course stood, or may have stood in a remission."""
    return len(anchor.phases) > 1 or anchor.phases == {"unproved"}


def _whether_relapsed(ground: Ground, anchor: Anchor, saids: Sequence[Said]) -> bool:
    """Whether a remission was there in every way, and only its relapse is not settled."""
    ended = {ground.out.relapse, ground.out.relapse_suspected}
    if anchor.kind != "marrow":
        # Blood and lesions prove no response: it is the remission of before that stands.
        ended.update(name for name, row in ground.rows.items() if row.remission)
    return anchor.phases <= {"remission", "relapsed"} and {one.category for one in saids} <= ended


def _of_one_side(ground: Ground, saids: Sequence[Said]) -> bool:
    """Whether it is relapse or as clear as a remission: what is unknown here decides."""
    clear = {name for name, row in ground.rows.items() if row.clear}
    ended = {ground.out.relapse, ground.out.relapse_suspected}
    return {one.category for one in saids} <= clear | ended


def _told_before(before: Draft | None) -> tuple[str, tuple[str, ...]]:
    """Why and what was missing at the anchor before, where nobody could tell and still cannot."""
    if before is None or before.reason not in REASONS.values():
        return "", ()
    return before.reason, before.missing


def missing_of(
    ground: Ground,
    anchor: Anchor,
    category: str,
    saids: Sequence[Said],
    before: Draft | None,
    *,
    higher: Collection[str],
) -> tuple[str, ...]:
    """What is not known, and would be needed for a better or a decided answer."""
    undecided = category == ground.out.undecided
    if anchor.gate is not None:
        unread = ("read-failed", "evidence-unplaced", "therapy-possible", "two-leukaemias")
        return () if anchor.gate.reason in unread else ("aml-diagnosis",)
    asked = {MISSING[kind] for kind in anchor.asked if kind in MISSING}
    named = {name for one in saids for name in one.missing if one.category == category}
    if undecided:
        named = set(asked)
        if _whether_relapsed(ground, anchor, saids):
            named = named or set(_told_before(before)[1])
        elif _differ_before(anchor) and not anchor.lasted:
            named.add("earlier-response")
        elif _differ_before(anchor) and not (_asked(anchor) and _of_one_side(ground, saids)):
            named.add("remission-end")
    none = undecided or category == ground.out.not_evaluable
    if none or higher:
        every = [one.evaluation for one in saids]
        if not none:
            # What the latest marrow would need for more than stands.
            every += [one.own.found for one in saids if one.own is not None]
        for found in dict.fromkeys(one for one in every if one is not None):
            among = None if none else higher
            named.update(missing_for(ground.facts.criteria, found, among))
    if undecided and not named and before is not None and all(one.carries for one in saids):
        # What stands is open for what was asked before.
        return before.missing
    return tuple(sorted(named or (asked if higher else ())))
