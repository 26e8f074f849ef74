"""The exported libraries on two engines that nobody here wrote, beside the core.

`python -m tests.cql.lane --patients 300`: each set is translated by cql-to-elm (any word of it is
a fault) and run by cql-execution (Node) and, with `--jvm`, by the engine of the JVM, on all cases
and generated courses. Agreement is printed by set and category. Fails where the library says more
than the core, or anything else on the courses of the named subset.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from fhir_remission.effects.files.mapping_files import criteria_names, load_criteria, load_mappings
from fhir_remission.fhir.criteria_export.library_text import Library, library
from fhir_remission.fhir.criteria_export.values import value_sets
from tests.test_cases import FOLDERS
from tests.twin import generate

HERE = Path(__file__).parent
NAMESPACE = "https://w3id.org/fhir-remission"
JAVA = ("java", "-Xmx700m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp")
CLASSPATH = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath"
NPM = ("cql-execution@3.3.2", "cql-exec-fhir@2.2.0")
REFUSED = "refused"
# A record that the core reads only in part: it says which part, and no category.
UNJUDGED = "unjudged"
AS_OF = "2027-01-01T00:00:00Z"
# A float holds less: cql-execution reads this marrow as 5 %, before any library sees it.
LOST = "4.99999999999999999"


class Course(NamedTuple):
    """One patient, from where, with the lines that hold the record."""

    origin: str
    patient: str
    lines: tuple[str, ...]


def made(patients: int, seed: int) -> Iterator[Course]:
    """Generated courses of the named subset."""
    for resources in generate.courses(patients, seed):
        lines = tuple(generate.line(one) for one in resources)
        yield Course("generated", str(resources[0]["id"]), lines)


def of_cases() -> Iterator[Course]:
    """The records of all cases whose Bundle can be taken apart, each under a name of its own.

    An engine finds the record of a patient by literal references: a case about others is left out.
    """
    for number, folder in enumerate(FOLDERS):
        file = folder / "bundle.json"
        if not file.is_file():
            continue
        bundle = json.loads(file.read_text(encoding="utf-8"))
        held = [one["resource"] for one in bundle.get("entry", []) if "resource" in one]
        people = {one["id"] for one in held if one.get("resourceType") == "Patient" and "id" in one}
        if len(people) != 1:
            continue
        name = f"case{number:03d}"
        mine = [one for one in _renamed(held, name) if _is_about(one)]
        if all(_about(one) in ("", f"Patient/{name}") for one in mine):
            yield Course("cases", name, tuple(json.dumps(one) for one in mine))


def _renamed(held: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """All resources under ids of this case: cases share theirs."""
    text = json.dumps(held)
    keys = {(one["resourceType"], one["id"]) for one in held if "id" in one}
    for kind, key in keys:
        new = name if kind == "Patient" else f"{name}-{key}"
        text = text.replace(f'"{kind}/{key}"', f'"{kind}/{new}"')
    told: list[dict[str, Any]] = json.loads(text)
    return [
        {**one, "id": name if one["resourceType"] == "Patient" else f"{name}-{one.get('id')}"}
        for one in told
    ]


def _is_about(one: dict[str, Any]) -> bool:
    return one["resourceType"] == "Patient" or bool(_about(one))


def _about(one: dict[str, Any]) -> str:
    """Whom a resource is about, as it refers to them; empty where it does not."""
    about = one.get("subject") or one.get("patient") or {}
    return str(about.get("reference", ""))


def by_core(courses: Iterable[Course], criteria: str, folder: Path) -> dict[str, str]:
    """The core's answer of each course, through the command line."""
    file = written(courses, folder)
    command = [str(Path(sys.executable).with_name("fhir-remission")), "classify", str(file)]
    command += ["--as-of", AS_OF, "--criteria", criteria]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    if not told:
        raise SystemExit(f"classify ended with {done.returncode}: {done.stderr[-2000:]}")
    return {
        one["patient"].removeprefix("Patient/"): one.get("category", UNJUDGED)
        for one in told
        if "patient" in one
    }


def written(courses: Iterable[Course], folder: Path) -> Path:
    """All records as one file."""
    file = folder / "courses.ndjson"
    text = "".join(f"{line}\n" for one in courses for line in one.lines)
    file.write_text(text, encoding="utf-8")
    return file


def by_engine(command: list[str], courses: list[Course], folder: Path) -> dict[str, str]:
    """What an engine says; a record that the library does not read is refused."""
    file = written(courses, folder)
    done = subprocess.run(
        [*command, str(file)], capture_output=True, text=True, check=False, cwd=folder
    )
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        one["patient"].removeprefix("Patient/"): one.get("error", one.get("category")) or REFUSED
        for one in told
    }


def table(core: dict[str, str], engine: dict[str, str]) -> str:
    """Agreement by the category of the core."""
    rows = [f"  {'category':<20}{'courses':>8}{'agree':>8}{'refused':>9}{'differ':>8}"]
    for category, many in Counter(core.values()).most_common():
        mine = [engine.get(one, "nothing") for one in core if core[one] == category]
        agree, refused = mine.count(category), mine.count(REFUSED)
        rows.append(f"  {category:<20}{many:>8}{agree:>8}{refused:>9}{many - agree - refused:>8}")
    return "\n".join(rows)


