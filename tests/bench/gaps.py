"""What judging a course costs whose every marrow lacks the same thing, by the number of marrows.

    python -m tests.bench.gaps                     make bench-gaps

Processor time of one judgement of the current answer, the peak of what it allocates, and the
evidence its longest line cites. Before what may have been a remission was gathered once, 24 marrows
without platelets took 30 s and 7.7 GiB, twice that for each marrow more.
"""

from __future__ import annotations

import time
import tracemalloc

from msgspec.structs import replace

from fhir_remission.domain.nouns.inputs import PatientRecord
from tests.domain.builder import judge
from tests.domain.long_courses import AS_OF, GAPS

MARROWS = (5, 50, 500)
RESULTS_PER_MARROW = 6
"""At most so many results come with one marrow of these courses."""


def main() -> int:
    """Measure and print."""
    print("gap              marrows   milliseconds   peak KiB   longest line")
    for name, course in GAPS.items():
        for marrows in MARROWS:
            record = _first(course(marrows * RESULTS_PER_MARROW), marrows)
            millis, peak, longest = _measured(record)
            print(f"{name:17}{marrows:7}{millis:15.1f}{peak / 1024:11.0f}{longest:15}")
    return 0


def _first(record: PatientRecord, marrows: int) -> PatientRecord:
    """The record up to the last result of so many marrows; shorter courses stay whole."""
    seen = 0
    for place, result in enumerate(record.results):
        seen += result.analyte == "blasts-marrow"
        if seen > marrows:
            return replace(record, results=record.results[:place])
    return record


def _measured(record: PatientRecord) -> tuple[float, int, int]:
    begun = time.process_time()
    found = judge(record, as_of=AS_OF, current_only=True)
    millis = (time.process_time() - begun) * 1000
    tracemalloc.start()
    judge(record, as_of=AS_OF, current_only=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return millis, peak, max((len(line.evidence) for line in found[-1].criteria_results), default=0)


if __name__ == "__main__":
    raise SystemExit(main())
