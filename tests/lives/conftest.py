"""A site per test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.conftest import first_noon, quick_path
from tests.lives.world import Site

__all__ = ["first_noon", "make_site", "quick_path"]


@pytest.fixture
def make_site(quick_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Site]]:
    """Make a site with patients of these names."""
    made: list[Site] = []

    def make(*names: str, **how: Any) -> Site:
        made.append(Site(quick_path / f"site-{len(made)}", monkeypatch, names, **how))
        return made[-1]

    yield make
    for site in made:
        site.close()
