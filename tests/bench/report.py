"""What a page costs: milliseconds of one core, kilobytes, and whether its bytes are equal.

    python -m tests.bench.report                     make bench-report

Bars: 20 ms and 150 kB for a course of 200 results. The time is the best of several rounds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from fhir_remission.report import patient_page
from tests.report.courses import long_dossier

ROUNDS = 15
MILLIS, KILOBYTES = 20.0, 150.0
BAR = 200


def main() -> int:
    """Measure and print; 1 where a bar is passed or two pages differ."""
    passed = True
    print("results      ms      kB   equal")
    for results in (20, BAR, 1000):
        with tempfile.TemporaryDirectory() as folder:
            held = long_dossier(Path(folder), results)
        first = patient_page(held)
        best, equal = float("inf"), True
        for _ in range(ROUNDS):
            start = time.process_time()
            again = patient_page(held)
            best = min(best, time.process_time() - start)
            equal = equal and again == first
        weight = len(first.encode()) / 1000
        print(f"{len(held.facts.record.results):7}{best * 1000:8.1f}{weight:8.1f}   {equal}")
        if results == BAR:
            passed = best * 1000 <= MILLIS and weight <= KILOBYTES
        passed = passed and equal
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
