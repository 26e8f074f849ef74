"""Sets the package beside its SQL twin on generated courses and tells every difference.

python -m tests.twin.compare --patients 20000
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import duckdb

from tests.twin import generate

SQL = Path(__file__).with_name("eln_2022.sql")
DATED = frozenset({"CR", "CRh", "CRi", "MLFS", "PR", "RELAPSE"})


class Answer(NamedTuple):
    """What one program says of one patient."""

    category: str
    response_date: str | None


class Difference(NamedTuple):
    """A patient of whom the two say different things."""

    patient: str
    twin: Answer | None
    package: Answer | None


def by_sql(source: Path) -> dict[str, Answer]:
    """The twin's answers, by patient."""
    with duckdb.connect() as connection:
        quoted = str(source).replace("'", "''")
        connection.execute(f"SET VARIABLE source = '{quoted}'")
        rows = connection.execute(SQL.read_text(encoding="utf-8")).fetchall()
    return {patient: Answer(category, day) for patient, category, day in rows}


def by_package(source: Path) -> dict[str, Answer]:
    """The package's answers through its command line, by patient."""
    command = [str(Path(sys.executable).with_name("fhir-remission")), "classify", str(source)]
    command += ["--as-of", "2027-01-01T00:00:00Z", "--criteria", "eln-2022"]
    run = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    if run.returncode != 0:
        raise SystemExit(f"classify ended with {run.returncode}: {run.stderr[-2000:]}")
    answers = {}
    for line in run.stdout.splitlines():
        said = json.loads(line)
        day = said["response_date"] if said["category"] in DATED else None
        answers[said["patient"]] = Answer(said["category"], day)
    return answers


def differences(twin: dict[str, Answer], package: dict[str, Answer]) -> list[Difference]:
    """Patients with two answers, or with one where there should be two."""
    everyone = sorted(twin.keys() | package.keys())
    both = (Difference(one, twin.get(one), package.get(one)) for one in everyone)
    return [one for one in both if one.twin != one.package]


def table(twin: dict[str, Answer], found: list[Difference]) -> str:
    """Agreement by the category the twin gives."""
    total = Counter(answer.category for answer in twin.values())
    differing = Counter(one.twin.category for one in found if one.twin)
    rows = [f"{'category':<18}{'patients':>9}{'agree':>9}{'differ':>8}"]
    for category, many in total.most_common():
        rows.append(
            f"{category:<18}{many:>9}{many - differing[category]:>9}{differing[category]:>8}"
        )
    rows.append(f"{'all':<18}{len(twin):>9}{len(twin) - len(found):>9}{len(found):>8}")
    return "\n".join(rows)


def compare(patients: int, seed: int, folder: Path) -> tuple[dict[str, Answer], list[Difference]]:
    """Generate courses, let both answer, and return the twin's answers and the differences."""
    source = folder / f"courses-{seed}-{patients}.ndjson"
    generate.write(source, patients, seed)
    twin = by_sql(source)
    return twin, differences(twin, by_package(source))


def main() -> int:
    """Print the table and each difference; 1 when there is any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=2022)
    parser.add_argument("--keep", type=Path, help="folder for the generated courses")
    parser.add_argument(
        "--twin-only", action="store_true", help="count the twin's answers, run nothing else"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        if args.twin_only:
            source = folder / "courses.ndjson"
            generate.write(source, args.patients, args.seed)
            twin, found = by_sql(source), []
        else:
            twin, found = compare(args.patients, args.seed, folder)
    for one in found:
        print(f"{one.patient}  twin {one.twin}  package {one.package}")
    print(table(twin, found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
