"""Through a patient's record in order of time, in every way in which it can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Literal, NamedTuple

from msgspec.structs import replace

from fhir_remission.domain.course.agreement import agreed
from fhir_remission.domain.course.between import between
from fhir_remission.domain.course.budget import MOST_MOVES, MOST_WORLDS
from fhir_remission.domain.course.draft import Anchor, Draft
from fhir_remission.domain.course.ground import Ground, nothing_yet
from fhir_remission.domain.course.history import Told
from fhir_remission.domain.course.marrow_step import at_marrow
from fhir_remission.domain.course.remission import now
from fhir_remission.domain.course.scope import Gate, diagnosis_gate
from fhir_remission.domain.course.step import Step
from fhir_remission.domain.course.trials import TooManyWays, Trial, trials
from fhir_remission.domain.course.world import (
    Held,
    Key,
    Move,
    Node,
    Said,
    World,
    joined,
    joined_nodes,
    no_lines,
    reached_after,
)
from fhir_remission.domain.nouns.assessment import AnchorKind
from fhir_remission.domain.nouns.inputs import Event
from fhir_remission.domain.nouns.verdicts import Proof
from fhir_remission.domain.record.facts import Facts

Ways = dict[World, Held]


class Point(NamedTuple):
    """Something in the record that may be an anchor."""

    day: date
    rank: int
    place: int
    kind: Literal["marrow", "extramedullary", "blood", "mrd"]


def walk(facts: Facts, *, strict: bool) -> Iterator[Draft]:
    """Every anchor of the patient in order of time; each is let go with the one after it."""
    ground = Ground(facts, strict=strict)
    return Told(ground).drafts(one for one in _Walk(ground).anchors() if one is not None)


def beginning(facts: Facts) -> Draft:
    """Where the patient stands before the first anchor."""
    ground = Ground(facts, strict=False)
    said = nothing_yet(ground)
    world = World(ground.first.opened, "before")
    return agreed(ground, Anchor("none", date.min, "", (), ((said, world),)), None, None)


def _points(facts: Facts) -> Iterator[Point]:
    # A marrow that cannot be judged says nothing of the blood of its day.
    marrow_days = {one.day for one in facts.marrows if one.stands}
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
    reports: set[str] = set()
    for place, sample in enumerate(facts.mrd):
        # Rank 2 would tie with blood of the day; MRD is looked at last, each report once.
        if sample.result.source.ref not in reports:
            yield Point(sample.day, 2 + 1, place, "mrd")
        reports.add(sample.result.source.ref)


class _Walk:
    """The ways of one patient, from point to point."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.lost = False
        """Whether too much is unknown to tell the ways apart."""
        self.last: Anchor | None = None
        """What was told last, also where nothing is said of it."""
        kept = nothing_yet(ground)
        self.ways: Ways = {
            World(day, "before"): Held(replace(kept, opened=day), Node((), ()))
            for day in sorted(_openings(ground))
        }

    def anchors(self) -> Iterator[Anchor | None]:
        """Each point where something is said."""
        for point in sorted(_points(self.ground.facts)):
            gate = diagnosis_gate(self.ground.facts, self.ground.signs, point.day)
            if point.kind != "marrow" and gate.state != "open":
                # Nothing is said of it, and yet it may end a remission of this leukaemia.
                if point.kind != "mrd" and not self.lost:
                    self.last = self._stepped(point, gate) or self.last
                continue
            if not self.lost:
                told = self._mrd(point) if point.kind == "mrd" else self._stepped(point, gate)
                self.last = told or self.last
                yield told
                self.ground.forget()
            elif point.kind == "marrow":
                yield self._unknown(point, gate)

    def _stepped(self, point: Point, gate: Gate) -> Anchor | None:
        after: dict[World, list[Held]] = {}
        told: dict[tuple[int, World], tuple[Said | None, Said, World]] = {}
        asked: set[str | None] = set()
        every: list[Held] = []
        before = tuple([(world, held.kept) for world, held in self.ways.items()])
        try:
            for world, held in self.ways.items():
                for move, trial in trials(world, self._in(world, held, point)):
                    new, said = self._foretold(move[0], trial, point), move[2]
                    way = self._held(world, held, move, trial, gate)
                    after.setdefault(_past(new, point.day), []).append(way)
                    told[id(said), new] = (said, way.kept, new)
                    asked |= trial.asked
                    every.append(way)
                if len(every) > MOST_MOVES:
                    raise TooManyWays
        except TooManyWays:
            self.lost = True
        if not self.lost:
            self.ways = {
                world: _merged(self.ground, many)
                for world, many in _alike(self.ground, after, point.day).items()
            }
            self.lost = len(self.ways) > MOST_WORLDS
        if self.lost:
            return self._unknown(point, gate) if point.kind == "marrow" else None
        if not any(said for said, _, _ in told.values()):
            return None
        saids = tuple(
            (said if said is not None else replace(now(self.ground, new, kept), carries=True), new)
            for said, kept, new in told.values()
        )
        doubt = gate if gate.state == "doubt" else None
        kind, effective, refs = _named(self.ground.facts, point)
        return Anchor(
            kind, point.day, effective, refs, saids, tuple([one.node for one in every]),
            before, frozenset(asked), doubt, tuple([one.reached for one in every]),
        )  # fmt: skip

    def _held(self, world: World, held: Held, move: Move, trial: Trial, gate: Gate) -> Held:
        """What stands after a step, what it looked at, and what the way has reached by it."""
        new, kept, said = move
        reached = held.reached
        if said is not None and gate.state == "open":
            reached = reached_after(self.ground.scale, reached, world, (new, said))
        return Held(kept, Node((held.node,), tuple(trial.looked)), reached)

    def _in(self, world: World, held: Held, point: Point) -> Callable[[Trial], Move]:
        def step(trial: Trial) -> Move:
            one = Step(self.ground, trial, point.day)
            if point.kind == "marrow":
                return at_marrow(one, world, held.kept, point.place)
            return between(one, world, held.kept, point.kind, point.place)

        return step

    def _mrd(self, point: Point) -> Anchor | None:
        """A sample moves MRD alone, in a remission: all else is as it was told last (5.4)."""
        facts = self.ground.facts
        for world in self.ways:
            if world.phase != "remission" or (world.since and point.day < world.since):
                return None
        if point.day in facts.marrow_days:
            return None
        assert self.last is not None  # noqa: S101 - a remission was told of, for mypy
        told = tuple(
            (replace(said, carries=True, lines=no_lines), world) for said, world in self.last.told
        )
        result = facts.mrd[point.place].result
        return self.last._replace(
            kind="mrd", day=point.day, effective=result.when.text, refs=(result.source.ref,),
            told=told, nodes=tuple(held.node for held in self.ways.values()), gate=None,
        )  # fmt: skip

    def _foretold(self, world: World, trial: Trial, point: Point) -> World:
        """The world with what was told of things to come."""
        if not trial.told:
            return world
        facts = self.ground.facts

        def lies_ahead(key: Key) -> bool:
            kind, at = key
            if kind == "claim":
                return world.phase in ("before", "unproved")
            if kind == "lesion":
                return date.fromordinal(at) > point.day
            days = facts.marrow_days if kind in ("marrow", "quality") else facts.draw_days
            return days[at] > point.day

        ahead = frozenset(one for one in trial.told.items() if lies_ahead(one[0]))
        return replace(world, ahead=ahead)

    def _unknown(self, point: Point, gate: Gate) -> Anchor:
        """Too many ways: everything is possible, and nothing is said."""
        out = self.ground.out
        closed = gate.state == "closed"
        claims = tuple(name for name, row in self.ground.rows.items() if row.claim)
        others = (out.relapse, out.refractory, out.no_response)
        said = Said(
            category=out.not_evaluable if closed else out.undecided, state="unknown",
            reason=gate.reason if closed else "too-many-unknowns",
            candidates=(*claims, *(one for one in others if one)),
        )  # fmt: skip
        kind, effective, refs = _named(self.ground.facts, point)
        world = World(point.day, "before")
        known = tuple(held.reached for held in self.ways.values())
        return Anchor(kind, point.day, effective, refs, ((said, world),), reached=known)


