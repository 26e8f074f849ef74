"""Whole pages of `explain`, kept as a haematologist read and approved them.

A change of wording or layout is read again here before it is kept; nothing writes these files.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest

from fhir_remission.jobs.files.explain import Request, run
from fhir_remission.rehearsal.cohort.evidence import (
    diagnosis,
    extramedullary,
    mrd,
    result,
    transfusion,
)
from tests.jobs.test_explain import course, draw, lines_of

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "fixtures" / "pages"
CASES = ROOT / "fixtures" / "cases"
T06 = CASES / "t06-aza-ven-counts-before-the-nadir" / "bundle.json"
RELAPSE = course(
    *draw("2026-03-01", "0.3 10*9/L", "18 10*9/L"),
    transfusion("x", "p1", "2026-03-09", "platelets"),
    *draw("2026-03-10", "0.8 10*9/L", "120 10*9/L"),
    *draw("2026-03-12", "1200 /uL", "62 10*9/L"),
    mrd("r1", "p1", "2026-03-01", "negative"),
    mrd("r2", "p1", "2026-04-20", "positive"),
    result("b1", "p1", "2026-05-01", "smear", "<1 %"),
    extramedullary("e1", "p1", "2026-05-20", "absent"),
    result("m2", "p1", "2026-06-01", "marrow", "40 %"),
    {**result("bad", "p1", "2026-03-13", "anc", "3 10*9/L"), "status": "entered-in-error"},
)

UNDATED = {k: v for k, v in transfusion("u", "p1", "2026-01-01", "red cells").items()
           if k != "performedDateTime"}  # fmt: skip
OPEN = course(
    result("w1", "p1", "2026-03-01", "smear", "0 %"),
    {**result("k1", "p1", "2026-03-01", "anc", "3 10*9/L"),
     "code": {"coding": [{"system": "http://loinc.org", "code": "6690-2"}]}},
    {**result("k2", "p1", "2026-03-01", "anc", "30 %"),
     "code": {"coding": [{"system": "http://loinc.org", "code": "770-8"}]}},
    {**result("q1", "p1", "2026-03-02", "platelets", "150 10*9/L"),
     "effectiveDateTime": "2026-03-02T06:00:00Z"},
    {**result("pre", "p1", "2026-03-04", "platelets", "210 10*9/L"), "status": "preliminary"},
    {k: v for k, v in {**result("word", "p1", "2026-03-04", "anc", "1 10*9/L"),
                       "valueString": "see comment"}.items() if k != "valueQuantity"},
    {**diagnosis("c7", "p1", "2026-01-20", "snomed"), "id": "c7",
     "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "C92.30"}],
              "text": "Myeloid sarcoma"},
     "verificationStatus": {"coding": [{
         "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status",
         "code": "provisional"}]}},
    UNDATED,
)  # fmt: skip
RETURNED = course(
    *draw("2026-03-01", "1.4 10*9/L", "150 10*9/L"),
    mrd("r1", "p1", "2026-03-01", "negative"),
    mrd("r2", "p1", "2026-04-20", "positive"),
    mrd("r3", "p1", "2026-05-20", "positive"),
)
# Each says something that no other page does; the case lies in `fixtures/cases`.
OF_CASES = {
    "complete-remission": "eln-2022",
    "mrd-negative": "eln-2022",
    "partial-recovery-lower-corner": "iwg-2003",
    "platelets-two-days-after-transfusion": "eln-2022",
    "missing-platelets-low-neutrophils": "eln-2022",
    "partial-response-without-baseline": "eln-2022",
    "partial-response-at-the-landmark": "eln-2022",
    "refractory-after-two-inductions": "eln-2017",
    "one-blood-sample-after-remission": "eln-2022",
    "sarcoma-silent-for-three-weeks": "eln-2022",
    "second-remission": "eln-2022",
    "inadequate-marrow-in-remission": "eln-2022",
    "remission-put-in-doubt-by-the-next-marrow": "eln-2022",
    "promyelocytic-leukaemia": "eln-2022",
    "no-marrow-after-therapy": "eln-2022",
}


@pytest.mark.parametrize(
    ("name", "source", "request_"),
    [
        *((case, (CASES / case / "bundle.json").read_bytes(), Request(
            as_of="2026-11-01T00:00:00Z", criteria=(criteria,)))
          for case, criteria in OF_CASES.items()),
        ("crh-not-cr", T06.read_bytes(), Request(as_of="2027-06-01T00:00:00Z")),
        ("relapse", lines_of(RELAPSE), Request(as_of="2026-06-30T00:00:00Z")),
        ("relapse-by-the-lay-set", lines_of(RELAPSE), Request(
            as_of="2026-04-25T00:00:00Z", criteria=("healthtree-2024",))),
        ("undecided", lines_of(OPEN), Request(as_of="2026-03-05T00:00:00Z")),
        ("mrd-relapse", lines_of(RETURNED), Request(as_of="2026-06-30T00:00:00Z")),
    ],
)  # fmt: skip
def test_a_page_is_as_it_was_approved(name: str, source: bytes, request_: Any) -> None:
    """Every line: the answer, the course, the criteria, the evidence, the claims."""
    page = "\n".join(run(io.BytesIO(source), request_).lines)
    approved = (PAGES / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")
    versions = re.compile(r"fhir-remission \S+, tables [0-9a-f]+\.")
    assert versions.sub("fhir-remission V, tables T.", page) == approved
