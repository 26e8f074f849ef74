"""Which better answers are left open: by what is unknown, and by what a policy holds back."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from fhir_remission.domain.course.ground import Ground
from fhir_remission.domain.course.world import Said, World


def higher_than(
    ground: Ground, category: str, named: Collection[str], saids: Sequence[Said]
) -> tuple[str, ...]:
    """The claims above an answer that are named or held back, the best first."""
    order, last = ground.order, len(ground.order)
    undecided = category == ground.out.undecided
    limit = last if undecided else order.get(category, last)
    held = {
        name
        for one in saids
        for name in one.held
        if order.get(name, last) < (order.get(one.category, last) if undecided else limit)
    }
    every = {one for one in (*named, *held) if order.get(one, last) < limit}
    claims = (one for one in every if not undecided or ground.rows[one].claim)
    return tuple(sorted(claims, key=order.__getitem__))


def held_back(ground: Ground, told: Sequence[tuple[Said, World]], category: str) -> list[str]:
    """What a remission may have been at an earlier marrow whose counts nobody can read."""
    last, suspected = len(ground.order), ground.out.relapse_suspected
    limits = [
        (ground.order.get(said.category, last), ground.order[world.better])
        for said, world in told
        if world.better
        and world.phase in ("unproved", "remission")
        and category in (said.category, ground.out.undecided)
        and said.category != suspected
    ]
    return [
        name
        for name, rank in ground.order.items()
        if ground.rows[name].remission and any(best <= rank < now for now, best in limits)
    ]
