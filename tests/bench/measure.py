"""One process tree measured: wall, processor time, and peak memory of all of it together."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

PAGE = os.sysconf("SC_PAGE_SIZE")


class Taken(NamedTuple):
    """What a run took."""

    wall: float
    cpu: float
    memory: float
    """MB, summed over the tree; pages shared by two processes count twice."""
    output: str


def measure(*commands: Sequence[str]) -> Taken:
    """Run commands side by side and measure them as one."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    running = [subprocess.Popen(one, stdout=subprocess.PIPE, text=True) for one in commands]
    peak = _Peak([one.pid for one in running])
    peak.start()
    outputs = [one.communicate()[0] for one in running]
    wall = time.perf_counter() - began
    peak.stop()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if any(one.returncode not in (0, 3) for one in running):
        raise SystemExit(f"{commands[0][:4]} ended with {[one.returncode for one in running]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Taken(wall, cpu, peak.megabytes, outputs[0])


class _Peak(threading.Thread):
    """Looks at the tree every 50 ms."""

    def __init__(self, roots: Sequence[int]) -> None:
        super().__init__(daemon=True)
        self._roots = roots
        self._done = threading.Event()
        self.megabytes = 0.0

    def run(self) -> None:
        while not self._done.wait(0.05):
            total = sum(_resident(pid) for pid in _tree(self._roots))
            self.megabytes = max(self.megabytes, total / 1e6)

    def stop(self) -> None:
        self._done.set()
        self.join()


def _tree(roots: Sequence[int]) -> list[int]:
    found = list(roots)
    for pid in found:
        try:
            threads = os.listdir(f"/proc/{pid}/task")
            for thread in threads:
                text = Path(f"/proc/{pid}/task/{thread}/children").read_text()
                found.extend(int(child) for child in text.split())
        except OSError:
            continue
    return found


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0
