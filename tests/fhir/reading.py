"""Small resources, and what reading them gives."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from fhir_remission.domain.nouns.inputs import Interval, PatientRecord, Result, Unreadable
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.effects.files.mapping_files import load_mappings
from fhir_remission.fhir.incoming.documents import read_documents
from fhir_remission.fhir.incoming.grouping import Groups, group_by_patient
from fhir_remission.fhir.r4.wire import Entry
from fhir_remission.fhir.reading.record import Reading, read_record

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
PATIENT = "Patient/p1"

Json = dict[str, Any]


@cache
def tables() -> Mappings:
    """The shipped tables, read once."""
    return load_mappings()


def concept(system: str, *codes: str) -> Json:
    """A CodeableConcept with codings of one system."""
    return {"coding": [{"system": system, "code": code} for code in codes]}


def quantity(value: object, unit: str = "10*9/L", **more: object) -> Json:
    """A valueQuantity in UCUM."""
    content = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return {"valueQuantity": content | more}


def observation(code: str | Json = "777-3", /, **parts: Any) -> Json:
    """A platelet count of 120, unless said otherwise; None takes an element away."""
    made: Json = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": concept(LOINC, code) if isinstance(code, str) else code,
        "subject": {"reference": PATIENT},
        "effectiveDateTime": "2026-03-01T08:00:00Z",
    }
    quiet = {"valueQuantity", "dataAbsentReason", "component", "hasMember"}
    if not any(name.startswith("value") or name in quiet for name in parts):
        made |= quantity(120)
    return {name: part for name, part in (made | parts).items() if part is not None}


def resource(kind: str, /, **parts: Any) -> Json:
    """A resource of the patient."""
    made = {"resourceType": kind, "id": "r1", "subject": {"reference": PATIENT}}
    return {name: part for name, part in (made | parts).items() if part is not None}


def groups(*resources: Json) -> Groups:
    """The resources, read as lines and grouped."""
    lines = "\n".join(json.dumps(each) for each in resources).encode()
    items = read_documents([lines + b"\n"], name="lines")
    return group_by_patient([item for item in items if isinstance(item, Entry)])


def record(*resources: Json, patient: str = PATIENT, **reading: Any) -> PatientRecord:
    """The record of one patient."""
    person = {"resourceType": "Patient", "id": "p1"}
    grouped = groups(*resources, person)
    return read_record(patient, grouped.patients[patient], tables(), Reading(**reading))


def only(*resources: Json, **reading: Any) -> Result:
    """The one result of the resources."""
    [result] = record(*resources, **reading).results
    return result


def shown(result: Result) -> str:
    """A value as an interval: `[0, 5)`, or why it is none."""
    value = result.value
    if isinstance(value, Unreadable):
        return value.reason
    if isinstance(value, Interval):
        low, high = "(" if value.low_open else "[", ")" if value.high_open else "]"
        return f"{low}{value.low}, {value.high}{high}"
    return value.answer


def reasons(*resources: Json, **reading: Any) -> list[str]:
    """Why something was skipped."""
    return [skip.reason for skip in record(*resources, **reading).skipped]
