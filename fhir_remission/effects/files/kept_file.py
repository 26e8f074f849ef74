"""What is made of a file, kept for as long as the file stays as it is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Generic, TypeVar

from fhir_remission.effects.process.clock import Clock

T = TypeVar("T")
# A file that has just changed may change again within one tick of its clock, unseen.
_SETTLED = timedelta(seconds=2)


class KeptFile(Generic[T]):
    """Made again when the file is another one; threads share it. OSError where there is none."""

    def __init__(self, make: Callable[[], T], clock: Clock) -> None:
        self._make, self._clock = make, clock
        self._lock = threading.Lock()
        self._kept: tuple[object, T] | None = None

    def of(self, file: Path) -> T:
        """What is made of this file as it is now."""
        with self._lock:
            held = file.stat()
            now = (held.st_mtime_ns, held.st_size, held.st_ino)
            if self._kept is not None and self._kept[0] == now:
                return self._kept[1]
            made = self._make()
            settled = held.st_mtime < (self._clock.now() - _SETTLED).timestamp()
            self._kept = (now, made) if settled else None
            return made
