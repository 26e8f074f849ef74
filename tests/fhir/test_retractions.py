"""What a Provenance or a DetectedIssue takes back, by its own words and codes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fhir_remission.fhir.incoming.damage import Damaged
from fhir_remission.fhir.incoming.retractions import Doubted, retractions

DATA_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
TARGET = [{"reference": "Observation/o1"}]


def found(**members: Any) -> list[Doubted | Damaged]:
    """What a Provenance of these members takes back."""
    body = json.dumps({"resourceType": "Provenance", "target": TARGET, **members}).encode()
    return retractions(body, "Provenance", "here")


def activity(code: str, system: str = DATA_OPERATION) -> dict[str, Any]:
    """An activity with one coding."""
    return {"coding": [{"system": system, "code": code}]}


@pytest.mark.parametrize("code", ["DELETE", "NULLIFY", "ABORT", "CANCEL", "OBSOLETE", "HOLD", ""])
def test_an_operation_that_does_not_leave_it_as_it_is(code: str) -> None:
    """Codes that take it back, and those that no row has: either way nobody knows that it holds."""
    (one,) = found(activity=activity(code))

    assert isinstance(one, Doubted)
    assert one.ref == "Observation/o1"


@pytest.mark.parametrize("code", ["CREATE", "UPDATE", "APPEND", "COMPLETE", "create"])
def test_an_operation_that_leaves_it_as_it_is(code: str) -> None:
    """As nearly every Provenance says."""
    assert found(activity=activity(code)) == []


def test_a_house_code_says_nothing() -> None:
    """Converters name the message they converted; words would tell."""
    assert found(activity=activity("ORU^R01", "urn:house")) == []
    assert found(activity={"coding": [{"system": "urn:house", "display": "Wrong patient"}]})


@pytest.mark.parametrize(
    "target", [None, [], [{}], [{"display": "a result"}], "Observation/o1", [["x"]], 7]
)
def test_a_retraction_of_nobody_knows_what_is_damage(target: Any) -> None:
    """It may be of anything that came in, or of anybody."""
    (one,) = found(activity=activity("NULLIFY"), target=target)

    assert isinstance(one, Damaged)
    assert one.hides_evidence
    assert not one.patient


def test_a_retraction_of_something_that_is_not_read() -> None:
    """A letter, an encounter, an impression of ours: no result goes with it."""
    letter = [{"reference": "DocumentReference/d1"}]

    assert found(activity=activity("NULLIFY"), target=letter) == []


def test_a_target_by_its_identifier() -> None:
    """It is called so by whoever bears it."""
    named = {"system": "urn:lab", "value": "7"}
    (one,) = found(activity=activity("NULLIFY"), target=[{"identifier": named}])

    assert isinstance(one, Doubted)
    assert one.ref == "urn:lab|7"
