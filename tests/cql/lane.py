"""The exported libraries on two engines that nobody here wrote, beside the core.

`python -m tests.cql.lane --patients 300`: each set is translated by cql-to-elm (any word of it is
a fault) and run by cql-execution (Node) and the engine of the JVM, on all cases, all vectors and
generated courses. Agreement is printed by set and category. What a library refuses it refuses by
its own rules, printed with their number; whatever else differs is a fault, but for what a float
loses and for a category that comes at or after one whose criterion CQL cannot express.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from fhir_remission.domain.criteria.rules import CriteriaSet
from fhir_remission.domain.nouns.namespace import NAMESPACE
from fhir_remission.effects.files.mapping_files import (
    criteria_names,
    default_dir,
    load_criteria,
    load_mappings,
)
from fhir_remission.fhir.criteria_export.library_text import Library, library
from tests.cql.courses import Asked, made, of_cases, of_vectors, written
from tests.cql.engines import REFUSED, Answer, Engines

# A record that the core reads only in part: it says which part, and no category.
UNJUDGED = "unjudged"
AS_OF = "2027-01-01T00:00:00Z"
SITE = "ours-2026"
# A site's own set: other numbers, another window, and words that would end a comment or a string.
CHANGED = {
    'id = "eln-2022"': f'id = "{SITE}"',
    "value = 1.0\n": "value = 0.75\n",
    "value = 100\n": "value = 80.5\n",
    "window_after           = { value = 14": "window_after = { value = 10",
    "disease_blasts         = { value = 5,": "disease_blasts = { value = 4.5,",
    "at_least = 5\n": "at_least = 4.5\n",
    "samples = 2\n": "samples = 1\n",
    'title = "European LeukemiaNet 2022"': 'title = "It\'s \\"ours\\" */ // and more"',
}
COLUMNS = ("agree", "refused", "float", "withheld", "FAULT")


class Set(NamedTuple):
    """A set with its library, and the answers for which a criterion is missing there."""

    criteria: CriteriaSet
    library: Library

    @property
    def withheld(self) -> frozenset[str]:
        """The categories from the first on that needs what is not expressible, and their lack."""
        lost = set(self.library.inexpressible)
        names = [one.id for one in self.criteria.category]
        first = [row.id for row in self.criteria.category if lost & set(row.requires)]
        if not first:
            return frozenset()
        out = self.criteria.outcomes
        rest = names[names.index(first[0]) :]
        return frozenset((*rest, out.no_response, out.not_evaluable))


def site(folder: Path) -> Path:
    """The folder of a site that has a set of its own."""
    text = (default_dir() / "criteria" / "eln-2022.toml").read_text(encoding="utf-8")
    for old, new in CHANGED.items():
        if old not in text:
            raise SystemExit(f"eln-2022 does not say {old} any more; choose another change")
        text = text.replace(old, new)
    (folder / "site" / "criteria").mkdir(parents=True, exist_ok=True)
    (folder / "site" / "criteria" / f"{SITE}.toml").write_text(text, encoding="utf-8")
    return folder / "site"


def by_core(courses: Sequence[Asked], name: str, folder: Path) -> dict[str, str]:
    """The core's answer of each course, through the command line."""
    command = [str(Path(sys.executable).with_name("fhir-remission")), "classify"]
    command += [str(written(courses, folder)), "--as-of", AS_OF, "--criteria", name]
    command += ["--mappings", str(folder / "site")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    if not told:
        raise SystemExit(f"classify ended with {done.returncode}: {done.stderr[-2000:]}")
    return {
        one["patient"].removeprefix("Patient/"): one.get("category", UNJUDGED)
        for one in told
        if "patient" in one
    }


def verdict(one: Asked, core: str, said: Answer, of: Set, *, floats: bool) -> str:
    """Under which column a course is counted."""
    if said.category == core:
        return "agree"
    if said.category == REFUSED and said.why and one.origin != "generated":
        return "refused"
    if floats and one.exceeds_a_float:
        return "float"
    undecided = of.criteria.outcomes.undecided
    if said.category == undecided and core in of.withheld:
        return "withheld"
    return "FAULT"


def table(core: Mapping[str, str], counted: Mapping[str, str]) -> str:
    """Agreement by the category of the core."""
    rows = [f"  {'category':<20}{'courses':>8}" + "".join(f"{one:>9}" for one in COLUMNS)]
    for category, many in Counter(core[one] for one in counted).most_common():
        mine = Counter(how for one, how in counted.items() if core[one] == category)
        rows.append(f"  {category:<20}{many:>8}" + "".join(f"{mine[one]:>9}" for one in COLUMNS))
    return "\n".join(rows)


def compared(
    courses: Sequence[Asked], core: Mapping[str, str], said: Mapping[str, Answer], of: Set, who: str
) -> int:
    """Print what an engine says beside the core; how many faults there are."""
    nothing = Answer("nothing")
    counted = {
        one.patient: verdict(
            one,
            core[one.patient],
            said.get(one.patient, nothing),
            of,
            floats=who == "cql-execution",
        )
        for one in courses
    }
    print(f"{of.criteria.id}, {who}\n{table(core, counted)}")
    asked = (said[one] for one, how in counted.items() if how == "refused")
    for reason, many in Counter(why for answer in asked for why in answer.why).most_common():
        print(f"    {many:>4} refused: {reason}")
    for one in courses:
        if counted[one.patient] == "FAULT":
            theirs = said.get(one.patient, nothing)
            told = f"{theirs.category} {' '.join(theirs.why)}".strip()
            print(f"  FAULT {one.name} ({one.origin}): core {core[one.patient]}, library {told}")
    return sum(how == "FAULT" for how in counted.values())


def judged(
    engines: Engines, of: Set, courses: Sequence[Asked], for_jvm: Sequence[Asked], node: bool
) -> int:
    """One set on all courses; how many differences are faults."""
    name = of.criteria.id
    if of.library.inexpressible:
        print(f"{name}: not expressible: {', '.join(of.library.inexpressible)}")
    core = by_core(courses, name, engines.folder)
    missing = [one.name for one in courses if one.patient not in core]
    if missing:
        raise SystemExit(f"the core says nothing of {missing[:5]}")
    faults = 0
    answers: dict[str, dict[str, Answer]] = {}
    if node:
        answers["cql-execution"] = engines.node(name, courses)
        faults += compared(courses, core, answers["cql-execution"], of, "cql-execution")
    if for_jvm:
        answers["the JVM's engine"] = engines.jvm(name, for_jvm)
        faults += compared(for_jvm, core, answers["the JVM's engine"], of, "the JVM's engine")
    if len(answers) > 1:
        first, second = answers.values()
        both = [
            f"{one.name}: {first[one.patient].category}, {second[one.patient].category}"
            for one in for_jvm
            if not one.exceeds_a_float and first[one.patient][0] != second[one.patient][0]
        ]
        print(f"  the engines differ on {len(both)} courses whose numbers a float holds")
        for one in both:
            print(f"    {one}")
    return faults


def main() -> int:
    """Translate, run and print; 1 where anything is a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=2022)
    parser.add_argument("--sets", nargs="*", default=list(criteria_names()))
    parser.add_argument("--jvm", type=int, default=0, help="so many of them on the JVM too; -1 all")
    parser.add_argument("--no-node", action="store_true", help="on the JVM only")
    parser.add_argument("--no-cases", action="store_true", help="generated courses only")
    parser.add_argument("--folder", type=Path, default=Path("build/cql"))
    given = parser.parse_args()
    engines = Engines(given.folder.resolve())
    own = site(engines.folder)
    mappings = load_mappings(own)
    every = [load_criteria(name, overlay=own) for name in given.sets]
    sets = [Set(one, library(one, mappings, NAMESPACE)) for one in every]
    engines.translate({one.criteria.id: one.library for one in sets})
    known = [] if given.no_cases else [*of_cases(), *of_vectors()]
    courses = [*known, *made(given.patients, given.seed)]
    for_jvm = courses if given.jvm < 0 else courses[-given.jvm :] if given.jvm else []
    faults = sum(judged(engines, one, courses, for_jvm, not given.no_node) for one in sets)
    print(f"{len(courses)} courses, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
