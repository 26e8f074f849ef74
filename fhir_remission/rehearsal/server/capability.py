"""The CapabilityStatement: exactly what the persona can do."""

from __future__ import annotations

from typing import Any

from fhir_remission.rehearsal.server.parameters import Parameter
from fhir_remission.rehearsal.server.personas import Persona

BULK = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/"


def capability_statement(
    persona: Persona, parameters: dict[str, dict[str, Parameter]], *, base_url: str, date: str
) -> dict[str, Any]:
    """Describe the server as its persona does."""
    system = [name for name in ("transaction", "batch") if getattr(persona, name)]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "publisher": persona.publisher or persona.software,
        "kind": "instance",
        "software": {"name": persona.software},
        "implementation": {"description": persona.software, "url": base_url},
        "fhirVersion": persona.fhir_version,
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "resource": [_resource(persona, kind, known) for kind, known in parameters.items()],
                "interaction": [{"code": code} for code in system],
            }
        ],
    }


def _resource(persona: Persona, kind: str, known: dict[str, Parameter]) -> dict[str, Any]:
    writable = not {"*", kind} & set(persona.read_only)
    codes = ["read", "search-type"]
    codes += ["vread"] if persona.vread else []
    codes += ["history-instance", "history-type"] if persona.history else []
    codes += ["create", "update", "delete"] if writable else []
    exports = {"Group": "group-export", "Patient": "patient-export"}.get(kind)
    operation = {"operation": [{"name": "export", "definition": BULK + exports}]} if exports else {}
    return operation | {
        "type": kind,
        "interaction": [{"code": code} for code in codes],
        "versioning": "versioned-update" if persona.vread else "versioned",
        "readHistory": persona.history,
        "updateCreate": writable and persona.update_create,
        "conditionalCreate": writable and persona.conditional_create,
        "conditionalUpdate": writable and persona.conditional_update,
        "conditionalDelete": "not-supported",
        "searchParam": [
            {"name": name, "type": parameter.kind} for name, parameter in known.items()
        ],
    }
