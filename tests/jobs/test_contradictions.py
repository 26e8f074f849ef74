"""A result that contradicts itself: left out with the reason, counted, shown; never evidence."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from fhir_remission import classify
from fhir_remission.domain.nouns.inputs import PatientRecord
from fhir_remission.jobs.files.explain import Request, run
from fhir_remission.jobs.judging.summary import Summary
from fhir_remission.rehearsal.cohort.evidence import (
    BLOOD_SPECIMEN,
    TAG,
    chemotherapy,
    concept,
    diagnosis,
    result,
)

Resource = dict[str, Any]
AS_OF = "2026-06-30T00:00:00Z"
ABSENT = ("http://terminology.hl7.org/CodeSystem/data-absent-reason", "error", "Error")
BLOOD = {"resourceType": "Specimen", "id": "s", "type": concept(BLOOD_SPECIMEN)}


def remission() -> list[Resource]:
    """A complete remission: each contradiction is put into one of its results."""
    day = "2026-03-01"
    return [
        {"resourceType": "Patient", "id": "p1", "meta": TAG},
        diagnosis("d", "p1", "2026-01-01", "snomed"),
        result("m0", "p1", "2026-01-02", "marrow", "60 %"),
        chemotherapy("t", "p1", "2026-01-03"),
        result("m1", "p1", day, "marrow", "2 %"),
        result("c1", "p1", day, "cells", "300 {#}"),
        result("a1", "p1", day, "anc", "1.5 10*9/L"),
        result("p1", "p1", day, "platelets", "150 10*9/L"),
        result("s1", "p1", day, "smear", "0 %"),
    ]


CONTRADICTIONS: dict[str, tuple[str, Resource, str, str]] = {
    "two values": (
        "p1", {"valueString": "40"}, "several values: valueQuantity and valueString", "CRi",
    ),
    "a value and the reason why there is none": (
        "a1", {"dataAbsentReason": concept(ABSENT)},
        "no value: data absent, Error, although a value is there", "CRi",
    ),
    "a unit that is not its code": (
        "p1",
        {"valueQuantity": {"value": 150, "unit": "/uL", "system": "http://unitsofmeasure.org",
                           "code": "10*9/L"}},
        "unit text /uL contradicts unit code 10*9/L", "CRi",
    ),
    "a marrow code on blood": (
        "m1", {"contained": [BLOOD], "specimen": {"reference": "#s"}},
        "its code says marrow and its Specimen says blood", "IND",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CONTRADICTIONS)
def test_a_contradiction_is_left_out_counted_and_shown(kind: str) -> None:
    """It proves neither of the two things it says, and the answer falls back on the rest."""
    name, changes, reason, category = CONTRADICTIONS[kind]
    resources = [{**one, **changes} if _is(one, name) else one for one in remission()]
    (whole,) = classify(remission(), as_of=AS_OF)
    (found,) = classify(resources, as_of=AS_OF)

    assert (whole.category, whole.skipped) == ("CR", ())
    assert [(one.source, one.reason) for one in found.skipped] == [(f"Observation/{name}", reason)]
    assert found.category == category

    text = "\n".join(json.dumps(one) for one in resources).encode()
    page = run(io.BytesIO(text), Request(as_of=AS_OF)).lines
    start = page.index("LEFT OUT, with the reason")
    assert f"Observation/{name}" in page[start + 1]
    assert " ".join(" ".join(page[start + 1 : start + 3]).split()).find(reason[:40]) > 0

    summary = Summary(run_id="r", profile="p")
    summary.read(PatientRecord("Patient/p1", skipped=found.skipped))
    assert summary.told(0)["skipped"] == 1


def _is(one: Resource, name: str) -> bool:
    return bool(one["resourceType"] == "Observation" and one["id"] == name)
