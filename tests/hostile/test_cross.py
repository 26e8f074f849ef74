"""Each command that asks a server, each way to drip, at its first question and at later ones."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.hostile.crossing import COMMANDS, PLACES, crossed, judged
from tests.hostile.evil import DRIPS

AT_ONCE = 8
"""They mostly sleep."""


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["signals", "max_runtime"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_reads_ends_in_time_in_every_phase(
    command: str, how: str, tmp_path: Path
) -> None:
    """And after each, the state is consistent and the next run does the rest."""
    cases = [(phase, place) for phase in DRIPS for place in PLACES[command]]

    def one(number: int) -> float:
        phase, place = cases[number]
        # Ctrl-C where a scheduler's signal was tried just before.
        by = ("SIGTERM", "SIGINT")[number % 2] if how == "signals" else how
        ended = crossed(tmp_path / str(number), command, phase, place, by)
        judged(ended, by)
        return ended.seconds

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = list(pool.map(one, range(len(cases))))
    print(f"{command}, {how}: {len(cases)} drips, the slowest end after {max(ends):.1f} s")
