"""One patient's course as FHIR resources, built event by event."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, NamedTuple

Resource = dict[str, Any]
Value = dict[str, Any]

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
OWN = "https://w3id.org/fhir-remission/CodeSystem/input"
UCUM = "http://unitsofmeasure.org"

MARROW = (LOINC, "11150-0")
CELLS = (LOINC, "38257-2")
ANC = (LOINC, "751-8")
PLATELETS = (LOINC, "777-3")
SMEAR = (LOINC, "709-6")
DIFFERENTIAL = (LOINC, "26446-5")
EXTRAMEDULLARY = (OWN, "extramedullary-disease")
CHEMOTHERAPY = (SNOMED, "367336001")

# Marks a number that is written digit by digit: a float in between would round what is tested.
RAW = "digits:"


class Instant(NamedTuple):
    """A day of the course with a time of day, or none."""

    day: int
    minutes: int | None
    offset: int


class Course:
    """The resources of one patient, collected event by event."""

    def __init__(self, patient: str, rng: random.Random, start: date) -> None:
        self.patient = patient
        self.rng = rng
        self.start = start
        self.resources: list[Resource] = [{"resourceType": "Patient", "id": patient}]
        self.baseline = "60"

    def on(self, day: int) -> str:
        """The date that is `day` days after the start of therapy."""
        return (self.start + timedelta(days=day)).isoformat()

    def at(self, when: Instant) -> str:
        """The instant as FHIR writes it."""
        if when.minutes is None:
            return self.on(when.day)
        zone = UTC if when.offset == 0 else timezone(timedelta(hours=when.offset))
        noon = datetime.combine(self.start + timedelta(days=when.day), datetime.min.time(), zone)
        written = (noon + timedelta(minutes=when.minutes)).isoformat()
        return written.replace("+00:00", "Z")

    def add(self, kind: str, code: tuple[str, str], **fields: Any) -> Resource:
        """Append one resource and return it."""
        resource: Resource = {
            "resourceType": kind,
            "id": f"{self.patient}-{len(self.resources)}",
            "meta": {"versionId": "1"},
            "code": {"coding": [{"system": code[0], "code": code[1]}]},
            "subject": {"reference": f"Patient/{self.patient}"},
            **fields,
        }
        self.resources.append(resource)
        return resource

    def observe(
        self, code: tuple[str, str], when: Instant, value: Value, status: str = "final"
    ) -> None:
        """Append one Observation, now and then with a withdrawn twin or an older version."""
        fields = {"status": status, "effectiveDateTime": self.at(when)}
        made = self.add("Observation", code, **fields, **value)
        if status == "final" and self.rng.random() < 0.02:
            made["status"] = self.rng.choice(["amended", "corrected"])
            older = {**made, "status": "final", "meta": {"versionId": "0"}}
            older = {k: v for k, v in older.items() if not k.startswith("value")}
            self.resources.append(older | quantity("1", "%" if code == MARROW else "10*9/L"))


def quantity(number: str, unit: str, comparator: str = "") -> Value:
    """A valueQuantity; `K/uL` is sent as text, as laboratories do: in UCUM it would be kelvin."""
    body: Value = {"value": f"{RAW}{number}", "unit": unit}
    if comparator:
        body["comparator"] = comparator
    if unit != "K/uL":
        body |= {"system": UCUM, "code": unit}
    return {"valueQuantity": body}


def percent(spec: str, baseline: str = "60") -> list[Value]:
    """The values of one percentage: `4.9`, `<5`, `4-6`, `text:rare`, `3&6`, `half` the baseline."""
    if spec.startswith("text:"):
        return [{"valueString": spec.removeprefix("text:")}]
    if spec.startswith("half"):
        digits = "".join(c for c in baseline.split("-")[0] if c.isdigit() or c == ".")
        exact = float(digits) / 2 + (0.1 if spec == "half+" else 0)
        return [quantity(f"{exact:g}", "%")]
    if "&" in spec:
        return [quantity(one, "%") for one in spec.split("&")]
    if "-" in spec:
        low, high = spec.split("-")
        ends = {"low": quantity(low, "%"), "high": quantity(high, "%")}
        return [{"valueRange": {end: made["valueQuantity"] for end, made in ends.items()}}]
    comparator = "".join(c for c in spec if c in "<>=")
    return [quantity(spec.removeprefix(comparator), "%", comparator)]


def line(resource: Resource) -> str:
    """One resource as a line of NDJSON, its numbers as they were written."""
    return re.sub(f'"{RAW}([^"]*)"', r"\1", json.dumps(resource, separators=(",", ":")))
