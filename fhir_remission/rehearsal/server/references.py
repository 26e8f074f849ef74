"""References inside resources, rewritten the way a server rewrites them on write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhir_remission.rehearsal.server.parameters import split_reference
from fhir_remission.rehearsal.server.personas import Persona
from fhir_remission.rehearsal.server.replies import Refused
from fhir_remission.rehearsal.server.store import Key

Change = Callable[[str], str]


def rewrite(value: Any, change: Change) -> Any:  # noqa: ANN401 - any JSON value
    """Copy a JSON value with every `reference` changed."""
    if isinstance(value, list):
        return [rewrite(item, change) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        field: change(item)
        if field == "reference" and isinstance(item, str)
        else rewrite(item, change)
        for field, item in value.items()
    }


def leaves_as_sent(persona: Persona) -> bool:
    """Whether a persona neither checks nor changes references."""
    return (
        persona.versioned_references
        and persona.external_references
        and not persona.missing_target_status
    )


def policy(persona: Persona, *, base_url: str, exists: Callable[[Key], bool]) -> Change:
    """Build the change that a persona makes to each reference, or its refusal."""

    def change(text: str) -> str:
        if text.startswith(("#", "urn:")) or "?" in text:
            return text
        base, kind, name = split_reference(text)
        local = base in {"", base_url}
        if not local and not persona.external_references:
            raise Refused(400, "invalid", "references to other servers are not allowed")
        if local and persona.missing_target_status and not exists((kind, name)):
            status = persona.missing_target_status
            raise Refused(status, "not-found", f"the reference to {kind}/{name} has no target")
        return text if persona.versioned_references else text.partition("/_history/")[0]

    return change
