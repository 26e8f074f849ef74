"""The only place that reads the clock or waits."""

from __future__ import annotations

import re
import signal
import threading
import time as _time
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Protocol

from fhir_remission.errors import Interrupted, RemissionError, Unreachable


def timestamp(moment: datetime) -> str:
    """Write a moment as UTC RFC 3339 text of fixed width, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


# Only of such texts the order is that of time.
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def is_timestamp(text: object) -> bool:
    """Whether `timestamp` can have written it."""
    if not isinstance(text, str) or not _STAMP.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


class Clock(Protocol):
    """What the rest takes as an argument instead of asking the machine."""

    def now(self) -> datetime:
        """Return the time of day, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never jump."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


_SECOND = timedelta(seconds=1)


class Stop:
    """Why the run should end: a signal, its deadline, or an alarm of one chain of requests.

    Looked at between two patients, and by chains that only read before each request.
    """

    def __init__(
        self, clock: Clock, max_runtime: timedelta | None = None, *, why: str = ""
    ) -> None:
        self._clock = clock
        self._why = why or f"its max_runtime of {max_runtime}"
        self._ends = None if max_runtime is None else clock.monotonic() + max_runtime / _SECOND
        self.asked = threading.Event()
        self._asked_at: float | None = None
        self.signal = 0
        self._alarm: RemissionError | None = None

    def remaining(self) -> float:
        """Return the seconds left before the deadline; infinity without one."""
        return float("inf") if self._ends is None else self._ends - self._clock.monotonic()

    def overdue(self) -> float:
        """Return for how many seconds the run should have ended; negative while it goes on."""
        if not self.asked.is_set():
            self._asked_at = None
            return -self.remaining()
        if self._asked_at is None:
            self._asked_at = self._clock.monotonic()
        return max(self._clock.monotonic() - self._asked_at, -self.remaining())

    def end(self, alarm: RemissionError | None = None) -> None:
        """Ask every chain to end; an alarm is what `check` then raises, everywhere."""
        self._alarm = self._alarm or alarm
        self.asked.set()

    def check(self) -> None:
        """Raise `Interrupted`, or the alarm, when the run should end here."""
        if self._alarm is not None:
            # Each thread gets an exception of its own: they collect tracebacks.
            raise type(self._alarm)(*self._alarm.args)
        if self.asked.is_set():
            name = signal.Signals(self.signal).name if self.signal else "the caller"
            raise Interrupted(
                f"{name} ended the run; state is consistent, the next run goes on from here",
                exit_code=128 + (self.signal or signal.SIGTERM),
            )
        if self.remaining() <= 0:
            # sysexits EX_TEMPFAIL: what is left over is the next run's.
            raise Interrupted(
                f"the run reached {self._why}; the next run goes on from here",
                exit_code=75,
            )


class SystemClock:
    """The machine's clock; `sleep` ends early when the run is asked to stop."""

    def __init__(self) -> None:
        self._woken: threading.Event | None = None

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never jump."""
        return _time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, or until the run is asked to stop."""
        if self._woken is None:
            _time.sleep(max(0.0, seconds))
        else:
            self._woken.wait(max(0.0, seconds))

    def wake_on(self, stop: Stop) -> None:
        """Let a signal cut a long wait short."""
        self._woken = stop.asked


def time_left(hours: tuple[time, time] | None, now: datetime) -> timedelta | None:
    """How long the allowed hours last from `now`, in the site's zone; None where without end.

    A clock change in between makes it an hour more or less.
    """
    if hours is None or hours[0] == hours[1]:
        return None
    end = now.replace(
        hour=hours[1].hour, minute=hours[1].minute, second=hours[1].second, microsecond=0
    )
    return end - now if end > now else end + timedelta(days=1) - now


def is_within(hours: tuple[time, time] | None, now: datetime) -> bool:
    """Say whether `now`, already in the site's zone, lies in the allowed hours."""
    if hours is None:
        return True
    start, end = hours
    here = now.timetz().replace(tzinfo=None)
    return start <= here < end if start <= end else here >= start or here < end


def stop_of_run(
    clock: Clock, zone: tzinfo, hours: tuple[time, time] | None, max_runtime: timedelta
) -> Stop:
    """The end of a run: its longest time, or the end of the hours in which it may ask."""
    here = clock.now().astimezone(zone)
    if not is_within(hours, here):
        raise Unreachable("outside run.allowed_hours: nothing was asked of the server")
    left = time_left(hours, here)
    if left is None or left >= max_runtime:
        return Stop(clock, max_runtime)
    return Stop(clock, left, why="the end of run.allowed_hours")