def _openings(ground: Ground) -> set[date]:
    """Every day on which the course may have opened."""
    first = ground.first
    days = {first.opened}
    # Where no opening is sure, any marrow that may be full of blasts may be the first that is.
    last = date.max if first.surely == date.min else first.surely
    if last not in (date.max, first.opened):
        days.add(last)
    days |= {o.day for o in ground.signs.perhaps_full if first.opened < o.day < last}
    return days


def _past(world: World, day: date) -> World:
    """A remission's first day matters only while it lies ahead."""
    gone = world.since is not None and world.since < day
    return replace(world, since=None) if gone else world


def _alike(ground: Ground, after: dict[World, list[Held]], day: date) -> dict[World, list[Held]]:
    """In a remission it hardly matters which relapse it followed: the earliest stands for all.

    Lesions since the earliest count for it, so that it proves no more than any of them. Before
    one, relapses stand for each other once they were treated and nothing tells them apart.
    """
    if len(after) == 1:
        return after
    groups: dict[object, list[World]] = {}
    for world in after:
        key: object = world
        if world.again and world.phase in ("remission", "before", "unproved"):
            key = replace(world, opened=date.min, by=None)
            if world.phase != "remission":
                key = key, ground.from_now_on(world, day)
        groups.setdefault(key, []).append(world)
    found: dict[World, list[Held]] = {}
    for many in groups.values():
        first = min(many, key=lambda one: one.opened)
        found[first] = [held for one in many for held in after[one]]
    return found


def _merged(ground: Ground, many: list[Held]) -> Held:
    if len(many) == 1:
        return many[0]
    kept = joined([one.kept for one in many])
    reached = ground.scale.merged([one.reached for one in many])
    return Held(kept, joined_nodes([one.node for one in many]), reached)


def _named(facts: Facts, point: Point) -> tuple[AnchorKind, str, tuple[str, ...]]:
    if point.kind == "marrow":
        one = facts.marrows[point.place]
        return "marrow", one.effective, one.refs
    if point.kind == "blood":
        proof = facts.smears[point.place].proof
        return "blood", facts.draws[point.place].effective, _refs(proof)
    proof = facts.extramedullary.on(point.day).proof
    text = next((one.when.text for one in proof if one.when is not None), "")
    return "extramedullary", text, _refs(proof)


def _refs(proof: Proof) -> tuple[str, ...]:
    observed = {one.source.ref for one in proof if not isinstance(one, Event)}
    return tuple(sorted(observed or {one.source.ref for one in proof}))
