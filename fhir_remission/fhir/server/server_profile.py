"""What a server says of itself, and the profile we read and write it by.

A CapabilityStatement is a claim, often incomplete; a row of `mappings/servers` is what sites
found. A feature is used only if neither denies it and one of them asserts it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec
from msgspec import Struct

from fhir_remission.domain.nouns.plain_text import plain_code
from fhir_remission.fhir.r4.datatypes import Json, objects, text_of

WRITTEN = ("ClinicalImpression", "Observation", "Provenance")
SUPPORTED_VERSIONS = ("4.0.", "4.3.")


class TypeSupport(Struct, frozen=True):
    """What a server says of one resource type; None where it says nothing."""

    interactions: frozenset[str] | None = None
    search_parameters: frozenset[str] = frozenset()
    update_create: bool | None = None
    conditional_create: bool | None = None
    conditional_update: bool | None = None


class Capability(Struct, frozen=True):
    """The parts of a CapabilityStatement we go by."""

    fhir_version: str
    software: str
    publisher: str
    types: dict[str, TypeSupport]
    transaction: bool | None
    exports: bool = False
    """Whether it names `$export` of FHIR Bulk Data, for everybody or for a Group."""


class Facts(Struct, frozen=True):
    """What is known of a family of servers; the defaults are what every server can do."""

    search_method: Literal["post", "get"] = "post"
    page_size: int = 100
    max_codes: int = 50
    max_patients: int = 1
    max_query_length: int = 1800
    code_parameter: Literal["code", "combo-code"] = "code"
    code_alone: bool = True
    any_system: bool = True
    """A code is asked for without its system, and found under whatever name that was sent."""
    categories: tuple[str, ...] = ()
    needs_patient: bool = True
    patient_form: Literal["bare", "typed"] = "bare"
    id_lists: bool = True
    opaque_ids: bool = False
    """Ids hold more than R4 allows: spaces, commas, letters of any alphabet."""
    delta: Literal["_lastUpdated", "issued", "history", "none"] = "none"
    total_is_exact: bool = True
    expired_codes: tuple[str, ...] = ()
    incomplete_codes: tuple[str, ...] = ()
    forbidden_codes: tuple[str, ...] = ()
    harmless_codes: tuple[str, ...] = ()
    """What this server says with answers that lack nothing, whatever the issue type."""
    tomorrow_codes: tuple[str, ...] = ()
    read_headers: dict[str, str] = {}
    transaction: bool = False
    update_create: bool = False
    conditional_update: bool = False
    conditional_create: bool = False
    if_none_match: bool = False
    writable: tuple[str, ...] = ()
    normalises_content: bool = False


class Profile(Facts, frozen=True):
    """How to talk to one server: its family's facts, its own words and the settings."""

    name: str = "generic"
    fhir_version: str = ""
    searchable: tuple[str, ...] | None = None
    """None: the server does not say."""
    exports: bool = False
    """Whether the server names the operation of FHIR Bulk Data."""
    without: tuple[str, ...] = ()
    """What the site says is never to be had here."""
    observation_elements: tuple[str, ...] = ()
    """What an Observation written to an EHR may hold; empty: not known."""
    observation_takes: dict[str, tuple[str, ...]] = {}
    """Which codes of an element it takes, the one to use first; all where none are listed."""

    @property
    def write_mode(self) -> Literal["put", "conditional-update", "conditional-create", "search"]:
        """Return the safest way to write the same thing twice and have it once."""
        if self.update_create:
            return "put"
        if self.conditional_update:
            return "conditional-update"
        return "conditional-create" if self.conditional_create else "search"

    def can_search(self, resource_type: str) -> bool:
        """Say whether to ask for this type; a server that lists no types is asked."""
        if resource_type in self.without:
            return False
        return self.searchable is None or resource_type in self.searchable

    def can_write(self, resource_type: str) -> bool:
        """Say whether the server takes this type."""
        return resource_type in self.writable


