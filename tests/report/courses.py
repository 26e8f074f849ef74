"""Thirty named courses, a long one and a hostile one, as what their pages are made of."""

from __future__ import annotations

import json
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from fhir_remission.jobs.files.explain import judged_of_file
from fhir_remission.jobs.judging.request import Request
from fhir_remission.report import Dossier, dossier_of

CASES = Path(__file__).parents[2] / "fixtures" / "cases"
AS_OF = "2026-12-01T00:00:00Z"
NAMED = (
    *("complete-remission", "counts-of-two-draws", "counts-recover-inside-the-window"),
    *("partial-recovery-lower-corner", "mlfs-is-no-remission", "missing-platelets-low-neutrophils"),
    *(
        "blasts-exactly-five",
        "blasts-less-than-one",
        "blasts-four-to-six",
        "platelets-more-than-fifty",
    ),
    *("blasts-rising-through-two-reinductions", "refractory-after-two-inductions"),
    *("progressive-disease", "relapse-after-incomplete-remission", "third-course"),
    *("second-remission", "years-without-new-results", "preliminary-marrow", "dry-tap"),
    *("marrow-value-missing", "mrd-ten-fold-rise", "mrd-negative-confirmed", "mrd-text-positive"),
    *("mrd-low-level", "t06-aza-ven-counts-before-the-nadir", "t17-sarcoma-silent"),
    *("sarcoma-resolved", "promyelocytic-leukaemia", "platelets-two-days-after-transfusion"),
    *("neutrophils-after-pegfilgrastim",),
)
# What docs/ shows: a remission, a relapse, MRD, an answer that cannot be given, therapy, a tab.
SHOWN = (
    *("counts-recover-inside-the-window", "third-course", "mrd-ten-fold-rise"),
    *("t17-sarcoma-silent", "refractory-after-two-inductions", "promyelocytic-leukaemia"),
)
HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}{% raw %}\u202e"


def dossier(source: str, *, criteria: tuple[str, ...] = ("eln-2022",), line: str = "") -> Dossier:
    """What the page of the one patient of a file is made of."""
    request = Request(criteria=criteria, as_of=AS_OF, complete=frozenset({"Procedure"}))
    found = judged_of_file(source, request)
    (judged,) = (one for one in found.judged if one.record is not None and one.record.results)
    made = dossier_of(judged, found.judge, found.words, source="https://fhir.example/r4", line=line)
    assert made is not None
    return made


@cache
def named(name: str) -> Dossier:
    """One of the named courses."""
    return dossier(str(CASES / name / "bundle.json"))


def resource(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    """A resource of the one patient."""
    return {"resourceType": kind, "id": name, "subject": {"reference": "Patient/long"}, **fields}


def observation(name: str, code: str, day: date, value: float | str, unit: str) -> dict[str, Any]:
    """A final result under a LOINC code."""
    return resource(
        "Observation",
        name,
        status="final",
        code={"coding": [{"system": "http://loinc.org", "code": code}]},
        effectiveDateTime=f"{day}T08:00:00Z",
        valueQuantity={"value": value, "unit": unit, "code": unit},
    )


def long_course(results: int = 200, text: str = "C92.0") -> list[dict[str, Any]]:
    """A diagnosis, seven cycles, marrows, and counts until so many results are there."""
    start = date(2026, 1, 5)
    aml = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "C92.00", "display": text}
    chemo = {"system": "http://snomed.info/sct", "code": "367336001", "display": text}
    found = [
        {"resourceType": "Patient", "id": "long"},
        resource("Condition", "dx", code={"coding": [aml], "text": text}, onsetDateTime=f"{start}"),
    ]
    for cycle in range(4):
        day = start + timedelta(days=2 + 35 * cycle)
        code = {"coding": [chemo], "text": text}
        found.append(
            resource(
                "Procedure", f"c{cycle}", status="completed", code=code, performedDateTime=f"{day}"
            )
        )
    for at in range(results):
        day = start + timedelta(days=at * 200 // results)
        kind = at % 4
        if kind == 0:
            marrow = at % 20 == 0
            code, value = ("11150-0", 60 if at == 0 else 2) if marrow else ("718-7", 10)
            found.append(observation(f"m{at}", code, day, value, "%" if marrow else "g/dL"))
        elif kind == 1:
            found.append(observation(f"p{at}", "777-3", day, 20 + at, "10*9/L"))
        elif kind == 2:
            found.append(observation(f"b{at}", "709-6", day, 0, "%"))
        else:
            found.append(observation(f"a{at}", "751-8", day, round(0.3 + at / 80, 2), "10*9/L"))
    return found


def long_dossier(folder: Path, results: int = 200) -> Dossier:
    """The long course as a dossier."""
    file = folder / "long.ndjson"
    file.write_text("\n".join(json.dumps(one) for one in long_course(results)))
    return dossier(str(file), line="long.ndjson")


def hostile_dossier(folder: Path) -> Dossier:
    """A course in which every text that people write is an attack."""
    resources = long_course(40, HOSTILE)
    for one in resources:
        if one["resourceType"] == "Observation":
            one["code"]["text"] = HOSTILE
            one["note"] = [{"text": HOSTILE}]
    prose = observation("prose", "751-8", date(2026, 3, 1), 1, "10*9/L")
    del prose["valueQuantity"]
    resources.append({**prose, "valueString": HOSTILE})
    file = folder / "hostile.ndjson"
    file.write_text("\n".join(json.dumps(one) for one in resources))
    return dossier(str(file))
