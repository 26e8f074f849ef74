"""How many changed lines of the domain the tests notice: `make mutants`.

    python -m tests.mutants.run                     all of fhir_remission/domain
    python -m tests.mutants.run judges windows      these modules
    python -m tests.mutants.run --sample 2000       so many, drawn evenly with a fixed seed
    python -m tests.mutants.run --again             those that survived the last time too
    python -m tests.mutants.run --known             those that equivalent.tsv explains too

One process imports everything and runs every test once, remembering which lines each test walks.
For each mutant it forks; the child puts the changed function in place and runs the tests that walk
the changed line, quickest first, until one fails. Verdicts are kept in build/mutants.tsv; a mutant
that was killed stays killed until its function changes. Survivors that no test can kill stand in
equivalent.tsv, each with the reason.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from random import Random

import pytest

from tests.mutants.mutations import Mutant, mutants_of
from tests.mutants.verdicts import Verdicts, equivalents
from tests.mutants.walker import Walker

ROOT = Path(__file__).parents[2]
DOMAIN = ROOT / "fhir_remission" / "domain"
TESTS = [
    *("tests/test_cases.py", "tests/domain", "tests/jobs", "tests/test_tables.py"),
    *("tests/test_hostile.py", "tests/fhir"),
]
MEASURING = ("test_growth", "test_vocabulary")
"""Of tests/domain: they measure work and read files, minutes of it, and judge no answer."""
SEED = 20260101


def main() -> int:
    """Run and print the score; 1 when a mutant survived that is not known as equivalent."""
    options = _options()
    mutants = _chosen(options)
    verdicts = Verdicts(ROOT / "build" / "mutants.tsv")
    reasons = equivalents(Path(__file__).with_name("equivalent.tsv"))
    known = {} if options.known else reasons
    open_ones = [
        one
        for one in mutants
        if one.name not in known and not verdicts.settled(one, again=options.again)
    ]
    print(f"{len(mutants)} mutants, {len(open_ones)} to run", flush=True)
    if open_ones:
        walker = Walker(open_ones, verdicts, DOMAIN, options.effort)
        left_out = [f"--ignore=tests/domain/{name}.py" for name in MEASURING]
        # Nobody reads how a test failed: no reports, and no differences of what it compared.
        args = [
            "-q",
            "--tb=native",
            "--assert=plain",
            "--capture=no",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            *left_out,
        ]
        args += ["-o", "timeout=0", "-W", "ignore", *options.tests]
        status = pytest.main(args, plugins=[walker])
        if status not in (0, 5):
            return 2
    return verdicts.report(mutants, reasons)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*")
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--known", action="store_true")
    parser.add_argument("--tests", nargs="*", default=TESTS)
    parser.add_argument("--effort", type=float, default=20, help="seconds of tests per mutant")
    return parser.parse_args()


def _chosen(options: argparse.Namespace) -> list[Mutant]:
    rooms = DOMAIN.glob("*/[!_]*.py")
    names = options.modules or sorted(f"{path.parent.name}.{path.stem}" for path in rooms)
    every = [one for name in names for one in mutants_of(DOMAIN / f"{name.replace('.', '/')}.py")]
    if not options.sample:
        return every
    return Random(SEED).sample(every, min(options.sample, len(every)))


if __name__ == "__main__":
    sys.exit(main())
