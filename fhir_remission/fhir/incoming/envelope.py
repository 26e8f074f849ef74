"""What resources come in: Bundles, their entries, Parameters; as typed values, nothing decoded yet.

An element that FHIR does not know is skipped elsewhere; here it may be what holds the rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

import msgspec
from msgspec import Raw, Struct

from fhir_remission.fhir.incoming.pages import PageEnds
from fhir_remission.fhir.r4.elements import NOTHING, Meta, is_there
from fhir_remission.fhir.r4.wire import UNREADABLE

WRAPPERS = frozenset({"Bundle", "Parameters"})
"""Types that hold resources of others, to any depth."""


class _Search(Struct):
    mode: str | None = None


class _Request(Struct):
    method: str | None = None
    url: str | None = None


class _Response(Struct, rename="camel"):
    status: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    outcome: Raw = NOTHING


class BundleEntry(Struct, rename="camel"):
    """One entry of a Bundle."""

    full_url: str | None = None
    resource: Raw = NOTHING
    search: _Search | None = None
    request: _Request | None = None
    response: _Response | None = None
    modifier_extension: Raw = NOTHING


class _PlainEntry(BundleEntry, rename="camel", forbid_unknown_fields=True):
    """One without elements that FHIR does not know."""

    id: Raw = NOTHING
    link: Raw = NOTHING
    extension: Raw = NOTHING
    comments: Raw = msgspec.field(name="fhir_comments", default=NOTHING)


class Link(Struct):
    """Where a Bundle goes on, or came from."""

    relation: str | None = None
    url: str | None = None

    @property
    def is_next(self) -> bool:
        """Whether another page follows, or nobody says what this link is."""
        return (self.relation or "next").strip().lower() == "next"


class BundleBody(Struct, rename="camel"):
    """A Bundle whose entries are not decoded yet."""

    resource_type: str | None = None
    id: Raw = NOTHING
    identifier: Raw = NOTHING
    type: str | None = None
    meta: Meta | None = None
    implicit_rules: Raw = NOTHING
    total: int | None = None
    link: list[Link] | None = None
    entry: list[Raw] | None = None
    issues: Raw = NOTHING
    """R5: an OperationOutcome about the whole."""


class _PlainBundle(BundleBody, rename="camel", forbid_unknown_fields=True):
    language: Raw = NOTHING
    timestamp: Raw = NOTHING
    signature: Raw = NOTHING
    text: Raw = NOTHING
    base: Raw = NOTHING
    comments: Raw = msgspec.field(name="fhir_comments", default=NOTHING)


class _Parameter(Struct, rename="camel"):
    resource: Raw = NOTHING
    value_string: Raw = NOTHING
    part: list[Raw] | None = None


class _Parameters(Struct):
    parameter: list[Raw] | None = None


_BUNDLE = msgspec.json.Decoder(BundleBody)
_PLAIN_BUNDLE = msgspec.json.Decoder(_PlainBundle)
_ENTRY = msgspec.json.Decoder(BundleEntry)
_PLAIN_ENTRY = msgspec.json.Decoder(_PlainEntry)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_PARAMETERS = msgspec.json.Decoder(_Parameters)
_PARAMETER = msgspec.json.Decoder(_Parameter)
_DEEPEST = 16


def decode_bundle(body: bytes | Raw) -> tuple[BundleBody, str]:
    """A Bundle, and the element of no known name that may hold rows; errors are msgspec's."""
    try:
        return _PLAIN_BUNDLE.decode(body), ""
    except msgspec.ValidationError:
        return _BUNDLE.decode(body), _strange(body, _PlainBundle, b"[{")


# Every row passes here, and hardly any has an element that is not known.
decode_entry = _PLAIN_ENTRY.decode
decode_plain = _ENTRY.decode
"""One with whatever elements; errors are msgspec's."""


def decode_strange_entry(body: Raw) -> tuple[BundleEntry, str]:
    """An entry with elements of no known name, and that one which holds a resource."""
    return _ENTRY.decode(body), _strange(body, _PlainEntry, b'"resourceType"')


def addresses_in(bundle: BundleBody) -> set[str]:
    """Where the entries of a Bundle say that they stand, whatever their type."""
    found: set[str] = set()
    for body in bundle.entry or []:
        with suppress(*UNREADABLE):
            found.add(decode_plain(body).full_url or "")
    return found - {""}


def decode_parameters(body: bytes | Raw) -> BundleBody | None:
    """The resources of a Parameters as a Bundle; none where it holds none. Errors are msgspec's."""
    held = list(_resources(_PARAMETERS.decode(body).parameter, _DEEPEST))
    entries = [Raw(b'{"resource":' + bytes(one) + b"}") for one in held]
    return BundleBody(resource_type="Bundle", type="collection", entry=entries) if held else None


def _resources(parameters: list[Raw] | None, depth: int) -> Iterator[Raw]:
    if parameters and not depth:
        raise RecursionError
    for one in map(_PARAMETER.decode, parameters or []):
        if is_there(one.resource):
            yield one.resource
        if b"resourceType" in bytes(one.value_string):
            yield one.value_string  # a resource as text: it is no resource, and told as damage
        yield from _resources(one.part, depth - 1)


def _strange(body: bytes | Raw, known: type[Struct], sign: bytes) -> str:
    """The first element of no name that is known and of which a sign says that it holds more."""
    names = {*known.__struct_encode_fields__, "resourceType"}
    for name, value in _MEMBERS.decode(body).items():
        held = bytes(value)
        more = held[:1] in (b"[", b"{") and len(held) > 2 if sign == b"[{" else sign in held
        if name.removeprefix("_") not in names and more:
            return name
    return ""


def next_of(links: list[Link]) -> str:
    """The address of the next page; empty where nothing says so."""
    return next((link.url for link in links if link.is_next and link.url), "")


def has_lost_link(links: list[Link]) -> bool:
    """Whether a page follows that no address leads to."""
    return any(link.is_next and not link.url for link in links)


# How servers count pages or rows in an address; what else stands there may be a number by chance.
_COUNTED = re.compile(
    r"[?&]_?(?:page|pageno|pagenumber|offset|getpagesoffset|skip|start|startindex)=(\d{1,9})(?![^&#])",
    re.IGNORECASE,
)


def ends_later(links: list[Link]) -> bool:
    """Whether nothing says where it goes on, and its last page is another one by its number."""
    named = _by_relation(links)
    here, last = (_COUNTED.findall(named.get(one, "")) for one in ("self", "last"))
    return "next" not in named and any(int(one) > 1 for one in last) and here != last


def ends_of(bundle: BundleBody, place: str, matches: int) -> PageEnds:
    """Where a Bundle stands among the pages of a search.

    STU3 to R5 say `previous`, RFC 8288 and some servers `prev`.
    """
    links = _by_relation(bundle.link or [])
    return PageEnds(
        place=place,
        own=links.get("self", ""),
        next_url=next_of(bundle.link or []),
        previous=_earlier(links),
        total=bundle.total,
        matches=matches,
    )


def _by_relation(links: list[Link]) -> dict[str, str]:
    return {(one.relation or "").strip().lower(): one.url or "" for one in links}


def _earlier(links: Mapping[str, str]) -> str:
    found = [links[name] for name in ("previous", "prev") if name in links]
    return next((url for url in found if url), "(not said)" if found else "")
