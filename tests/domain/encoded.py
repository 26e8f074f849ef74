"""A generated course as the FHIR resources of a hospital, with results corrected later."""

from __future__ import annotations

from random import Random
from typing import Any

from fhir_remission.domain.nouns.inputs import Event, Result
from fhir_remission.rehearsal.cohort.evidence import (
    chemotherapy,
    diagnosis,
    extramedullary,
    mrd,
    result,
    transfusion,
)
from tests.domain.builder import Course, at

Resource = dict[str, Any]
KINDS = {
    "blasts-marrow": ("marrow", "%"),
    "marrow-cells-counted": ("cells", "{#}"),
    "anc": ("anc", "10*9/L"),
    "platelets": ("platelets", "10*9/L"),
    "blasts-blood": ("smear", "%"),
}
TRANSFUSED = {"platelet-transfusion": "platelets", "rbc-transfusion": "red cells"}
OTHER_VALUES = ["0", "1", "2", "4", "12", "40", "90", "150"]


def encoded(course: Course) -> list[Resource]:
    """The first versions of everything of a course that these codes can say."""
    results = [_observation(place, one) for place, one in enumerate(course.results)]
    events = [_happening(place, one) for place, one in enumerate(course.events)]
    patient: Resource = {"resourceType": "Patient", "id": "p1"}
    return [patient, *(one for one in (*results, *events) if one is not None)]


def _observation(place: int, one: Result) -> Resource | None:
    name, day, raw = f"o{place}", str(one.when.first_day), one.original
    written: Resource | None = None
    if one.analyte in KINDS and raw != "?" and raw[0] in "0123456789<>" and "-" not in raw:
        kind, unit = KINDS[one.analyte]
        written = result(name, "p1", day, kind, f"{raw} {unit}")
    elif one.analyte in KINDS:
        kind, unit = KINDS[one.analyte]
        written = {**result(name, "p1", day, kind, f"0 {unit}"), "valueString": "see comment"}
        del written["valueQuantity"]
    elif one.analyte == "extramedullary-disease" and raw in ("negative", "positive"):
        answer = {"negative": "absent", "positive": "present"}[raw]
        written = extramedullary(name, "p1", day, answer)
    elif one.analyte == "mrd" and raw in ("negative", "positive"):
        written = mrd(name, "p1", day, raw)
    if written is None:
        return None
    status = "preliminary" if one.standing == "preliminary" else "final"
    return {**written, "effectiveDateTime": one.when.text, "status": status, **_version(1)}


def _happening(place: int, one: Event) -> Resource | None:
    day = str((one.when or at(1)).first_day)
    if one.kind == "therapy-start":
        return chemotherapy(f"t{place}", "p1", day)
    if one.kind in TRANSFUSED:
        return transfusion(f"x{place}", "p1", day, TRANSFUSED[one.kind])
    if one.kind == "aml-diagnosis" and one.certainty == "confirmed":
        return diagnosis(f"d{place}", "p1", day, "snomed")
    return None


def _version(number: int) -> Resource:
    return {"meta": {"versionId": str(number)}}


def corrected(
    resources: list[Resource], dice: Random
) -> tuple[list[Resource], list[Resource], int]:
    """What stands now, and the same with the versions it replaced; and how many were amended.

    A result was sent with another value and amended, or sent in error and taken back.
    """
    now: list[Resource] = []
    every: list[Resource] = []
    amended = 0
    for one in resources:
        latest = one
        if "valueQuantity" in one and dice.random() < 0.3:
            amended += 1
            wrong = {**one["valueQuantity"], "value": int(dice.choice(OTHER_VALUES))}
            every.append({**one, "valueQuantity": wrong})
            status = dice.choice(["amended", "corrected", "corrected", "entered-in-error"])
            latest = {**one, "status": status, **_version(2)}
        now.append(latest)
        every.append(latest)
    dice.shuffle(every)
    return now, every, amended
