"""Fakes of the world: a clock that only moves when told, a server in the next thread."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fhir_remission.effects.process.clock import Stop


class FakeClock:
    """A clock that moves by sleeping."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.passed = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Return the time of day."""
        return self.time + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        """Return the seconds slept."""
        return self.passed

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.slept.append(seconds)
        self.passed += seconds


@pytest.fixture
def clock() -> FakeClock:
    """A clock of one's own."""
    return FakeClock()


@pytest.fixture
def stop(clock: FakeClock) -> Stop:
    """A run without a deadline."""
    return Stop(clock)
