"""Invented patients for the demo, for benchmarks and for dress rehearsals; nobody is real."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import Struct

from fhir_remission.errors import InputError
from fhir_remission.rehearsal.cohort.evidence import (
    TAG,
    chemotherapy,
    diagnosis,
    extramedullary,
    mrd,
    quantity,
    result,
    transfusion,
    undated,
)

Resource = dict[str, Any]

RESULTS = ("marrow", "cells", "anc", "platelets", "smear")
GROUP_ID = "demo-cohort"


class Course(Struct, frozen=True):
    """One patient of the demo and what ELN 2022 makes of the course."""

    id: str
    story: str
    category: str
    state: str
    events: tuple[dict[str, Any], ...]
    member: str = "active"
    """active, inactive or expired in the Group."""


def demo_courses() -> tuple[Course, ...]:
    """Read the courses of the demo."""
    text = (files("fhir_remission.rehearsal") / "courses.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text)["course"], tuple[Course, ...])


def demo_cohort() -> list[Resource]:
    """Build every resource of the demo, the Group last; an id that comes again is a new version."""
    courses = demo_courses()
    built = [resource for course in courses for resource in course_resources(course)]
    return [*built, _group(courses)]


def course_resources(course: Course) -> Iterator[Resource]:
    """Build the Patient of a course and the evidence, targets before what refers to them."""
    yield _patient(course.id, given=course.id.partition("-")[2])
    made: dict[str, Resource] = {}
    for number, event in enumerate(course.events, start=1):
        for field in event.get("retract", ()):
            yield {**made[f"{field}-{event['day']}"], "status": "entered-in-error"}
        for field, text in event.get("amend", {}).items():
            value = {"status": "amended", "valueQuantity": quantity(text)}
            yield {**made[f"{field}-{event['day']}"], **value}
        for name, resource in _event_resources(course.id, number, event):
            made[name] = resource
            yield resource


def amendment() -> Resource:
    """Give the one result that the demo amends: platelets corrected from 120 to 62."""
    for resource in demo_cohort():
        if resource["id"] == "demo-18-amended-4-platelets":
            value = {**resource["valueQuantity"], "value": 62}
            return {**resource, "status": "corrected", "valueQuantity": value}
    raise LookupError("the demo cohort has lost the result it amends")


def load_ndjson(path: Path) -> list[Resource]:
    """Read one resource per line, to serve instead of the demo."""
    resources: list[Resource] = []
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    resources.append(_resource(line, f"{path}:{number}"))
    except OSError as error:
        raise InputError(f"--load {path}: cannot be read: {error.strerror}") from None
    return resources


def _resource(line: bytes, place: str) -> Resource:
    try:
        resource = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        resource = None
    named = isinstance(resource, dict) and {"resourceType", "id"} <= resource.keys()
    if not named or not all(isinstance(resource[name], str) for name in ("resourceType", "id")):
        raise InputError(f"--load {place}: expected a resource with its type and id on each line")
    return cast(Resource, resource)


def transactions(resources: Iterable[Resource], *, size: int = 400) -> Iterator[Resource]:
    """Pack resources into transaction Bundles of PUT, in order, each id once per Bundle."""
    entries: dict[str, Resource] = {}
    for resource in resources:
        url = f"{resource['resourceType']}/{resource['id']}"
        if url in entries or len(entries) == size:
            yield _transaction(entries)
            entries = {}
        entries[url] = resource
    if entries:
        yield _transaction(entries)


def bulk_cohort(patients: int = 200, observations: int = 50, *, seed: int = 1) -> list[Resource]:
    """Build patients with about as many Observations each as asked, the same for one seed."""
    dice = random.Random(seed)  # noqa: S311 - invented data, not a secret
    built: list[Resource] = []
    for number in range(1, patients + 1):
        course = _random_course(f"bulk-{number:05d}", observations, dice)
        built.extend(course_resources(course))
    return built


def _transaction(entries: dict[str, Resource]) -> Resource:
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": resource, "request": {"method": "PUT", "url": url}}
            for url, resource in entries.items()
        ],
    }


def _patient(name: str, *, given: str) -> Resource:
    return {
        "resourceType": "Patient",
        "id": name,
        "meta": TAG,
        "identifier": [{"system": "https://example.org/synthetic-mrn", "value": name.upper()}],
        "active": True,
        "name": [{"family": "Synthetic", "given": [given.title()]}],
        "birthDate": "1970-01-01",
    }


def _group(courses: tuple[Course, ...]) -> Resource:
    members = []
    for course in courses:
        member: Resource = {"entity": {"reference": f"Patient/{course.id}"}, "inactive": False}
        if course.member == "inactive":
            member["inactive"] = True
        if course.member == "expired":
            member["period"] = {"start": "2026-01-01", "end": "2026-03-01"}
        members.append(member)
    return {
        "resourceType": "Group",
        "id": GROUP_ID,
        "meta": TAG,
        "type": "person",
        "actual": True,
        "name": "Invented AML cohort",
        "member": members,
    }


def _event_resources(
    patient: str, number: int, event: dict[str, Any]
) -> Iterator[tuple[str, Resource]]:
    day = event["day"]
    stem = f"{patient}-{number}"
    if "diagnosis" in event:
        yield "diagnosis", diagnosis(stem, patient, day, event["diagnosis"])
    if "chemotherapy" in event:
        yield from _cycle(stem, patient, day, int(event["chemotherapy"].split()[0]))
    if "transfusion" in event:
        yield "transfusion", transfusion(stem, patient, day, event["transfusion"])
    found = [
        (f"{kind}-{day}", result(f"{stem}-{kind}", patient, day, kind, event[kind]))
        for kind in RESULTS
        if kind in event
    ]
    yield from undated(stem, patient, event, found) if "via" in event else found
    if "emd" in event:
        yield f"emd-{day}", extramedullary(f"{stem}-emd", patient, day, event["emd"])
    if "mrd" in event:
        yield f"mrd-{day}", mrd(f"{stem}-mrd", patient, day, event["mrd"])


def _cycle(stem: str, patient: str, day: str, days: int) -> Iterator[tuple[str, Resource]]:
    first = date.fromisoformat(day)
    for offset in range(days):
        on = (first + timedelta(days=offset)).isoformat()
        yield f"chemotherapy-{on}", chemotherapy(f"{stem}-chemo{offset + 1}", patient, on)


def _random_course(patient: str, observations: int, dice: random.Random) -> Course:
    """One induction, one response marrow, then blood counts until there are enough results."""
    start = date(2026, 1, 5) + timedelta(days=dice.randrange(60))
    response = start + timedelta(days=dice.randrange(26, 34))

    def on(day: date) -> dict[str, Any]:
        return {"day": day.isoformat()}

    events = [
        {**on(start), "diagnosis": "icd", "marrow": f"{dice.randrange(25, 90)} %", "emd": "absent"},
        {**on(start + timedelta(days=2)), "chemotherapy": "1 days"},
        {
            **on(response),
            "marrow": f"{dice.choice([1, 2, 2, 3, 3, 4, 6, 12, 30])} %",
            "cells": "500 {#}",
            "emd": "absent",
        },
    ]
    day, left = response, observations - 5
    while left > 0:
        counts = {
            "anc": f"{dice.randrange(100, 4000, 50)} /uL",
            "platelets": f"{dice.randrange(10, 300)} 10*9/L",
            "smear": "0 %",
        }
        events.append({**on(day), **dict(list(counts.items())[:left])})
        day, left = day + timedelta(days=dice.choice([1, 2, 3])), left - 3
    return Course(patient, "invented by dice", "", "", tuple(events))
