"""The demo cohort: enough courses, sound FHIR, nothing that could be taken for a person."""

from collections import Counter
from datetime import date
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from fhir_remission.rehearsal import EmbeddedServer
from fhir_remission.rehearsal.cohort.cohort import (
    amendment,
    bulk_cohort,
    demo_cohort,
    demo_courses,
    transactions,
)

COHORT = demo_cohort()
LAST_DAY = date(2026, 10, 1)


def test_courses_a_haematologist_knows() -> None:
    """At least twelve patients, of every category that the demo is to show."""
    categories = {course.category for course in demo_courses()}

    assert len(demo_courses()) >= 14
    assert {"CR", "CRh", "CRi", "MLFS", "PR", "NR", "NE", "RELAPSE"} <= categories


@pytest.mark.parametrize("resource", COHORT, ids=lambda resource: str(resource["id"]))
def test_resources_are_fhir(resource: dict[str, Any]) -> None:
    """Every resource is accepted by the R4B model."""
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def test_everything_is_marked_as_invented() -> None:
    """Each resource carries the tag for test health data, each Patient a made-up name."""
    assert all(resource["meta"]["tag"][0]["code"] == "HTEST" for resource in COHORT)
    patients = [resource for resource in COHORT if resource["resourceType"] == "Patient"]
    assert {patient["name"][0]["family"] for patient in patients} == {"Synthetic"}


def test_courses_lie_in_the_past() -> None:
    """No day of a course is later than the first of October 2026."""
    days = [
        date.fromisoformat(event["day"]) for course in demo_courses() for event in course.events
    ]

    assert max(days) < LAST_DAY


def test_targets_come_before_references() -> None:
    """A server that checks references accepts the resources in their order."""
    with EmbeddedServer(persona="blaze") as server:
        for bundle in transactions(COHORT, size=200):
            for entry in bundle["entry"]:
                resource = entry["resource"]
                reply = server.service.interactions.update(
                    resource["resourceType"], resource["id"], resource
                )
                assert reply.status in {200, 201}


def test_transactions_keep_versions_apart() -> None:
    """The same id never comes twice in one Bundle, and no Bundle is larger than asked."""
    for bundle in transactions(COHORT, size=100):
        urls = [entry["request"]["url"] for entry in bundle["entry"]]
        assert len(urls) == len(set(urls)) <= 100


def test_some_results_have_several_versions() -> None:
    """A retracted and an amended result are in the cohort."""
    counts = Counter((resource["resourceType"], resource["id"]) for resource in COHORT)
    again = [
        resource for resource in COHORT if counts[resource["resourceType"], resource["id"]] > 1
    ]

    assert {resource["status"] for resource in again} == {"final", "entered-in-error", "amended"}


def test_dates_come_by_three_routes() -> None:
    """Some results have no date: it is on their specimen, or on the report that lists them."""
    results = [resource for resource in COHORT if resource["resourceType"] == "Observation"]
    undated = [resource for resource in results if "effectiveDateTime" not in resource]

    assert any("specimen" in resource for resource in undated)
    assert any("specimen" not in resource for resource in undated)


def test_units_vary() -> None:
    """Counts come per microlitre, in 10*9/L, 10*3/uL, and as text without a code."""
    quantities = [resource["valueQuantity"] for resource in COHORT if "valueQuantity" in resource]

    assert {"/uL", "10*9/L", "10*3/uL", "K/uL"} <= {quantity["unit"] for quantity in quantities}
    assert any("code" not in quantity for quantity in quantities)


def test_amendment_is_a_new_version_of_one_result() -> None:
    """The demo corrects one platelet count to 62."""
    changed = amendment()

    assert (changed["status"], changed["valueQuantity"]["value"]) == ("corrected", 62)
    assert changed["id"] in {resource["id"] for resource in COHORT}


def test_group_has_members_to_leave_out() -> None:
    """One member is inactive, one's period has ended."""
    members = COHORT[-1]["member"]

    assert sum(member["inactive"] for member in members) == 1
    assert sum("period" in member for member in members) == 1


def test_bulk_cohort_is_as_large_as_asked_and_repeatable() -> None:
    """Patients by dice: the same seed gives the same bytes."""
    cohort = bulk_cohort(patients=20, observations=50, seed=7)

    counts = Counter(resource["resourceType"] for resource in cohort)
    assert (counts["Patient"], counts["Observation"]) == (20, 1000)
    assert cohort == bulk_cohort(patients=20, observations=50, seed=7)
    assert cohort != bulk_cohort(patients=20, observations=50, seed=8)
