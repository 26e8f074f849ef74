"""Two independent judges of what we write: the HL7 validator in HAPI, and pyrofile."""

import contextlib
import csv
import io
import json
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from pyrofile_validator import Validator
from pyrofile_validator.config import ValidatorConfig

from tests.servers.hapi_server import ALLOWED, TARGET, java_command


class Verdict(NamedTuple):
    """One resource, and the findings that refuse it: none means that it is accepted."""

    source: str
    findings: tuple[str, ...]


# Of a package, not resources of it.
LISTINGS = ("package.json", ".index.json")


def hl7_verdicts(path: Path, archive: Path | None = None) -> list[Verdict]:
    """What the HL7 validator says of every resource under a path; the exit code must agree.

    With the archive of a package, its profiles hold for every resource of their types.
    """
    packaged = ["--package", str(archive)] if archive else []
    command = java_command("validate", str(ALLOWED), *packaged, str(path))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
    assert done.returncode in (0, 1), done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert any(line["refused"] for line in lines) == (done.returncode == 1)
    return [Verdict(line["source"], tuple(_refusing(line["issues"]))) for line in lines]


def _refusing(issues: Iterable[dict[str, Any]]) -> Iterable[str]:
    for issue in issues:
        if not issue["allowed"] and issue["severity"] != "information":
            yield f"{issue['severity']} {issue['id']} at {issue['location']}: {issue['message']}"


def official_definitions() -> Path:
    """The R4 definitions that HAPI carries, as JSON files; written once per build."""
    directory = TARGET / "definitions"
    command = java_command("definitions", str(directory))
    if not (directory / "StructureDefinition-Provenance.json").is_file():
        directory.mkdir(exist_ok=True)
        subprocess.run(command, check=True, timeout=300)
    return directory


def pyrofile(definitions: Path) -> Validator:
    """Pyrofile with these definitions; without them it knows a few elements of a few types."""
    config = ValidatorConfig.load_dict(
        {
            "fhirVersion": "4.0.1",
            "terminology": {"mode": "local"},
            "localPackagePaths": [str(definitions)],
            "evidenceOutputDir": str(TARGET / "pyrofile-evidence"),
        }
    )
    return Validator(config)


def pyrofile_verdict(validator: Validator, source: str, resource: dict[str, Any]) -> Verdict:
    """What pyrofile says of one resource."""
    with contextlib.redirect_stdout(io.StringIO()):  # its FHIRPath engine prints traces
        issues = validator.validate_resource(resource).issues
    found = (
        (issue.severity.value, issue.code, issue.path or "", issue.message) for issue in issues
    )
    rows = [row for row in _allowed_rows() if row["validator"] == "pyrofile"]
    refusing = [issue for issue in found if not any(_covers(row, *issue) for row in rows)]
    return Verdict(source, tuple(" ".join(issue) for issue in refusing if issue[0] != "info"))


def _allowed_rows() -> list[dict[str, str]]:
    lines = ALLOWED.read_text(encoding="utf-8").splitlines()
    plain = (line for line in lines if not line.startswith("#"))
    return list(csv.DictReader(plain, delimiter="\t", quoting=csv.QUOTE_NONE))


def _covers(row: dict[str, str], severity: str, code: str, place: str, message: str) -> bool:
    return (
        severity == row["severity"]
        and re.fullmatch(row["id"], code) is not None
        and re.search(row["place"], place) is not None
        and re.search(row["message"], message) is not None
    )


def resources_under(path: Path) -> dict[str, dict[str, Any]]:
    """Every resource of the JSON and NDJSON files under a directory, by file and line."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(one for one in path.rglob("*.json") if one.name not in LISTINGS):
        found[str(file)] = json.loads(file.read_text(encoding="utf-8"))
    for file in sorted(path.rglob("*.ndjson")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            if line.strip():
                found[f"{file}:{number}"] = json.loads(line)
    return found
