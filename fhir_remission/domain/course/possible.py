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
        for name, rank in (ground.order.items() if limits else ())
        if ground.rows[name].remission and any(best <= rank < now for now, best in limits)
    ]
