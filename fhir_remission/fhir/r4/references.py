"""References resolved as files give them, by address, then by type and id; what holds others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from msgspec import Struct

from fhir_remission.fhir.r4.composition import Composition
from fhir_remission.fhir.r4.elements import Identifier, Reference
from fhir_remission.fhir.r4.wire import (
    DiagnosticReport,
    Entry,
    Observation,
    Resource,
    Specimen,
)

# `Patient/p1`, `https://host/fhir/Patient/p1/_history/3`; ids are taken as they come.
_LITERAL = re.compile(
    r"(?P<base>.*/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[^/?#]+)(?:/_history/[^/?#]+)?"
)


class Literal(Struct, frozen=True):
    """A reference by type and id, and the address before it."""

    base: str
    type: str
    id: str

    @property
    def relative(self) -> str:
        """The reference without its address."""
        return f"{self.type}/{self.id}"


def parse_literal(text: str) -> Literal | None:
    """Type and id of a literal reference; none for `urn:uuid:` and `#contained`."""
    found = _LITERAL.fullmatch(text)
    if found is None:
        return None
    return Literal(base=found["base"] or "", type=found["type"], id=found["id"])


class Index(Struct, frozen=True, dict=True):
    """The resources at hand, by address and by type and id."""

    by_url: Mapping[str, Entry]
    by_ref: Mapping[str, Entry]
    entries: Sequence[Entry] = ()

    @cached_property
    def by_name(self) -> Mapping[tuple[str, str], Entry | None]:
        """By type and `system|value`, made when first asked for; none where several bear it."""
        found: dict[tuple[str, str], Entry | None] = {}
        for entry in self.entries:
            for name in _names(entry.resource):
                key = entry.resource.type_name, name
                found[key] = entry if found.get(key, entry) is entry else None
        return found

    def find(self, reference: Reference | None) -> Entry | None:
        """The resource a reference points to, if it is here."""
        text = reference.address if reference is not None else ""
        if not text:
            return None
        direct = self.by_url.get(text) or self.by_url.get(text.partition("/_history/")[0])
        if direct is not None:
            return direct
        literal = parse_literal(text)
        return None if literal is None else self.by_ref.get(literal.relative)

    def resource(
        self, reference: Reference | None, inside: Mapping[str, Resource], kind: str = ""
    ) -> Resource | None:
        """The resource a reference points to, contained or at hand; of a kind also by its name."""
        text = reference.address if reference is not None else ""
        if text.startswith("#"):
            return inside.get(text)
        found = self.find(reference) or self.named(reference, kind)
        return None if found is None else found.resource

    def named(self, reference: Reference | None, kind: str) -> Entry | None:
        """The one resource of a kind that bears the identifier by which alone it is named."""
        if not kind or reference is None or reference.address:
            return None
        return self.by_name.get((kind, named(reference.identifier)))


def index_of(entries: Iterable[Entry]) -> Index:
    """Index resources by the addresses they were given with and by type and id."""
    by_url: dict[str, Entry] = {}
    by_ref: dict[str, Entry] = {}
    held = list(entries)
    for entry in held:
        if entry.full_url:
            by_url.setdefault(entry.full_url, entry)
        if entry.resource.id or entry.full_url:
            by_ref.setdefault(entry.ref, entry)
    return Index(by_url=by_url, by_ref=by_ref, entries=held)


def _names(resource: Resource) -> set[str]:
    """The identifiers it bears, of a system; without one a value is anybody's."""
    held = list(resource.identifier or [])
    if isinstance(resource, Specimen) and resource.accession_identifier is not None:
        held.append(resource.accession_identifier)
    return {named(one) for one in held if one.system and one.value}


def named(identifier: Identifier | None) -> str:
    """An identifier as `system|value`; empty where it has no value."""
    if identifier is None or not identifier.value:
        return ""
    return f"{identifier.system or ''}|{identifier.value}"


def name_of(reference: Reference) -> str:
    """The name by which something is referred to: `Observation/o1`, an address, `system|value`."""
    text = reference.address.partition("/_history/")[0]
    literal = parse_literal(text)
    return literal.relative if literal is not None else text or named(reference.identifier)


def names_of(entry: Entry) -> set[str]:
    """Every name by which an entry may be referred to."""
    resource = entry.resource
    names = {entry.ref, entry.full_url, *(named(one) for one in resource.identifier or [])}
    if isinstance(resource, Composition):
        names |= {resource.url or "", *(resource.bundles or [])}
    return names - {""}


_PLAIN = re.compile(r"[A-Za-z0-9\-._]{1,128}")
# Not what ends a path or a part of a key, nor what no terminal and no address takes.
_OPAQUE = re.compile(r"[^/?#|\\\x00-\x1f\x7f-\xa0\u2028\u2029]{1,128}")
NOT_AN_ID = "is not the id of a FHIR resource"


def is_id(text: str, *, opaque: bool = False) -> bool:
    """Whether a text may be an id; `..` is a place in an address."""
    allowed = _OPAQUE if opaque else _PLAIN
    return allowed.fullmatch(text) is not None and text.strip(" .") != ""


def patient_named(reference: Reference | None) -> tuple[str, str]:
    """The address before a reference to a Patient, and the bare id; empty where it names none."""
    literal = parse_literal(reference.address if reference is not None else "")
    if literal is None or literal.type != "Patient":
        return "", ""
    return literal.base, literal.id


# How another Observation may stand to one without being a member of it; the type may be left out.
# https://hl7.org/fhir/STU3/valueset-observation-relationshiptypes.html
_BESIDE = frozenset({"derived-from", "sequel-to", "replaces", "qualified-by", "interfered-by"})


def members_of(resource: Resource) -> list[Reference]:
    """What a report, a document or a panel names, under the element of whichever release."""
    if isinstance(resource, DiagnosticReport):
        shown = [resource.composition] if resource.composition is not None else []
        return [*(resource.result or []), *shown]
    if isinstance(resource, Composition):
        return resource.shown
    if not isinstance(resource, Observation) or not (resource.has_member or resource.related):
        return []
    related = (one for one in resource.related or [] if one.type not in _BESIDE)
    return [*(resource.has_member or []), *(one.target for one in related if one.target)]


def holds_of(resource: Resource) -> list[Reference]:
    """The same, and what stands in the document whose first page it is."""
    inside = resource.inside if isinstance(resource, Composition) else None
    return [*members_of(resource), *(inside or [])]
