"""What is said of a mistyped code, word for word."""

from __future__ import annotations

import pytest

from fhir_remission.domain.tables.check_digits import LOINC, SNOMED, mistyped


@pytest.mark.parametrize(
    ("system", "code", "complaint"),
    [
        (LOINC, "WBC", "has not the form of a LOINC code"),
        (LOINC, "777-4", "fails its check digit: 777 would end in -3"),
        (LOINC, "LA6577-7", "fails its check digit: LA6577 would end in -6"),
        (SNOMED, "12345", "has not the form of a SNOMED CT identifier"),
        (SNOMED, "91861008", "fails its check digit"),
        (SNOMED, "751689013",
         "is an identifier of a description or relationship, not of a concept"),
        ("urn:test", "777-4", ""),
    ],
)  # fmt: skip
def test_a_complaint_says_what_is_wrong_with_the_code(
    system: str, code: str, complaint: str
) -> None:
    """The number as it was meant, where that can be told."""
    assert mistyped(system, code) == complaint
