"""Progress for somebody who watches: one line on stderr that is written over, and a last sentence.

A pipe, a file and a scheduler get none of it.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator

from fhir_remission.domain.nouns.plain_text import plain

Progress = Callable[[str, int, int], None]
Count = Callable[[], tuple[int, int]]
"""How many are done, of how many."""


def watched() -> bool:
    """Whether a person sees what is written to stderr."""
    return sys.stderr is not None and sys.stderr.isatty()


def progress() -> Progress:
    """What shows how far a job is; nobody is told where nobody watches."""
    return on_terminal() if watched() else _silent


# What the stages of an archive count.
_COUNTED = {"fetching": "files", "judging": "parts", "taking back": "resources"}


def on_terminal() -> Progress:
    """How far, how fast, how long still. A total of 0: nobody knows how long it takes."""
    began: dict[str, tuple[float, int]] = {}

    def show(stage: str, done: int, total: int) -> None:
        if not total:
            _over(stage)
            return
        at, before = began.setdefault(stage, (time.monotonic(), done))
        unit = _COUNTED.get(stage, "")
        _over(f"{stage} {100 * done // total} %{pace(done - before, total - done, at, unit)}")
        if done >= total:
            sys.stderr.write("\n")

    return show


def pace(made: int, left: int, began: float, unit: str) -> str:
    """The rate since a moment of the monotonic clock, and the time left at it; no unit is bytes."""
    seconds = time.monotonic() - began
    if made <= 0 or seconds <= 0:
        return ""
    rate = made / seconds
    speed = f"{rate:.1f} {unit}/s" if unit else f"{rate / 1e6:.0f} MB/s"
    return f", {speed}, {_spelled(left / rate)} left"


def _spelled(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def followed(lines: Iterable[bytes], count: Count) -> Iterator[bytes]:
    """The lines of a run, with how far it is shown between them where somebody watches."""
    if not watched():
        yield from lines
        return
    began = time.monotonic()
    for line in lines:
        _over("")
        yield line
        done, total = count()
        rate = pace(done, total - done, began, "patients")
        _over(f"{done} of {total} patients{rate}")
    _over("")


def ended(sentence: str) -> None:
    """What was done and where it lies, for somebody who watches."""
    if watched():
        _over("")
        sys.stderr.write(f"{plain(sentence)}\n")
        sys.stderr.flush()


def _over(text: str) -> None:
    """Write over the line; a terminal that is too narrow gets its beginning."""
    room = shutil.get_terminal_size((80, 24)).columns - 1
    sys.stderr.write(f"\r{plain(text)[:room]:<{room}}" if text else f"\r{'':<{room}}\r")
    sys.stderr.flush()


def _silent(stage: str, done: int, total: int) -> None:
    """Progress for nobody."""
