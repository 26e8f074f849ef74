"""One definite course as far as it has been walked, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Literal, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from fhir_remission.domain.evaluation.marrow import Evaluation
from fhir_remission.domain.evaluation.reached import Reached, Scale
from fhir_remission.domain.nouns.assessment import Assumption, CriterionResult
from fhir_remission.domain.nouns.inputs import Event, Result
from fhir_remission.domain.nouns.verdicts import Proof, in_order

Key = tuple[str, int]
"""One thing that is unknown: a marrow, its quality or a draw by place, a lesion by the ordinal of
its day."""
Side = bool | None
"""How it turns out: there or not; of a marrow at or above the line, below it, or no marrow."""
Phase = Literal["before", "unproved", "remission", "relapsed", "withdrawn"]
"""Before any remission of the course; with one that only a policy holds back; in one; relapsed;
after one that a set without relapse took back."""
LEADS: dict[Phase, dict[str, tuple[Phase, ...]]] = {
    "before": {
        "marrow": ("before", "unproved", "remission", "relapsed", "withdrawn"),
        "blood": ("before", "remission", "relapsed", "withdrawn"),
        "extramedullary": ("before", "relapsed", "withdrawn"),
    },
    "unproved": {
        "marrow": ("before", "unproved", "remission", "relapsed", "withdrawn"),
        "blood": ("before", "unproved", "remission", "relapsed", "withdrawn"),
        "extramedullary": ("before", "unproved", "relapsed", "withdrawn"),
    },
    "remission": {
        "marrow": ("remission", "relapsed", "withdrawn"),
        "blood": ("remission", "relapsed", "withdrawn"),
        "extramedullary": ("remission", "relapsed", "withdrawn"),
    },
    "relapsed": {
        "marrow": ("before", "unproved", "remission", "relapsed"),
        "blood": ("relapsed",),
        "extramedullary": ("relapsed",),
    },
    "withdrawn": {
        "marrow": ("unproved", "remission", "withdrawn"),
        "blood": ("withdrawn",),
        "extramedullary": ("withdrawn",),
    },
}
"""Where an anchor of each kind may lead from each phase; MRD leads nowhere. From before a remission
to a relapse, and by blood or a lesion to anything else, only somebody's word of an earlier one."""


class World(Struct, frozen=True):
    """One definite course: all that a later anchor may ask of it. No field says "perhaps"."""

    opened: date
    phase: Phase
    again: bool = False
    """Whether a relapse opened it."""
    by: int | None = None
    """The marrow that proved that relapse."""
    had: bool = False
    """Whether a remission of the course was taken back."""
    category: str = ""
    """What stands: of the latest evaluable marrow, or the best of the remission."""
    place: int | None = None
    """The marrow that said so, before a remission."""
    better: str = ""
    """The best remission that counts nobody can read held back, by policy, at an earlier marrow."""
    since: date | None = None
    """The first day of the answer that stands, while it lies ahead."""
    samples: tuple[date, ...] = ()
    """Blood blasts since the last clear smear or marrow."""
    bloody: bool = False
    """Whether blood raised a suspicion that nothing has ended."""
    asked: date | None = None
    """The marrow that asked for a repeat."""
    ahead: frozenset[tuple[Key, Side]] = frozenset()
    """What was told of things to come, so that it turns out the same when it comes."""


Lines = Callable[[], tuple[CriterionResult, ...]]


def no_lines() -> tuple[CriterionResult, ...]:
    """Nothing beside the criteria."""
    return ()


class Own(Struct, frozen=True, eq=False):
    """What the latest marrow with its window says by itself."""

    category: str
    place: int
    found: Evaluation | None = None
    flags: tuple[str, ...] = ()


