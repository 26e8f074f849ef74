"""The matrix on every core: `python -m tests.matrix.run [--everywhere]`.

Every persona meets every fault, at one of its moments and all the time: each persona at another
(each fault at each moment is in `make test`). `--everywhere` plays all moments.

Prints a row per fault and a column per persona: the exit codes that were seen, and how often the
fault really struck. What was wrong follows, and makes the command fail.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from fhir_remission.rehearsal.server.personas import persona_names
from tests.matrix.cells import TROUBLES, Cell, cells, play


class Seen(Struct):
    """What became of all cells of one persona."""

    persona: str
    codes: dict[str, set[int]]
    fired: dict[str, int]
    cells: int
    wrong: list[str]


def spread(persona: str) -> list[Cell]:
    """Each fault once, and all the time; the next persona has the next moment."""
    by_fault: defaultdict[str, list[Cell]] = defaultdict(list)
    for cell in cells([persona]):
        by_fault[cell.trouble.name + (" always" if cell.place == "always" else "")].append(cell)
    turn = persona_names().index(persona)
    return [found[(turn + n) % len(found)] for n, found in enumerate(by_fault.values())]


def play_all(persona: str, *, everywhere: bool) -> Seen:
    """Play the cells of one persona."""
    codes: defaultdict[str, set[int]] = defaultdict(set)
    fired: Counter[str] = Counter()
    wrong: list[str] = []
    played = list(cells([persona])) if everywhere else spread(persona)
    for cell in played:
        with TemporaryDirectory(prefix="matrix-") as folder:
            ran, found = play(cell, Path(folder))
        codes[cell.trouble.name].add(ran.code)
        fired[cell.trouble.name] += ran.fired.total()
        wrong += [f"{cell.name} ({cell.spec}): {one}" for one in found]
    return Seen(persona, dict(codes), dict(fired), len(played), wrong)


def main() -> int:
    """Play, print, and fail where anything was wrong."""
    began = time.monotonic()
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        one = partial(play_all, everywhere="--everywhere" in sys.argv[1:])
        seen = list(pool.map(one, persona_names()))
    print("fault".ljust(32), *(one.persona.rjust(11) for one in seen))
    for name in dict.fromkeys(trouble.name for trouble in TROUBLES):
        row = (_told(one, name) for one in seen)
        print(name.ljust(32), *(text.rjust(11) for text in row))
    print("(exit codes seen, and how often the fault struck)")
    wrong = [problem for one in seen for problem in one.wrong]
    print(*wrong, sep="\n")
    count, seconds = sum(one.cells for one in seen), time.monotonic() - began
    print(f"{count} cells, {len(wrong)} problems, {seconds:.0f} s")
    return 1 if wrong else 0


def _told(seen: Seen, name: str) -> str:
    if name not in seen.codes:
        return "-"
    return f"{','.join(map(str, sorted(seen.codes[name])))} x{seen.fired[name]}"


if __name__ == "__main__":
    sys.exit(main())
