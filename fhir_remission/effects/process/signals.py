"""SIGTERM, SIGINT and the deadline of a run: asked first, pressed then, and ended in the end.

What a run does is safe to be killed at any moment, so the last resort is always open. Before it
come a request to stop that is honoured between two steps, and an exception wherever it stands.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from fhir_remission.effects.process.clock import Clock, Stop, SystemClock
from fhir_remission.errors import Interrupted

TICK = 0.2
# Seconds after the run was to end: an exception wherever it stands, and the end of the process.
PRESSED, ENDED = 3.0, 4.5
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def listening(stop: Stop) -> Iterator[None]:
    """Turn signals into a request that is honoured between two steps; a second one is at once.

    Off the main thread there are no signals to listen to: who serves requests has its own end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, _: FrameType | None) -> None:
        late = stop.overdue()
        if late < 0:
            stop.signal = number
            stop.asked.set()
        elif stop.signal or late >= PRESSED:
            stop.check()

    before = {number: signal.signal(number, ask) for number in _SIGNALS}
    if _WARDEN is not None:
        _WARDEN.stop = stop
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Warden(threading.Thread):
    """Sees that the process ends in time once it was told to, whatever its main thread does."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(name="warden", daemon=True)
        self.stop: Stop | None = None
        self._clock = clock
        self._told: tuple[int, float] | None = None
        self._pressed = False
        # Written to by the interpreter itself: it needs no turn of the main thread.
        self._reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def run(self) -> None:
        """Look a few times a second."""
        while True:
            if select.select([self._reading], [], [], TICK)[0]:
                number = os.read(self._reading, 1)[0]
                if self._told is None and not self._pressed and number in _SIGNALS:
                    self._told = number, self._clock.monotonic()
            self._look()

    def _look(self) -> None:
        late = self._late()
        if late >= PRESSED and not self._pressed:
            self._pressed = True
            # A real one: it also ends what the main thread waits for in the kernel.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
        if late >= ENDED:
            name = signal.Signals(self._told[0]).name if self._told else "its time limit"
            os.write(2, f"fhir-remission: {name} ended the run where it stood\n".encode())
            os._exit(128 + self._told[0] if self._told else 75)

    def _late(self) -> float:
        by_signal = self._clock.monotonic() - self._told[1] if self._told else -1.0
        return max(by_signal, self.stop.overdue() if self.stop is not None else -1.0)


_WARDEN: _Warden | None = None


def guard() -> None:
    """Make this process end in time, once it is told to; for processes of our own only."""
    global _WARDEN  # noqa: PLW0603 - there is one process
    _WARDEN = _Warden(SystemClock())
    _WARDEN.start()
    signal.signal(signal.SIGTERM, _end)


def _end(number: int, _: FrameType | None) -> None:
    """A command that keeps no state is ended where it stands; without this, not as process 1."""
    name = signal.Signals(number).name
    raise Interrupted(f"{name} ended the run; nothing is half done", exit_code=128 + number)


def end_with_parent() -> None:
    """End this process when the one that started it is gone, whatever it does."""
    parent = os.getppid()

    def watch() -> None:
        never = threading.Event()
        while not never.wait(1.0):
            if os.getppid() != parent:
                os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
