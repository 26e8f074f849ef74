"""A Substance that an ingredient refers to, and a List that takes an entry back."""

from __future__ import annotations

import json

import pytest

from tests.fhir.test_sample_words import PROVED, bundle, row
from tests.jobs.test_strange_inputs import said

MARROW = {"reference": "Observation/marrow-d32"}


def listing(mode: str = "changes", status: str = "current", **entry: object) -> bytes:
    """The remission with a List of one entry."""
    held = row("List", mode=mode, entry=[{"item": MARROW, **entry}])
    return bundle(held | {"status": status})


@pytest.mark.parametrize("substance", ["Cytarabin", "Daunorubicin"])
def test_an_ingredient_is_the_substance_that_it_refers_to(substance: str) -> None:
    drug = {"code": {"text": "Infusionslösung 250 ml"}, "resourceType": "Medication", "id": "m"}
    held = {"ingredient": [{"itemReference": {"reference": "Substance/s"}}]}
    given = row("MedicationAdministration", medicationReference={"reference": "Medication/m"})
    given |= {"status": "completed", "effectiveDateTime": "2026-02-01"}
    part = {"resourceType": "Substance", "id": "s", "code": {"text": substance}}
    salt = part | {"code": {"text": "Natriumchlorid"}}
    assert said(bundle(drug | held, given, part)) != PROVED
    assert said(bundle(drug | held, given, salt)) == PROVED
    assert said(bundle(part)) == PROVED


def kit(drug: str) -> list[dict[str, object]]:
    """A Medication of a Substance that is made of others, and of itself."""
    inner = [{"substanceReference": {"reference": f"Substance/{name}"}} for name in ("s", "k")]
    outer = [{"itemReference": {"reference": "Substance/k"}}]
    return [
        {"resourceType": "Medication", "id": "m", "code": {"text": "Kit"}, "ingredient": outer},
        {"resourceType": "Substance", "id": "k", "code": {"text": "Set"}, "ingredient": inner},
        {"resourceType": "Substance", "id": "s", "code": {"text": drug}},
    ]


@pytest.mark.parametrize("inside", [False, True])
def test_what_a_substance_is_made_of_is_given_too(*, inside: bool) -> None:
    """However deep, beside the dose or inside of it, and also where it is made of itself."""

    def dose(drug: str) -> bytes:
        given = row("MedicationAdministration", status="completed")
        given |= {"effectiveDateTime": "2026-02-01"}
        if not inside:
            return bundle(
                given | {"medicationReference": {"reference": "Medication/m"}}, *kit(drug)
            )
        held = json.loads(json.dumps(kit(drug)).replace("Substance/", "#"))
        return bundle(given | {"medicationReference": {"reference": "#m"}, "contained": held})

    assert said(dose("Cytarabin")) != PROVED
    assert said(dose("Natriumchlorid")) == PROVED


def test_what_a_list_says_was_deleted_is_in_doubt() -> None:
    assert said(listing(deleted=True)) != PROVED
    assert said(listing(mode="working", flag={"text": "deleted - wrong patient"})) != PROVED


def test_what_a_list_names_is_none_the_worse_for_it() -> None:
    assert said(listing()) == PROVED
    assert said(listing(deleted=False)) == PROVED
    # A worklist from which something was ticked off.
    assert said(listing(mode="working", deleted=True)) == PROVED
    assert said(listing(mode="working", flag={"text": "reviewed"})) == PROVED
    assert said(listing(status="entered-in-error", deleted=True)) == PROVED
    assert said(listing(deleted=True, item={"reference": "Patient/p1"})) == PROVED
