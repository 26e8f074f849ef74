"""Provenance and Device: which versions, which software, and never twice."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_remission.domain.nouns.assessment import Verdict
from fhir_remission.domain.nouns.inputs import Event, Source
from fhir_remission.fhir.writing.authorship import Change, build_device
from fhir_remission.fhir.writing.identity import key_check
from fhir_remission.fhir.writing.impression import build_impression
from fhir_remission.fhir.writing.provenance import build_provenance
from fhir_remission.fhir.writing.result_observation import build_observation
from tests.fhir.samples import IDENTITY, authorship, complete_remission, criterion, relapse


def provenance(assessment: Any = None, change: Any = None, **settings: Any) -> dict[str, Any]:
    """Of both resources of one assessment."""
    sample, by = assessment or complete_remission(), authorship(**settings)
    targets = [build_impression(sample, by, change=change), build_observation(sample, by)]
    return build_provenance(targets, by, assessment=sample, change=change)


def test_it_names_each_version_that_was_used() -> None:
    """As sources, each once."""
    assert [(e["role"], e["what"]["reference"]) for e in provenance()["entity"]] == [
        ("source", "Condition/c1/_history/1"),
        ("source", "Observation/m1/_history/1"),
        ("source", "Observation/o1/_history/2"),
        ("source", "Observation/o2/_history/1"),
    ]


def test_a_row_of_the_cohort_list_is_named_not_referenced() -> None:
    """No server has a resource for it."""
    said = Event("aml-diagnosis", None, Source("cohort.csv:12", "", "", ""))
    held = provenance(complete_remission(criteria_results=(criterion("aml", Verdict.MET, said),)))
    assert held["entity"] == [{"role": "source", "what": {"display": "cohort.csv:12"}}]


def test_the_software_assembled_it_and_a_signer_verified_it() -> None:
    """The Device stands here and nowhere else."""
    device = build_device(authorship())
    assert [a["who"]["reference"] for a in provenance()["agent"]] == [f"Device/{device['id']}"]
    signed = provenance(signer="Practitioner/dr")["agent"]
    assert [a["type"]["coding"][0]["code"] for a in signed] == ["assembler", "verifier"]


def test_the_same_evidence_gives_the_same_id() -> None:
    """A retried transaction writes no second Provenance."""
    assert provenance()["id"] == provenance(computed_at="2027-01-01T00:00:00Z")["id"]


def test_other_evidence_and_other_changes_give_other_ids() -> None:
    """The history of a result is one Provenance per step."""
    ids = {
        provenance()["id"],
        provenance(complete_remission(category="CRi", code="CRi"))["id"],
        provenance(relapse())["id"],
        provenance(change=Change("category-changed", "CRi", "CR"))["id"],
        provenance(change=Change("evidence-withdrawn", "CR"))["id"],
    }
    assert len(ids) == 5


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        (None, "CREATE"),
        ("evidence-changed", "UPDATE"),
        ("category-changed", "UPDATE"),
        ("reinstated", "UPDATE"),
        ("evidence-withdrawn", "NULLIFY"),
        ("anchor-moved", "NULLIFY"),
    ],
)
def test_its_activity_says_what_happened(kind: Any, operation: str) -> None:
    """By the codes of the value set."""
    held = provenance(change=Change(kind, "CRi", "CR") if kind else None)
    assert held["activity"]["coding"][0]["code"] == operation


def test_logical_references_keep_the_version_in_words() -> None:
    """A logical reference has no place for a version."""
    held = provenance(references="logical", source_base="https://e")
    assert held["entity"][2]["what"]["display"] == "Observation/o1/_history/2"


def test_the_device_carries_the_check_value_of_the_key() -> None:
    """A lost key is noticed before anything is written under another."""
    device = build_device(authorship())
    assert device["identifier"][1]["value"] == f"{IDENTITY.site_id}:{key_check(IDENTITY.key)}"
    assert IDENTITY.key.decode() not in str(device)


def test_each_software_version_is_another_device() -> None:
    """What computed a result does not change when the software is updated."""
    later = build_device(authorship(software_version="0.2.0"))
    assert later["id"] != build_device(authorship())["id"]