def differing(core: dict[str, str], engine: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Each course of which two programs say different things; refusing is saying nothing."""
    return {
        one: (said, engine.get(one, "nothing"))
        for one, said in core.items()
        if engine.get(one, "nothing") not in (said, REFUSED)
    }


def claims_more(criteria: str, said: str, other: str) -> bool:
    """Whether the other answer stands higher among the claims of the set."""
    rows = [one.id for one in load_criteria(criteria).category if one.claim]
    return other in rows and (said not in rows or rows.index(other) < rows.index(said))


class Engines:
    """The translator and the two engines, installed once in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for tool in ("java", "javac", "mvn", "node", "npm"):
            if shutil.which(tool) is None:
                raise SystemExit(
                    f"{tool} is not installed; this lane needs a JDK 17, Maven and Node"
                )
        classpath = folder / "classpath.txt"
        if not classpath.is_file():
            maven = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), CLASSPATH]
            subprocess.run([*maven, f"-Dmdep.outputFile={classpath}"], check=True)
            subprocess.run(
                ["npm", "install", "--silent", "--no-fund", *NPM], check=True, cwd=folder
            )
        jars = classpath.read_text(encoding="utf-8").strip()
        self.classpath = os.pathsep.join([str(folder / "classes"), jars])
        javac = ["javac", "-nowarn", "-d", str(folder / "classes"), "-cp", jars]
        subprocess.run([*javac, str(HERE / "CqlLane.java")], check=True)

    def translate(self, libraries: dict[str, Library]) -> None:
        """Every library to ELM; one word of the translator ends the lane."""
        files = []
        for name, one in libraries.items():
            file = self.folder / f"{name}.cql"
            file.write_text(one.text, encoding="utf-8")
            files.append(str(file))
        subprocess.run([*JAVA, self.classpath, "CqlLane", "translate", *files], check=True)
        sets = {
            f"{NAMESPACE}/ValueSet/{one.name}": {
                "1": [{"code": code, "system": system} for system, code, _ in one.codes]
            }
            for one in value_sets(load_mappings())
        }
        (self.folder / "sets.json").write_text(json.dumps(sets), encoding="utf-8")

    def node(self, name: str) -> list[str]:
        """The command of cql-execution."""
        given = [f"{name}.elm.json", "FHIRHelpers.elm.json", "sets.json"]
        return ["node", str(HERE / "run.js"), *given]

    def jvm(self, name: str) -> list[str]:
        """The command of the engine of the JVM."""
        return [*JAVA, self.classpath, "CqlLane", "run", f"{name}.cql", "sets.json"]


def judged(engines: Engines, name: str, courses: list[Course], *, lost: bool, jvm: bool) -> int:
    """One set on all courses; how many differences count as faults.

    Where a criterion is not expressible, what needs it is never said: the library leaves it open.
    """
    core = by_core(courses, name, engines.folder)
    open_answer = load_criteria(name).outcomes.undecided
    origin = {one.patient: one.origin for one in courses}
    digits = {one.patient for one in courses if any(LOST in line for line in one.lines)}
    said = {"cql-execution": by_engine(engines.node(name), courses, engines.folder)}
    if jvm:
        said["the JVM's engine"] = by_engine(engines.jvm(name), courses, engines.folder)
    faults = 0
    for engine, answers in said.items():
        print(f"{name}, {engine}\n{table(core, answers)}")
        for one, (ours, theirs) in differing(core, answers).items():
            why = "beyond the subset"
            if engine == "cql-execution" and one in digits:
                why = "digits a float loses"
            elif lost and theirs == open_answer:
                why = "needs what is not expressible"
            elif origin[one] == "generated" or claims_more(name, ours, theirs):
                why = "FAULT"
                faults += 1
            print(f"  {one}: core {ours}, library {theirs} ({why})")
    if jvm:
        both = differing(said["cql-execution"], said["the JVM's engine"])
        print(f"  the engines differ on {len(both)}: {dict(list(both.items())[:20])}")
    return faults


def main() -> int:
    """Translate, run and print; 1 where anything is a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=2022)
    parser.add_argument("--sets", nargs="*", default=list(criteria_names()))
    parser.add_argument("--jvm", action="store_true", help="the engine of the JVM too")
    parser.add_argument("--no-cases", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path("build/cql"))
    given = parser.parse_args()
    engines = Engines(given.folder.resolve())
    mappings = load_mappings()
    engines.translate({n: library(load_criteria(n), mappings, NAMESPACE) for n in given.sets})
    courses = [*made(given.patients, given.seed), *([] if given.no_cases else of_cases())]
    faults = 0
    for name in given.sets:
        lost = library(load_criteria(name), mappings, NAMESPACE).inexpressible
        if lost:
            print(f"{name}: not expressible: {', '.join(lost)}")
        faults += judged(engines, name, courses, lost=bool(lost), jvm=given.jvm)
    print(f"{len(courses)} courses, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
