"""What the service offers: its CapabilityStatement, and the OperationDefinition by parameters."""

from __future__ import annotations

from fhir_remission.fhir.r4.datatypes import Json, Resource
from fhir_remission.fhir.r4.terminology import PUBLISHER, Edition

CODE = "classify-remission"
DATE = "2026-11-28"
RECORD = "bundle"
# name: type, how many, what it is; the service reads exactly these.
ARGUMENTS = {
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


def definition_url(edition: Edition) -> str:
    """The canonical name of the operation."""
    return f"{edition.namespace}/OperationDefinition/{CODE}"


def operation_definition(edition: Edition) -> Resource:
    """The operation, by its parameters."""
    record = _parameter(RECORD, "in", "1", "Resource", "All resources of one patient: a Bundle.")
    return {
        "resourceType": "OperationDefinition",
        "id": CODE,
        "url": definition_url(edition),
        "version": edition.version,
        "name": "ClassifyRemission",
        "title": "Classify remission of acute myeloid leukaemia",
        "status": "active",
        "kind": "operation",
        "date": DATE,
        "publisher": PUBLISHER,
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
                for name, (kind, many, text) in ARGUMENTS.items()
            ),
            *(_parameter(name, "out", many, kind, text) for name, many, kind, text in _OUT),
        ],
    }


def _parameter(name: str, use: str, many: str, kind: str, text: str) -> Resource:
    least = 1 if name == "return" else 0
    return {
        "name": name,
        "use": use,
        "min": least,
        "max": many,
        "documentation": text,
        "type": kind,
    }


def capability_statement(edition: Edition, base: str) -> Resource:
    """What can be asked of the service that runs under this address, where it has one."""
    return {
        "resourceType": "CapabilityStatement",
        **_said(edition),
        "kind": "instance",
        "implementation": {
            "description": "fhir-remission serve",
            **({"url": base} if base else {}),
        },
    }


def offered(edition: Edition) -> Resource:
    """What can be asked of the service wherever it runs: the same statement under a name."""
    return {
        "resourceType": "CapabilityStatement",
        "id": PUBLISHER,
        "url": f"{edition.namespace}/CapabilityStatement/{PUBLISHER}",
        "version": edition.version,
        "title": "The service of fhir-remission",
        "experimental": False,
        "description": "What fhir-remission serve answers: one operation, and what it is made of.",
        **_said(edition),
        "kind": "capability",
    }


def _said(edition: Edition) -> Resource:
    operation: Json = {"name": CODE, "definition": definition_url(edition)}
    rest: Resource = {
        "mode": "server",
        "resource": [
            {"type": "OperationDefinition", "interaction": [{"code": "read"}]},
            {"type": "Patient", "operation": [operation]},
        ],
        "operation": [operation],
    }
    return {
        "name": "FhirRemission",
        "status": "active",
        "date": DATE,
        "publisher": PUBLISHER,
        "software": {"name": PUBLISHER, "version": edition.version},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [rest],
    }