class Said(Struct, frozen=True, eq=False, kw_only=True):
    """What one world says at one anchor, with what is printed of it and nothing that decides."""

    category: str
    state: str = "unknown"
    since: date | None = None
    response_date: date | None = None
    first_sign: date | None = None
    reason: str = ""
    evaluation: Evaluation | None = None
    """The marrow with its window, where this anchor is or carries one."""
    carries: bool = False
    """Whether the answer is that of an earlier marrow."""
    assumptions: tuple[Assumption, ...] = ()
    candidates: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    """Better answers that a policy holds back."""
    missing: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    lines: Lines = no_lines
    doubted: bool = False
    """A doubt named in the flags makes the answer provisional."""
    own: Own | None = None
    opened: date | None = None
    """When the course began, as it is printed."""
    number: int | None = 1
    """Which course it is; None where the ways differ."""
    began: date | None = None
    """The first day of the remission; None where only somebody's word tells of it."""
    ground: Proof = ()
    """What opened the phase: the evidence of the remission, or of the relapse."""
    suspected: date | None = None
    """The first sign of a relapse that is not proved."""
    wary: date | None = None
    """Since when one is suspected."""
    counted: date | None = None
    """The sample of blood from which the rule counts to a second one."""
    inferred: bool = False
    """Whether the baseline is one by inference."""


Move = tuple[World, Said, Said | None]
"""The world after an anchor, what stands in it, and what is said here if anything."""


def reached_after(scale: Scale, known: Reached, before: World, move: tuple[World, Said]) -> Reached:
    """The responses of a way after a step that said something."""
    world, said = move
    if _ends(before, world):
        return known.ended()
    if said.response_date is None:
        return known
    new, within = [(said.category, said.response_date)], before.phase == "remission"
    if said.evaluation is not None and said.own is None and not said.carries:
        new.extend(scale.below(said.category, said.evaluation))
    return known._replace(own=scale.after(known.own, new, within=within))


def _ends(before: World, after: World) -> bool:
    """Whether a remission ended here, proved or not; a relapse that goes on ends none."""
    ended = ("relapsed", "withdrawn")
    if after.phase not in ended or before.phase in ended:
        return False
    return not before.again or before.phase == "remission" or after.opened != before.opened


def share_remissions(ways: Iterable[tuple[World, Said]]) -> bool:
    """Whether the same remissions were there in every way; the last may have ended in some."""
    found: set[int | None] = set()
    for world, kept in ways:
        known = kept.number is not None and world.phase != "unproved"
        inside = world.phase in ("remission", "withdrawn")
        found.add(kept.number - (not inside) if known and kept.number else None)
    return len(found) == 1 and found.isdisjoint((0, None))


class Node(Struct, frozen=True, eq=False):
    """What a step looked at, behind those before it: told only where an answer is printed."""

    before: tuple[Node, ...]
    looked: tuple[Proof, ...]


class Held(NamedTuple):
    """A world's standing answer, its proof, and the responses on the way to it."""

    kept: Said
    node: Node
    reached: Reached = Reached()


SHARED = ("since", "response_date", "first_sign", "counted", "opened", "number", "began")
"""What is printed only where all ways have it alike."""


def joined(many: Sequence[Said]) -> Said:
    """What equal worlds say together: what they do not share is not printed."""
    first = many[0]
    if len(many) == 1:
        return first
    shared = {
        name: getattr(first, name) if len({getattr(one, name) for one in many}) == 1 else None
        for name in SHARED
    }
    rests = {rest for one in many for rest in one.assumptions}
    signs = [one.suspected for one in many if one.suspected is not None]
    wary = [one.wary for one in many if one.wary is not None]
    return replace(
        first,
        assumptions=tuple(sorted(rests, key=lambda one: (one.id, one.cls))),
        suspected=min(signs, default=None),
        wary=max(wary, default=None),
        **shared,
    )


def joined_nodes(nodes: Sequence[Node]) -> Node:
    """What several ways of one step looked at, where they go on as one: each piece once."""
    before = {id(one): one for node in nodes for one in node.before}
    looked = {id(one): one for node in nodes for proof in node.looked for one in proof}
    return Node(tuple(before.values()), (tuple(looked.values()),))


def gathered(nodes: Sequence[Node]) -> Proof:
    """All the evidence behind some nodes, each piece once, in order of time."""
    found: dict[int, Result | Event] = {}
    seen: set[int] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        waiting.extend(node.before)
        found.update({id(one): one for proof in node.looked for one in proof})
    return in_order(found.values())
