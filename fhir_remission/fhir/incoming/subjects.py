"""Which patient a resource names by itself, as far as that can be told without the others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

from msgspec import Struct

from fhir_remission.domain.tables.systems import plain_name
from fhir_remission.fhir.r4.elements import Reference
from fhir_remission.fhir.r4.references import named, parse_literal
from fhir_remission.fhir.r4.type_names import contained
from fhir_remission.fhir.r4.wire import Device, Medication, Patient, Resource

NOBODY = "nobody"
"""It is about something that is no patient: a device, a place, a substance."""
UNKNOWN = ""
"""It names no patient, or in a way that cannot be resolved."""

# The ids that servers give out go beyond FHIR's 64 characters of A-Z a-z 0-9 - . only a little.
_ID = re.compile(r"[A-Za-z0-9\-._~:]{1,128}")
# What programs write where they have no id.
_NO_ID = frozenset({"null", "undefined", "none", "nil", "nan"})
# What else an Observation, Procedure or Specimen may be of, in R4 and R5; a person of another
# kind, a group or an encounter does not say whose it is.
SUBJECTS = frozenset(
    {
        *("Device", "Location", "Organization", "Procedure", "Practitioner"),
        *("Medication", "Substance", "BiologicallyDerivedProduct", "NutritionProduct"),
    }
)
# A transaction may name a patient by a search (https://hl7.org/fhir/R4/http.html#trules).
_SEARCH = re.compile(r"(?:.*/)?Patient\?identifier=([^&]+)")


class Carried(Struct, frozen=True):
    """The identifiers that the patients at hand carry, as far as they tell people apart."""

    systems: frozenset[str]
    values: frozenset[str]

    def tells_apart(self, name: str) -> bool:
        """Whether an identifier that none of them carries is plainly another person's.

        It is where some of them carry one of its system, and none a value that only its spelling
        tells from it; else it may be any of them.
        """
        system, _, value = name.rpartition("|")
        return plain_name(system) in self.systems and plain_value(value) not in self.values


def carried(names: Iterable[str]) -> Carried:
    """What these identifiers (`system|value`) tell."""
    pairs = [name.rpartition("|") for name in names]
    return Carried(
        systems=frozenset(plain_name(system) for system, _, _ in pairs) - {""},
        values=frozenset(plain_value(value) for _, _, value in pairs),
    )


def plain_value(value: str) -> str:
    """A value without what is often lost on the way: spaces, capitals, leading zeros."""
    return "".join(value.split()).casefold().lstrip("0")


def is_identifier(key: str) -> bool:
    """Whether a key is an identifier, `system|value`."""
    return "|" in key and not key.startswith(("Patient/", "urn:uuid:"))


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
    text = reference.address
    if text.startswith("#"):
        return _within(text, holder) or named(reference.identifier)
    return address_key(text) if text else named(reference.identifier)


def address_key(text: str) -> str:
    """The same of an address: every way to write `Patient/p1` is one key."""
    text = text.strip()
    literal = parse_literal(text)
    if literal is not None:
        if literal.type == "Patient":
            named_so = _ID.fullmatch(literal.id) and literal.id.lower() not in _NO_ID
            return literal.relative if named_so else UNKNOWN
        return NOBODY if literal.type in SUBJECTS else UNKNOWN
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
