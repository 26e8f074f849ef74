"""A run may end anywhere: the next one brings the server to where one run would have brought it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fhir_remission
from fhir_remission.rehearsal.cohort.cohort import amendment
from tests.crash.world import World

PUT: dict[str, Any] = {}
ONE_BY_ONE = {"transaction": False, "batch": False}
CONDITIONAL_UPDATE = {"update_create": False}
CONDITIONAL_CREATE = {**ONE_BY_ONE, "update_create": False, "conditional_update": False}
SEARCH = {**CONDITIONAL_CREATE, "conditional_create": False}
SERVERS = {
    "put": PUT,
    "put-one-by-one": ONE_BY_ONE,
    "conditional-update": CONDITIONAL_UPDATE,
    "conditional-create-one-by-one": CONDITIONAL_CREATE,
    "search": SEARCH,
}


def first(world: World) -> None:
    """Nothing was written yet."""


def change(world: World) -> None:
    """One result was corrected since the first run."""
    assert world.sync().code == 0
    world.source.store.load([amendment()])


def retract(world: World) -> None:
    """The evidence of one patient was withdrawn since the first run."""
    assert world.sync().code == 0
    world.retract_marrow("demo-01-cr")


SCENES: dict[str, Callable[[World], None]] = {"first": first, "change": change, "retract": retract}


def _patients(server: str, scene: str) -> tuple[str, ...]:
    """Two on the usual server; elsewhere the one that the scene is about has every effect too."""
    if server == "put":
        return ("demo-01-cr", "demo-18-amended")
    return ("demo-18-amended",) if scene == "change" else ("demo-01-cr",)


def points(count: int) -> Iterator[tuple[int, str]]:
    """Before and after each effect."""
    return itertools.product(range(1, count + 1), ("before", "after"))


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("server", [*SERVERS, "dropping"])
def test_killed_anywhere(
    make_world: Callable[..., World], quick_path: Path, server: str, scene: str
) -> None:
    """Same content, same versions, nothing twice, nothing lost, and then nothing to do."""
    world = make_world(habits=SERVERS.get(server), patients=_patients(server, scene))
    if server == "dropping":
        world.drops = {"ClinicalImpression": ("description", "note")}
    SCENES[scene](world)
    log = world.snapshot(quick_path / "kept")
    world.effects.arm()
    whole = world.sync()
    assert whole.code == 0, whole
    names = list(world.effects.names)
    expected = world.by_identifier(), world.counted(), world.file()
    assert world.doubles() == []

    for at, when in points(len(names)):
        place = f"{when} effect {at} ({names[at - 1]})"
        world.restore(quick_path / "kept", log)
        world.killed_sync(at, when)
        again = world.sync()
        assert again.code == 0, (place, again)
        assert world.doubles() == [], place
        assert (world.by_identifier(), world.counted(), world.file()) == expected, place
        assert world.unfinished() == [], place
        if at % 4 == 1:
            idle = world.sync()
            assert (idle.code, idle.summary["unsafe_requests"]) == (0, 0), place
    print(f"{server} {scene}: killed at {2 * len(names)} points")


def test_no_crash_point_is_part_of_the_product() -> None:
    """The harness wraps what is there; nothing in the package asks whether it should die.

    Two modules end the process when a signal asks for it: before anything runs, and in the end.
    """
    package = Path(fhir_remission.__file__).parent
    ending = {package / "__main__.py", package / "effects/process/signals.py"}
    for path in set(package.rglob("*.py")) - ending:
        assert not re.search(r"KILL|os\.kill|os\._exit", path.read_text()), path
