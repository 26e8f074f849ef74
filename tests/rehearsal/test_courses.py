"""The demo cohort is answered as its own stories say."""

from typing import Any

import pytest

from fhir_remission import classify
from fhir_remission.rehearsal.cohort.cohort import Course, amendment, course_resources, demo_courses
from fhir_remission.rehearsal.server.codec import encode

AS_OF = "2026-10-01T00:00:00Z"
JUDGED = [course for course in demo_courses() if course.category]


def answer(resources: list[dict[str, Any]]) -> tuple[str, str]:
    """Judge one patient by ELN 2022: category and state."""
    newest = {(resource["resourceType"], resource["id"]): resource for resource in resources}
    entries = [{"resource": resource} for resource in newest.values()]
    bundle = encode({"resourceType": "Bundle", "type": "collection", "entry": entries})
    (found,) = classify(bundle, as_of=AS_OF, complete=["Condition", "Procedure"])
    return found.category, found.state


@pytest.mark.parametrize("course", JUDGED, ids=lambda course: course.id)
def test_course(course: Course) -> None:
    """ELN 2022 makes of the course what the demo says it does."""
    assert answer(list(course_resources(course))) == (course.category, course.state)


def test_amendment_changes_the_answer() -> None:
    """The corrected platelet count turns CR into CRh."""
    course = next(course for course in JUDGED if course.id == "demo-18-amended")

    changed = answer([*course_resources(course), amendment()])

    assert changed == ("CRh", "in-remission")
