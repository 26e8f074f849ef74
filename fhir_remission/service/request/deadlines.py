"""Clients that drip or vanish are cut off: each stage of a request has its time.

A timeout of a socket begins anew with each byte. So one thread looks at all connections that are
being served and ends the reading of those whose time is over: whoever waits for bytes there gets
the end of the stream, and can still answer.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

from fhir_remission.effects.process.clock import Clock, SystemClock

TICK = 0.2


class Deadlines:
    """When the connection that each thread serves is cut off."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[int, tuple[float, Any, int]] = {}
        self._lock = threading.Lock()
        self._watch: threading.Thread | None = None

    def begin(self, held: Any, seconds: float, how: int = socket.SHUT_RD) -> None:
        """From now on this thread's connection has so many seconds; replaces what held before."""
        with self._lock:
            self._held[threading.get_ident()] = (self._clock.monotonic() + seconds, held, how)
            if self._watch is None or not self._watch.is_alive():
                self._watch = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._watch.start()

    def end(self) -> None:
        """This thread's connection has no limit any more."""
        with self._lock:
            self._held.pop(threading.get_ident(), None)

    def cut(self, held: Any, how: int = socket.SHUT_RD) -> None:
        """No more is read from this connection; waitress has none here."""
        with contextlib.suppress(OSError, TypeError):
            # Not the shutdown of a TLS socket, which takes the encryption off what follows.
            socket.socket.shutdown(held, how)

    def _run(self) -> None:
        while True:
            self._clock.sleep(TICK)
            now = self._clock.monotonic()
            with self._lock:
                late = [one for one in self._held.items() if one[1][0] <= now]
                for thread, _ in late:
                    del self._held[thread]
            for _, (_, held, how) in late:
                # gunicorn wraps a socket for TLS while it is being served.
                self.cut(getattr(held, "sock", held), how)


DEADLINES = Deadlines(SystemClock())
