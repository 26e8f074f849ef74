"""What judging one patient costs, by the number of results, beside writing the answer as JSON.

    python -m tests.bench.core                      make bench-core
    python -m tests.bench.core --set iwg-2003       another criteria set
    python -m tests.bench.core --profile 20         where the time of a size goes

Every course is that of somebody who was treated, reached remission and was followed: the longer
ones have more blood, more marrows, more MRD and more transfusions, in the same proportion, or much
more of one thing. Microseconds are processor time, the best of several rounds; the ratio is taken
round by round in the same run, its median is printed. The collector runs as in the archive's
workers.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import json
import pstats
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from fhir_remission.domain.nouns.assessment import Assessment
from fhir_remission.domain.nouns.inputs import PatientRecord
from fhir_remission.fhir.writing.assessment_json import assessment_document, write_line
from fhir_remission.version import VERSION
from tests.domain.builder import judge
from tests.domain.long_courses import AS_OF, COURSES

SIZES = (20, 200, 2000)
ROUNDS = 7
REPEATS = {20: 40, 200: 8, 2000: 1}


class Row(NamedTuple):
    """One size of one kind of course."""

    results: int
    micros: float
    written: float
    ratio: float


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--set", default="eln-2022")
    parser.add_argument("--profile", type=int, default=0, metavar="RESULTS")
    asked = parser.parse_args()
    if asked.profile:
        _profile(COURSES["followed"](asked.profile), asked.set)
        return 0
    gc.set_threshold(100_000, 50, 50)
    print(f"{asked.set}, microseconds of one core per patient\n")
    print("course           results    judged   per result   json.dumps   ratio")
    for name, course in COURSES.items():
        rows = [_measured(course(size), asked.set) for size in SIZES]
        for row in rows:
            print(
                f"{name:15}{row.results:9}{row.micros:10.0f}{row.micros / row.results:13.2f}"
                f"{row.written:13.1f}{row.ratio:8.1f}"
            )
        few, many = rows[-2:]
        growth = many.micros / many.results / (few.micros / few.results)
        print(f"{'':15}a result of {many.results} costs {growth:.2f} of one of {few.results}\n")
    return 0


def _measured(record: PatientRecord, name: str) -> Row:
    """The current assessment, and the standard library writing just that."""
    repeats = REPEATS.get(len(record.results), 1)
    answer = json.loads(write_line(_document(_judge(record, name)[-1])))
    judged, written = [], []
    for _ in range(ROUNDS):
        judged.append(_micros(lambda: _judge(record, name), repeats))
        written.append(_micros(lambda: json.dumps(answer), 100))
    ratios = [one / other for one, other in zip(judged, written, strict=True)]
    return Row(len(record.results), min(judged), min(written), median(ratios))


def _judge(record: PatientRecord, name: str) -> tuple[Assessment, ...]:
    return judge(record, name, as_of=AS_OF, current_only=True)


def _document(assessment: Assessment) -> dict[str, object]:
    return assessment_document(assessment, evidence_hash="0" * 64, software_version=VERSION)


def _micros(work: Callable[[], object], times: int) -> float:
    begun = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begun) * 1e6 / times


def _profile(record: PatientRecord, name: str) -> None:
    profile = cProfile.Profile()
    _judge(record, name)
    profile.enable()
    for _ in range(max(1, 4000 // len(record.results))):
        _judge(record, name)
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    raise SystemExit(main())
