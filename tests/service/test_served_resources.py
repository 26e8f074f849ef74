"""Everything that the service hands out is a resource of FHIR R4, refusals too."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from fhir.resources.R4B import get_fhir_model_class

from tests.validators.served import served


def test_every_answer_is_a_resource(tmp_path: Path) -> None:
    """By the models of fhir.resources, which know no element that R4 has not."""
    found = Counter[str]()
    for resource in served(tmp_path):
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        found[resource["resourceType"]] += 1

    assert set(found) == {
        *("CapabilityStatement", "OperationDefinition", "OperationOutcome", "Parameters"),
    }
    assert found["Parameters"] >= 36
