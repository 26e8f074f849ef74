"""The courses that engines and core are asked about: generated, of cases, and of vectors."""

from __future__ import annotations

import csv
import json
import random
import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from tests.test_cases import FOLDERS
from tests.twin import generate
from tests.twin.course import (
    ANC,
    CELLS,
    CHEMOTHERAPY,
    EXTRAMEDULLARY,
    ICD,
    MARROW,
    PLATELETS,
    SMEAR,
    SNOMED,
    Course,
    Instant,
    percent,
    quantity,
)

VECTORS = Path(__file__).parents[2] / "fixtures" / "vectors.csv"
UNREAD = "unknown"
# A float holds no more: cql-execution reads 4.99999999999999999 as 5 before any library sees it.
FLOAT = 15


class Asked(NamedTuple):
    """One patient, from where, with the lines that hold the record."""

    origin: str
    name: str
    patient: str
    lines: tuple[str, ...]

    @property
    def exceeds_a_float(self) -> bool:
        """Whether some number of the record has more digits than a float holds."""
        numbers = (one for line in self.lines for one in re.findall(r":([0-9.]+)[,}]", line))
        return any(len(one.replace(".", "").lstrip("0")) > FLOAT for one in numbers)


def made(patients: int, seed: int) -> Iterator[Asked]:
    """Generated courses of the named subset."""
    for resources in generate.courses(patients, seed):
        patient = str(resources[0]["id"])
        yield Asked("generated", patient, patient, tuple(map(generate.line, resources)))


def of_vectors() -> Iterator[Asked]:
    """Every vector as a course of its own; its MRD is outside of the subset and left out."""
    with VECTORS.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            course = _of_vector(row)
            yield Asked(
                "vectors", row["id"], course.patient, tuple(map(generate.line, course.resources))
            )


class _Never(random.Random):
    def random(self) -> float:
        """A roll that no rare branch takes."""
        return 0.999


def _of_vector(row: dict[str, str]) -> Course:
    course = Course(row["id"].lower(), _Never(), date(2026, 1, 10))
    course.add("Condition", (ICD, "C92.00"), onsetDateTime=course.on(-6))
    if row["baseline_marrow_blast_pct"] != UNREAD:
        course.observe(MARROW, _noon(-5), percent(row["baseline_marrow_blast_pct"])[0])
    course.add("Procedure", CHEMOTHERAPY, status="completed", performedDateTime=course.on(0))
    day = 31
    if row["prior_cr"] == "yes":
        _evaluated(course, day, {**row, **BEFORE})
        day = 142
    _evaluated(course, day, row)
    if row["rbc_transfusion_dependent"] == "yes":
        given = {"status": "completed", "performedDateTime": course.on(day - 2)}
        course.add("Procedure", (SNOMED, "116863004"), **given)
    return course


# The remission before: every criterion of every set is fulfilled.
BEFORE = {
    "marrow_blast_pct": "1",
    "cells_counted": "500",
    "anc_per_uL": "2000",
    "platelets_per_uL": "200000",
    "pb_blasts": "absent",
    "emd": "absent",
}


def _evaluated(course: Course, day: int, row: dict[str, str]) -> None:
    """One marrow with the counts, the smear and the statement of its day."""
    blasts, cells, when = row["marrow_blast_pct"], row["cells_counted"], _noon(day)
    if blasts != UNREAD:
        spec = f"text:{blasts}" if blasts.isalpha() else blasts
        course.observe(MARROW, when, percent(spec)[0])
    if cells != UNREAD:
        course.observe(CELLS, when, quantity(cells, "{#}"))
    for code, name in ((ANC, "anc_per_uL"), (PLATELETS, "platelets_per_uL")):
        if row[name] != UNREAD:
            course.observe(code, when, quantity(row[name], "/uL"))
    if row["pb_blasts"] != UNREAD:
        course.observe(SMEAR, when, percent({"absent": "0", "present": "3"}[row["pb_blasts"]])[0])
    if row["emd"] != UNREAD:
        said = {"absent": "2667000", "present": "52101004"}[row["emd"]]
        value = {"valueCodeableConcept": {"coding": [{"system": SNOMED, "code": said}]}}
        course.observe(EXTRAMEDULLARY, when, value)


def _noon(day: int) -> Instant:
    return Instant(day, 720, 0)


def of_cases() -> Iterator[Asked]:
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
        patient = f"case{number:03d}"
        mine = [one for one in _renamed(held, patient) if _is_about(one)]
        if all(_about(one) in ("", f"Patient/{patient}") for one in mine):
            yield Asked("cases", folder.name, patient, tuple(json.dumps(one) for one in mine))


def _renamed(held: list[dict[str, Any]], patient: str) -> list[dict[str, Any]]:
    """All resources under ids of this case: cases share theirs."""
    text = json.dumps(held)
    keys = {(one["resourceType"], one["id"]) for one in held if "id" in one}
    for kind, key in keys:
        new = patient if kind == "Patient" else f"{patient}-{key}"
        text = text.replace(f'"{kind}/{key}"', f'"{kind}/{new}"')
    told: list[dict[str, Any]] = json.loads(text)
    return [
        {**one, "id": patient if one["resourceType"] == "Patient" else f"{patient}-{one.get('id')}"}
        for one in told
    ]


def _is_about(one: dict[str, Any]) -> bool:
    return one["resourceType"] == "Patient" or bool(_about(one))


def _about(one: dict[str, Any]) -> str:
    """Whom a resource is about, as it refers to them; empty where it does not."""
    about = one.get("subject") or one.get("patient") or {}
    return str(about.get("reference", ""))


def written(courses: Iterable[Asked], folder: Path) -> Path:
    """All records as one file."""
    file = folder / "courses.ndjson"
    text = "".join(f"{line}\n" for one in courses for line in one.lines)
    file.write_text(text, encoding="utf-8")
    return file
