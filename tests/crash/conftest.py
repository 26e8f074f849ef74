"""A world per test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.world import World, WorldClock


@pytest.fixture(autouse=True)
def first_noon() -> None:
    """Each test begins at the same moment, whatever ran before in this process."""
    WorldClock.time, WorldClock.passed = WorldClock.FIRST_NOON, 0.0


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: thousands of commits need no disk."""
    memory = Path("/dev/shm")
    if not (memory.is_dir() and os.access(memory, os.W_OK)):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


@pytest.fixture
def make_world(quick_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Make a world with a server of these habits."""
    made: list[World] = []

    def make(**asked: Any) -> World:
        world = World(quick_path / f"site-{len(made)}", monkeypatch, **asked)
        made.append(world)
        return world

    yield make
    for world in made:
        world.close()
