"""What the service says of itself: CapabilityStatement and OperationDefinition."""

from __future__ import annotations

from typing import Any

from fhir_remission.service.request.arguments import RECORD, VALUES
from fhir_remission.settings import Settings
from fhir_remission.version import VERSION

CODE = "classify-remission"
_TOLD = {
    "criteria": ("code", "*", "A criteria set by name; left out, those of the site."),
    "asOf": ("dateTime", "1", "The moment the answer speaks for; left out, now."),
    "complete": (
        "code",
        "*",
        "A resource type that was read to its end and of which the site records everything: "
        "its silence proves absence.",
    ),
    "record": (
        "code",
        "1",
        "complete: this is all there is of the patient. partial, the default: every answer stands "
        "under the assumption record-partial. Read by id, a record is complete.",
    ),
    "history": ("boolean", "1", "Every assessment, oldest first, not only the current one."),
    "write": (
        "boolean",
        "1",
        "Write the result to the site's sinks as its next run would; by id and POST only, and "
        "only where the site allows it.",
    ),
}
_OUT = (
    ("return", "1", "Bundle", "The results as ClinicalImpression and Observation; stored nowhere."),
    ("assessment", "*", "string", "Each assessment as JSON, as the command line prints it."),
    ("outcome", "1", "OperationOutcome", "A warning: record-incomplete, where part of a record."),
)


def definition_url(settings: Settings) -> str:
    """The canonical name of the operation."""
    return f"{settings.site.base}/OperationDefinition/{CODE}"


def operation_definition(settings: Settings) -> Any:
    """The operation, by its parameters."""
    assert list(_TOLD) == list(VALUES)  # noqa: S101 - two tables of one thing
    record = _parameter(RECORD, "in", "1", "Resource", "All resources of one patient: a Bundle.")
    return {
        "resourceType": "OperationDefinition",
        "id": CODE,
        "url": definition_url(settings),
        "version": VERSION,
        "name": "ClassifyRemission",
        "title": "Classify remission of acute myeloid leukaemia",
        "status": "active",
        "kind": "operation",
        "date": "2026-11-28",
        "publisher": "fhir-remission",
        "description": (
            "Works out the response category by published criteria, with its evidence. Decision "
            "support, not a diagnosis. A message with one result is not a patient: ask for the "
            "patient by id, or send the whole record."
        ),
        "affectsState": False,
        "code": CODE,
        "resource": ["Patient"],
        "system": True,
        "type": False,
        "instance": True,
        "parameter": [
            record,
            *(
                _parameter(name, "in", many, kind, text)
                for name, (kind, many, text) in _TOLD.items()
            ),
            *(_parameter(name, "out", many, kind, text) for name, many, kind, text in _OUT),
        ],
    }


def _parameter(name: str, use: str, many: str, kind: str, text: str) -> Any:
    least = 1 if name == "return" else 0
    return {
        "name": name,
        "use": use,
        "min": least,
        "max": many,
        "documentation": text,
        "type": kind,
    }


def capability_statement(settings: Settings, base: str) -> Any:
    """What can be asked of the service."""
    operation = {"name": CODE, "definition": definition_url(settings)}
    rest: dict[str, Any] = {
        "mode": "server",
        "resource": [
            {"type": "OperationDefinition", "interaction": [{"code": "read"}]},
            {"type": "Patient", "operation": [operation]},
        ],
        "operation": [operation],
    }
    return {
        "resourceType": "CapabilityStatement",
        "name": "FhirRemission",
        "status": "active",
        "date": "2026-11-28",
        "publisher": "fhir-remission",
        "kind": "instance",
        "software": {"name": "fhir-remission", "version": VERSION},
        "implementation": {
            "description": "fhir-remission serve",
            **({"url": base} if base else {}),
        },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [rest],
    }
