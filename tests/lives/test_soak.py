"""A short life of a site; the long one is `make long-soak`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.conftest import quick_path
from tests.lives import soak

__all__ = ["quick_path"]


def test_a_short_life_ends_as_a_run_without_memory(
    quick_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests fail, clocks jump, records merge and part; at rest nothing is sent."""
    lived = soak.live(quick_path, monkeypatch, runs=12, seed=1, every=12)
    lived.site.close()

    assert lived.failed > 0
    assert lived.idle_writes == 0
    assert sum(lived.happened.values()) >= 6


def test_the_soak_sees_what_it_is_for(quick_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that nothing proves any more, and one that is not there."""
    life = soak.Soak(quick_path, monkeypatch, seed=1)
    life.failing = 0.0
    life.settle()
    assert life.compare() == ""
    (first, *_) = life.site.living()
    (held,) = [
        one
        for one in life.site.store.resources(first[0])
        if one["subject"]["reference"].endswith(first[1]) and soak._is_ours(one)
    ]
    life.site.store.put({**held, "status": "entered-in-error"})
    assert "missing" in life.compare()
    life.site.store.put({**held, "subject": {"reference": "Patient/p09"}})
    assert life.compare().partition("beyond")[2] != " set()"
    life.site.close()
