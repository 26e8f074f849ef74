"""One version in two contents: what either is about is in doubt, whichever came last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fhir_remission import classify

BUNDLE = Path(__file__).parents[2] / "fixtures/cases/complete-remission/bundle.json"
AS_OF = "2026-10-01T12:00:00Z"


def of_the_day(code: str, value: float, unit: str) -> dict[str, Any]:
    """A result `x` of the day of the smear, in its first version."""
    bundle = json.loads(BUNDLE.read_text())
    (smear,) = [e["resource"] for e in bundle["entry"] if e["resource"]["id"] == "smear-8"]
    kept = {name: smear[name] for name in ("resourceType", "status", "subject")}
    return {
        **kept,
        "id": "x",
        "meta": {"versionId": "1"},
        "effectiveDateTime": smear["effectiveDateTime"],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "valueQuantity": {
            "value": value,
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        },
    }


BLASTS = of_the_day("709-6", 40, "%")
OTHERS = {
    "of another input": of_the_day("777-3", 150, "10*9/L"),
    "of no input": of_the_day("718-7", 12, "g/dL"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_the_order_in_which_two_contents_come_says_nothing(other: str) -> None:
    """Blasts in the blood under the same version: no remission is proved, in either order."""
    bundle = json.loads(BUNDLE.read_text())
    both = [BLASTS, OTHERS[other]]
    answers = []
    for rows in (both, both[::-1]):
        entries = [*bundle["entry"], *({"resource": row} for row in rows)]
        (answer,) = classify({**bundle, "entry": entries}, as_of=AS_OF)
        answers.append(answer)

    assert answers[0] == answers[1]
    assert answers[0].category == "IND"
