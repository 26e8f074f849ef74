"""How often one caller may ask: what is over is refused with 503, which every engine repeats."""

from __future__ import annotations

import threading
from collections import OrderedDict

from fhir_remission.effects.process.clock import Clock
from fhir_remission.service.request.refusals import Refused

KEPT = 4096


class Rates:
    """A bucket for each caller: it fills at the rate, and holds two seconds of it."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._rate, self._clock = per_second, clock
        self._room = max(1.0, 2 * per_second)
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, caller: str) -> None:
        """Count one request of this caller, or refuse it."""
        now = self._clock.monotonic()
        with self._lock:
            left, then = self._held.pop(caller, (self._room, now))
            left = min(self._room, left + (now - then) * self._rate)
            allowed = left >= 1
            self._held[caller] = (left - 1 if allowed else left, now)
            if len(self._held) > KEPT:
                self._held.popitem(last=False)
        if not allowed:
            raise Refused(503, "throttled", "too many requests of this caller", retry_after=1)
