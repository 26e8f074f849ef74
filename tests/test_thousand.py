"""A thousand calls in a row, as an engine makes them: the same answer, no creeping cost."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

CASE = Path(__file__).parents[1] / "fixtures/cases/complete-remission/bundle.json"
COMMAND = [sys.executable, "-m", "fhir_remission", "classify", "-"]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_thousand_calls() -> None:
    """stdin to stdout, no terminal, stderr never read: every call answers, and none differently."""
    body = CASE.read_bytes()
    answers: set[bytes] = set()
    seconds: list[float] = []
    for _ in range(1000):
        start = time.perf_counter()
        done = subprocess.run(
            [*COMMAND, "--as-of", "2026-10-01T00:00:00Z"],
            input=body,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        seconds.append(time.perf_counter() - start)
        answers.add(done.stdout)
    print(f"median {sorted(seconds)[500]:.3f} s, slowest {max(seconds):.3f} s")

    assert len(answers) == 1
