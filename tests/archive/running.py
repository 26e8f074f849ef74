"""Runs of the archive job for tests: whole, on a few resources, and what came out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fhir_remission.jobs.archive.archive import Order, Report, run
from fhir_remission.jobs.files.classify import run as classify
from fhir_remission.jobs.judging.request import Request

AS_OF = "2027-01-01T00:00:00Z"
Resource = Mapping[str, Any]


def archive(
    paths: Sequence[Path], out: Path, *, request: Request | None = None, **more: Any
) -> Report:
    """Run the job on these files."""
    asked = request or Request(as_of=AS_OF)
    return run(Order(tuple(paths), out, asked, **more), lambda *_: None)


def lines(out: Path) -> list[dict[str, Any]]:
    """What the run printed, line by line."""
    return [json.loads(line) for line in (out / "assessments.ndjson").read_bytes().splitlines()]


def summary(out: Path) -> dict[str, Any]:
    """The summary of the run."""
    found: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return found


def classified(path: Path, request: Request | None = None) -> bytes:
    """What `classify` prints for the same file."""
    return b"".join(classify(str(path), request or Request(as_of=AS_OF)).lines)


def write(path: Path, resources: Iterable[Resource]) -> Path:
    """Write resources one per line."""
    path.write_text("".join(json.dumps(one, separators=(",", ":")) + "\n" for one in resources))
    return path


def blasts(number: int, patient: str, *, day: str = "2026-03-01", **more: Any) -> dict[str, Any]:
    """A marrow result, as small as it gets."""
    return {
        "resourceType": "Observation",
        "id": f"b{number}",
        "meta": {"versionId": "1"},
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "11150-0"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": day,
        "valueQuantity": {"value": 2, "unit": "%", "code": "%"},
        **more,
    }


def potassium(number: int, patient: str, **more: Any) -> dict[str, Any]:
    """A result that no criterion reads."""
    code = {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]}
    return {**blasts(number, patient), "id": f"k{number}", "code": code, **more}


def without_writing(line: bytes) -> bytes:
    """A line of `sync` as the other jobs print it."""
    said = json.loads(line)
    for name in ("disposition", "write", "locations"):
        said.pop(name)
    return msgspec.json.encode(said)