def read_capability(resource: Json) -> Capability | None:
    """Read a CapabilityStatement, tolerating what servers leave out; None for anything else."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "CapabilityStatement":
        return None
    software, version = resource.get("software"), text_of(resource.get("fhirVersion"))
    # Client descriptions come as further `rest` entries (mode client).
    rests = [rest for rest in objects(resource.get("rest")) if rest.get("mode") != "client"]
    system = [_codes(rest.get("interaction")) for rest in rests if "interaction" in rest]
    known = frozenset[str]().union(*system) if system else None
    return Capability(
        fhir_version=plain_code(version) if version else "",
        software=text_of(software.get("name")) if isinstance(software, dict) else "",
        publisher=text_of(resource.get("publisher")),
        types={
            plain_code(text_of(item.get("type"))): _type_support(item)
            for rest in rests
            for item in objects(rest.get("resource"))
        },
        transaction=None if known is None else "transaction" in known,
        exports=any(_exports(held) for rest in rests for held in _with_types(rest)),
    )


def _with_types(rest: dict[str, Json]) -> Iterator[dict[str, Json]]:
    yield rest
    yield from objects(rest.get("resource"))


def _exports(held: dict[str, Json]) -> bool:
    names = (text_of(one.get("name")) for one in objects(held.get("operation")))
    return any("export" in name for name in names)


def _type_support(item: dict[str, Json]) -> TypeSupport:
    # athenahealth lists resources without the key `interaction`.
    parameters = (text_of(p.get("name")) for p in objects(item.get("searchParam")))
    return TypeSupport(
        interactions=_codes(item["interaction"]) if "interaction" in item else None,
        search_parameters=frozenset(parameters),
        update_create=_flag(item.get("updateCreate")),
        conditional_create=_flag(item.get("conditionalCreate")),
        conditional_update=_flag(item.get("conditionalUpdate")),
    )


def _codes(value: Json) -> frozenset[str]:
    return frozenset(text_of(item.get("code")) for item in objects(value))


def _flag(value: Json) -> bool | None:
    return value if isinstance(value, bool) else None


def profile_of(found: Capability, facts: dict[str, object], *, name: str) -> Profile:
    """Combine what a server says with what is known of its family.

    `facts` are typed by `Profile`; msgspec's ValidationError names the one that is not.
    """
    known = msgspec.convert({"name": name} | facts, Profile)
    written = [found.types[kind] for kind in WRITTEN if kind in found.types]

    def allowed(flag: str, told: bool | None) -> bool:  # noqa: FBT001
        fact = facts.get(flag)
        return (told is True or fact is True) and told is not False and fact is not False

    return msgspec.structs.replace(
        known,
        fhir_version=found.fhir_version,
        transaction=allowed("transaction", found.transaction),
        update_create=allowed("update_create", _all(t.update_create for t in written)),
        conditional_update=allowed(
            "conditional_update", _all(t.conditional_update for t in written)
        ),
        conditional_create=allowed(
            "conditional_create", _all(t.conditional_create for t in written)
        ),
        delta=known.delta if "delta" in facts else _delta(found),
        writable=known.writable if "writable" in facts else _writable(found),
        searchable=_searchable(found),
        exports=found.exports,
    )


def _all(flags: Iterable[bool | None]) -> bool | None:
    """All true, any false, or not said."""
    listed = list(flags)
    if False in listed:
        return False
    return True if listed and all(listed) else None


def _delta(found: Capability) -> Literal["_lastUpdated", "issued", "none"]:
    parameters = found.types.get("Observation", TypeSupport()).search_parameters
    if "_lastUpdated" in parameters:
        return "_lastUpdated"
    return "issued" if "issued" in parameters else "none"


def _writable(found: Capability) -> tuple[str, ...]:
    def takes(support: TypeSupport) -> bool:
        # Not saying which interactions exist is not saying that writing is one of them.
        return bool((support.interactions or frozenset()) & {"create", "update"})

    return tuple(sorted(kind for kind, support in found.types.items() if takes(support)))


def _searchable(found: Capability) -> tuple[str, ...] | None:
    if not found.types:
        return None
    return tuple(
        sorted(
            kind
            for kind, support in found.types.items()
            if support.interactions is None or "search-type" in support.interactions
        )
    )
