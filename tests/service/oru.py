"""ORU^R01 to a Bundle, as docs/engines.md says it: what an engine's transformer has to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

SYSTEMS = {"LN": "http://loinc.org", "SCT": "http://snomed.info/sct"}
LOCAL = "urn:oid:1.2.3.4"
# HL7 table 0085 to Observation.status; what is not in it is no result that stands.
STATUS = {
    **{"F": "final", "U": "final", "C": "corrected", "P": "preliminary", "R": "preliminary"},
    **{"S": "preliminary", "I": "registered", "X": "cancelled", "D": "entered-in-error"},
    "W": "entered-in-error",
}
TEXTS = ("ST", "TX", "FT")


def bundle_of(message: str) -> dict[str, Any]:
    """The resources of one message, in its order."""
    segments = [line.split("|") for line in message.split("\r") if line]
    entries = [{"resource": one} for one in _resources(segments)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def _resources(segments: list[list[str]]) -> Iterator[dict[str, Any]]:
    held = {one[0]: one for one in segments}
    patient = _part(held["PID"], 3, 1)
    order = held["OBR"]
    accession, sample = _field(order, 3), _part(held["SPM"], 2, 1)
    yield {"resourceType": "Patient", "id": patient}
    yield {
        "resourceType": "Specimen",
        "id": sample,
        "type": {"coding": [_coding(held["SPM"], 4)]},
        "subject": {"reference": f"Patient/{patient}"},
    }
    for one in segments:
        if one[0] == "OBX":
            yield {
                "resourceType": "Observation",
                "id": f"{accession}-{_part(one, 3, 1)}",
                "status": STATUS.get(_field(one, 11), "unknown"),
                "code": {"coding": [_coding(one, 3)]},
                "subject": {"reference": f"Patient/{patient}"},
                "specimen": {"reference": f"Specimen/{sample}"},
                "effectiveDateTime": _moment(_field(one, 14) or _field(order, 7)),
                **_value(one),
            }


def _value(one: list[str]) -> dict[str, Any]:
    kind, text = _field(one, 2), _field(one, 5)
    if not text:
        return {}
    if kind in TEXTS:
        return {"valueString": text}
    if kind in ("CE", "CWE"):
        return {"valueCodeableConcept": {"coding": [_coding(one, 5)]}}
    sign, number = text.split("^")[:2] if kind == "SN" else ("", text)
    unit = _part(one, 6, 1)
    found: dict[str, Any] = {"value": float(Decimal(number)), "unit": unit}
    if sign not in ("", "="):
        found["comparator"] = sign
    if _part(one, 6, 3) == "UCUM":
        found |= {"system": "http://unitsofmeasure.org", "code": unit}
    return {"valueQuantity": found}


def _coding(one: list[str], at: int) -> dict[str, str]:
    code, display, system = (_part(one, at, part) for part in (1, 2, 3))
    return {"system": SYSTEMS.get(system, LOCAL), "code": code, "display": display}


def _moment(text: str) -> str:
    found = re.fullmatch(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?([+-]\d\d)(\d\d)", text)
    assert found is not None, "a time without its offset is a time of unknown place"
    year, month, day, hour, minute, second, east, rest = found.groups()
    return f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}{east}:{rest}"


def _field(one: list[str], at: int) -> str:
    return one[at] if at < len(one) else ""


def _part(one: list[str], at: int, part: int) -> str:
    parts = _field(one, at).split("^")
    return parts[part - 1] if part <= len(parts) else ""
