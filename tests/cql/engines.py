"""cql-to-elm, cql-execution and the engine of the JVM, installed in a folder and asked.

`python -m tests.cql.engines FOLDER` installs them; none of them is needed by anything else.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fhir_remission.domain.nouns.namespace import NAMESPACE
from fhir_remission.effects.files.mapping_files import load_mappings
from fhir_remission.fhir.criteria_export.library_text import Library
from fhir_remission.fhir.criteria_export.values import value_sets
from tests.cql.courses import Asked, written

HERE = Path(__file__).parent
JAVA = ("java", "-Xmx700m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp")
CLASSPATH = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath"
NPM = ("cql-execution@3.3.2", "cql-exec-fhir@2.2.0")
REFUSED = "refused"


class Answer(NamedTuple):
    """What a library says of one course; a refused record has its reasons."""

    category: str
    why: tuple[str, ...] = ()


class Engines:
    """The translator and the two engines."""

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
            npm = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", "."]
            subprocess.run([*npm, *NPM], check=True, cwd=folder)
            maven = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), CLASSPATH]
            subprocess.run([*maven, f"-Dmdep.outputFile={classpath}"], check=True)
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
        done = subprocess.run([*JAVA, self.classpath, "CqlLane", "translate", *files], check=False)
        if done.returncode != 0:
            raise SystemExit("the translator has something to say of a library")
        sets = {
            f"{NAMESPACE}/ValueSet/{one.name}": {
                "1": [{"code": code, "system": system} for system, code, _ in one.codes]
            }
            for one in value_sets(load_mappings())
        }
        (self.folder / "sets.json").write_text(json.dumps(sets), encoding="utf-8")

    def node(self, name: str, courses: Sequence[Asked]) -> dict[str, Answer]:
        """What cql-execution says."""
        given = [f"{name}.elm.json", "FHIRHelpers.elm.json", "sets.json"]
        return self._asked(["node", str(HERE / "run.js"), *given], courses)

    def jvm(self, name: str, courses: Sequence[Asked]) -> dict[str, Answer]:
        """What the engine of the JVM says."""
        given = ["CqlLane", "run", f"{name}.cql", "sets.json"]
        return self._asked([*JAVA, self.classpath, *given], courses)

    def _asked(self, command: list[str], courses: Sequence[Asked]) -> dict[str, Answer]:
        file = written(courses, self.folder)
        done = subprocess.run(
            [*command, str(file)], capture_output=True, text=True, check=False, cwd=self.folder
        )
        if done.returncode != 0:
            raise SystemExit(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
        told = [json.loads(line) for line in done.stdout.splitlines()]
        return {
            one["patient"].removeprefix("Patient/"): Answer(
                one.get("error") or one.get("category") or REFUSED, tuple(one.get("why", ()))
            )
            for one in told
        }


if __name__ == "__main__":
    Engines(Path(sys.argv[1]).resolve())
