"""Sentences that puzzled a clinician, each with the course in which they stood."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from fhir_remission import classify
from fhir_remission.domain.criteria.kinds import BloodBlastRise
from fhir_remission.effects.files.mapping_files import load_criteria
from fhir_remission.jobs.files.explain import Request, run
from fhir_remission.rehearsal.cohort import evidence

CASES = sorted((Path(__file__).parents[2] / "fixtures" / "cases").glob("*/bundle.json"))


def test_a_reason_that_is_named_is_open() -> None:
    """Where something is still possible, no criterion that has failed for good is the reason."""
    for file in CASES:
        for one in classify(file, criteria="eln-2017", history=True):
            if ", perhaps " in one.next_better:
                assert "(not met" not in one.next_better, (file.parent.name, one.next_better)


def page_lines(*resources: dict[str, Any], as_of: str) -> list[str]:
    """The page of a course, each line without the spaces that make its columns."""
    request = Request(criteria=("eln-2022",), as_of=as_of, complete=frozenset({"Procedure"}))
    bundle = {"resourceType": "Bundle", "type": "collection",
              "entry": [{"resource": one} for one in resources]}  # fmt: skip
    found = run(io.BytesIO(json.dumps(bundle).encode()), request)
    return [" ".join(line.split()) for line in found.lines]


TREATED = (
    {"resourceType": "Patient", "id": "p1", "meta": evidence.TAG},
    evidence.diagnosis("d", "p1", "2026-01-01", "snomed"),
    evidence.result("m0", "p1", "2026-01-02", "marrow", "60 %"),
    evidence.chemotherapy("t", "p1", "2026-01-03"),
    evidence.extramedullary("e", "p1", "2026-02-10", "absent"),
)


def marrow(percent: str, *, platelets: str = "") -> list[dict[str, Any]]:
    """The marrow of day 39 with the counts of its day."""
    found = [
        evidence.result("m1", "p1", "2026-02-10", "marrow", percent),
        evidence.result("n1", "p1", "2026-02-10", "cells", "300 {#}"),
        evidence.result("a1", "p1", "2026-02-10", "anc", "1.5 10*9/L"),
        evidence.result("s1", "p1", "2026-02-10", "smear", "0 %"),
    ]
    if platelets:
        found.append(evidence.result("q1", "p1", "2026-02-10", "platelets", platelets))
    return found


def test_where_nothing_is_proved_no_confidence_is_told() -> None:
    """NE and IND rest on nothing."""
    for course in (TREATED, (*TREATED, *marrow("<10 %"))):
        lines = page_lines(*course, as_of="2026-02-12T00:00:00Z")
        assert not [line for line in lines if line.startswith("Confidence")]
    lines = page_lines(
        *TREATED, *marrow("2 %", platelets="150 10*9/L"), as_of="2026-03-01T00:00:00Z"
    )
    assert [line for line in lines if line.startswith("Confidence")]


def test_the_window_is_open_only_where_a_count_can_change_the_answer() -> None:
    """Not beside a complete remission, and not beside a marrow full of blasts."""
    for percent, platelets, open_end in (
        ("2 %", "60 10*9/L", True), ("2 %", "150 10*9/L", False), ("40 %", "150 10*9/L", False),
    ):  # fmt: skip
        lines = page_lines(
            *TREATED, *marrow(percent, platelets=platelets), as_of="2026-02-12T00:00:00Z"
        )
        assert bool([line for line in lines if line.startswith("Still open")]) is open_end


def test_the_row_of_a_marrow_from_before_therapy_says_so() -> None:
    """That therapy has begun since is said of the patient, not of the diagnostic marrow."""
    lines = page_lines(*TREATED, as_of="2026-02-12T00:00:00Z")
    row = next(line for line in lines if line.startswith("=> NE"))
    assert "the marrow is from before therapy" in row


def test_a_propped_count_is_not_called_absent() -> None:
    """A platelet count of 110 two days after a transfusion is there; what is missing is another."""
    lines = page_lines(
        *TREATED, *marrow("2 %", platelets="110 10*9/L"),
        evidence.transfusion("b", "p1", "2026-02-08", "platelets"), as_of="2026-03-01T00:00:00Z",
    )  # fmt: skip
    assert "that no transfusion of the week before may have raised" in " ".join(lines)


def test_the_leukocytes_are_missing_where_blasts_of_the_blood_are_a_share() -> None:
    """Progress in blood is judged by a count: 3 % is there, the leukocytes are not."""
    rules = [one for one in load_criteria("eln-2017").criterion if isinstance(one, BloodBlastRise)]
    assert {one.missing for one in rules} == {"blood-blast-count"}
