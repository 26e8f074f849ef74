"""FHIR resources as hospitals send them, for invented patients: codes, units and dates vary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Resource = dict[str, Any]

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
UCUM = "http://unitsofmeasure.org"
INPUT = "https://w3id.org/fhir-remission/CodeSystem/input"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"

# https://terminology.hl7.org/CodeSystem-v3-ActReason.html: "test health data".
TAG: Resource = {"tag": [{"system": f"{TERMINOLOGY}/v3-ActReason", "code": "HTEST"}]}

CODES = {
    "marrow": (LOINC, "11150-0", "Blasts/cells in Bone marrow"),
    "cells": (LOINC, "38257-2", "Cells Counted Total [#] in Bone marrow"),
    "anc": (LOINC, "751-8", "Neutrophils [#/volume] in Blood by Automated count"),
    "platelets": (LOINC, "777-3", "Platelets [#/volume] in Blood by Automated count"),
    "smear": (LOINC, "709-6", "Blasts/100 leukocytes in Blood by Manual count"),
    "emd": (INPUT, "extramedullary-disease", "Extramedullary disease"),
    "mrd": (NCIT, "C172578", "Measurable Residual Disease Indicator"),
}
ANSWERS = {
    "absent": (SNOMED, "2667000", "Absent"),
    "present": (SNOMED, "52101004", "Present"),
    "negative": (SNOMED, "260385009", "Negative"),
    "positive": (SNOMED, "10828004", "Positive"),
}
DIAGNOSES = {
    "icd": (ICD, "C92.00", "Acute myeloblastic leukemia, not having achieved remission"),
    "snomed": (SNOMED, "91861009", "Acute myeloid leukemia"),
}
TRANSFUSIONS = {
    "platelets": (SNOMED, "12719002", "Platelet transfusion"),
    "red cells": (SNOMED, "116863004", "Transfusion of red blood cells"),
}
CHEMOTHERAPY = (SNOMED, "367336001", "Chemotherapy")
MARROW_SPECIMEN = (SNOMED, "119359002", "Bone marrow specimen")
BLOOD_SPECIMEN = (SNOMED, "119297000", "Blood specimen")
FLOW = (NCIT, "C16585", "Flow Cytometry")
CBC = (LOINC, "58410-2", "CBC panel - Blood by Automated count")

# Units that laboratories send as text only: as a UCUM code K/uL would mean kelvin.
TEXT_UNITS = frozenset({"K/uL"})


def concept(coding: tuple[str, str, str]) -> Resource:
    """Write a CodeableConcept with one coding."""
    system, code, display = coding
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def quantity(text: str) -> Resource:
    """Write `<5 %` or `1.2 10*9/L` as a Quantity, its number exactly as in the text."""
    number, unit = text.split(maxsplit=1)
    bare = number.lstrip("<>=")
    value: Resource = {"value": float(bare) if "." in bare else int(bare)}
    if bare != number:
        value["comparator"] = number.removesuffix(bare)
    value["unit"] = unit
    if unit not in TEXT_UNITS:
        value |= {"system": UCUM, "code": unit}
    return value


def observation(name: str, patient: str, day: str, kind: str) -> Resource:
    """Write an Observation without its value."""
    category = (f"{TERMINOLOGY}/observation-category", "laboratory", "Laboratory")
    return {
        "resourceType": "Observation",
        "id": name,
        "meta": TAG,
        "status": "final",
        "category": [concept(category)],
        "code": concept(CODES[kind]),
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": f"{day}T08:00:00Z",
    }


def result(name: str, patient: str, day: str, kind: str, text: str) -> Resource:
    """Write a measured result."""
    return {**observation(name, patient, day, kind), "valueQuantity": quantity(text)}


def extramedullary(name: str, patient: str, day: str, answer: str) -> Resource:
    """Write a statement about disease outside the marrow."""
    value = {"valueCodeableConcept": concept(ANSWERS[answer])}
    return {**observation(name, patient, day, "emd"), **value}


def mrd(name: str, patient: str, day: str, answer: str) -> Resource:
    """Write an MRD result of a marrow by flow cytometry, its specimen contained."""
    specimen = {"resourceType": "Specimen", "id": "specimen", "type": concept(MARROW_SPECIMEN)}
    return {
        **observation(name, patient, day, "mrd"),
        "contained": [specimen],
        "valueCodeableConcept": concept(ANSWERS[answer]),
        "method": concept(FLOW),
        "specimen": {"reference": "#specimen"},
    }


def diagnosis(stem: str, patient: str, day: str, coded_in: str) -> Resource:
    """Write a confirmed diagnosis of AML; coded in ICD-10-CM it also claims to be active."""
    verified = (f"{TERMINOLOGY}/condition-ver-status", "confirmed", "Confirmed")
    condition = {
        "resourceType": "Condition",
        "id": f"{stem}-aml",
        "meta": TAG,
        "verificationStatus": concept(verified),
        "code": concept(DIAGNOSES[coded_in]),
        "subject": {"reference": f"Patient/{patient}"},
        "onsetDateTime": day,
    }
    if coded_in == "icd":
        active = (f"{TERMINOLOGY}/condition-clinical", "active", "Active")
        condition["clinicalStatus"] = concept(active)
    return condition


def _procedure(name: str, patient: str, day: str, coding: tuple[str, str, str]) -> Resource:
    return {
        "resourceType": "Procedure",
        "id": name,
        "meta": TAG,
        "status": "completed",
        "code": concept(coding),
        "subject": {"reference": f"Patient/{patient}"},
        "performedDateTime": day,
    }


def chemotherapy(name: str, patient: str, day: str) -> Resource:
    """Write one day of chemotherapy, its intensity not said."""
    return _procedure(name, patient, day, CHEMOTHERAPY)


def transfusion(stem: str, patient: str, day: str, product: str) -> Resource:
    """Write a transfusion."""
    return _procedure(f"{stem}-transfusion", patient, day, TRANSFUSIONS[product])


def undated(
    stem: str, patient: str, event: dict[str, Any], found: list[tuple[str, Resource]]
) -> Iterator[tuple[str, Resource]]:
    """Move the date of results to the specimen or report that they belong to."""
    for _, resource in found:
        del resource["effectiveDateTime"]
    if event["via"] == "specimen":
        specimen = _specimen(f"{stem}-specimen", patient, event)
        yield "specimen", specimen
        for _, resource in found:
            resource["specimen"] = {"reference": f"Specimen/{specimen['id']}"}
    yield from found
    if event["via"] == "report":
        yield "report", _report(f"{stem}-report", patient, event["day"], found)


def _specimen(name: str, patient: str, event: dict[str, Any]) -> Resource:
    return {
        "resourceType": "Specimen",
        "id": name,
        "meta": TAG,
        "status": event.get("specimen", "available"),
        "type": concept(MARROW_SPECIMEN if "marrow" in event else BLOOD_SPECIMEN),
        "subject": {"reference": f"Patient/{patient}"},
        "collection": {"collectedDateTime": f"{event['day']}T07:30:00Z"},
    }


def _report(name: str, patient: str, day: str, found: list[tuple[str, Resource]]) -> Resource:
    return {
        "resourceType": "DiagnosticReport",
        "id": name,
        "meta": TAG,
        "status": "final",
        "code": concept(CBC),
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": f"{day}T07:45:00Z",
        "result": [{"reference": f"Observation/{resource['id']}"} for _, resource in found],
    }
