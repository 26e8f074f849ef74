"""Which patient a resource names by itself, as far as that can be told without the others."""

from __future__ import annotations

import re
from urllib.parse import unquote

from fhir_remission.fhir.r4.elements import Reference
from fhir_remission.fhir.r4.references import named, parse_literal
from fhir_remission.fhir.r4.type_names import TYPE_NAMES, contained
from fhir_remission.fhir.r4.wire import Device, Medication, Patient, Resource

NOBODY = "nobody"
"""It is about something that is no patient: a device, a group, a place."""
UNKNOWN = ""
"""It names no patient, or in a way that cannot be resolved."""

# The ids that servers give out go beyond FHIR's 64 characters of A-Z a-z 0-9 - . only a little.
_ID = re.compile(r"[A-Za-z0-9\-._~:%|]{1,128}")
# A transaction may name a patient by a search (https://hl7.org/fhir/R4/http.html#trules).
_SEARCH = re.compile(r"(?:.*/)?Patient\?identifier=([^&]+)")


def subject_of(resource: Resource) -> Reference | None:
    """The subject; DSTU2 and some converters name it `patient`."""
    if isinstance(resource, Patient | Medication | Device):
        return None
    return resource.subject if resource.subject is not None else resource.patient


def own_key(resource: Resource) -> str:
    """The patient a resource names: `Patient/p1`, an address, or an identifier as `system|value`.

    Addresses and identifiers show only among all patients who they are.
    """
    return reference_key(subject_of(resource), resource)


def reference_key(reference: Reference | None, holder: Resource | None = None) -> str:
    """The same of a reference; `holder` is the resource whose contained Patient it may mean."""
    if reference is None:
        return UNKNOWN
    text = (reference.reference or "").strip()
    if text.startswith("#"):
        return _within(text, holder) or named(reference.identifier)
    return address_key(text) if text else named(reference.identifier)


def address_key(text: str) -> str:
    """The same of an address: every way to write `Patient/p1` is one key."""
    text = text.strip()
    literal = parse_literal(text)
    if literal is not None:
        if literal.type == "Patient":
            return literal.relative if _ID.fullmatch(literal.id) else UNKNOWN
        return NOBODY if literal.type in TYPE_NAMES else UNKNOWN
    asked = _SEARCH.fullmatch(text)
    if asked is not None:
        return unquote(asked[1])
    return text.partition("/_history/")[0] if text.startswith("urn:") else UNKNOWN


def _within(text: str, holder: Resource | None) -> str:
    """The contained Patient by its first identifier; a name alone is nobody in particular."""
    inside = contained(holder.contained) if holder is not None else {}
    found = inside.get(text)
    if not isinstance(found, Patient):
        return UNKNOWN
    return next((name for one in found.identifier or [] if (name := named(one))), UNKNOWN)
