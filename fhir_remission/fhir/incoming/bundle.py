"""Bundles read entry by entry: one bad entry is named and left out, the good ones still count."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from fhir_remission.errors import InputError
from fhir_remission.fhir.incoming.damage import Damaged, Deleted, told_twice, why
from fhir_remission.fhir.incoming.entries import Entries
from fhir_remission.fhir.incoming.envelope import (
    BundleBody,
    Link,
    decode_bundle,
    decode_parameters,
    ends_of,
    next_of,
)
from fhir_remission.fhir.incoming.pages import PageEnds
from fhir_remission.fhir.incoming.retractions import Doubted
from fhir_remission.fhir.r4.outcomes import Issue, read_outcome
from fhir_remission.fhir.r4.repeated import may_repeat, repeated_at_root, repeated_name
from fhir_remission.fhir.r4.wire import UNREADABLE, Entry


class Page(Struct, frozen=True):
    """One page of a search: what matched, what else came with it, and where it goes on."""

    entries: tuple[Entry, ...] = ()
    outcomes: tuple[tuple[Issue, ...], ...] = ()
    """The issues of each OperationOutcome among the entries."""
    next_url: str = ""
    total: int | None = None
    damage: tuple[Damaged, ...] = ()
    deleted: tuple[Deleted, ...] = ()
    doubted: tuple[Doubted, ...] = ()
    """What a Provenance or a DetectedIssue among the entries takes back."""
    type: str = ""
    read: int = 0
    """How many entries there were, those of Bundles within it in the place of the Bundles."""
    used: int = 0
    """Entries that take others back."""
    irrelevant: int = 0
    """Entries of types that are not read."""
    ends: PageEnds | None = None
    """Where it stands among the pages of its search; none of what is no Bundle."""
    inner: tuple[PageEnds, ...] = ()
    """The same of the Bundles among its entries."""


class _Links(Struct, rename="camel"):
    resource_type: str | None = None
    link: list[Link] | None = None


_LINKS = msgspec.json.Decoder(_Links)


def read_page(body: bytes, *, name: str = "the answer") -> Page:
    """Read one page of a search; a bad entry is damage, only a bad page is an error."""
    bundle, strange = _decode_bundle(body, name)
    if bundle.resource_type == "OperationOutcome":
        return Page(outcomes=(_outcome_page(body, name),), type="OperationOutcome", read=1)
    if bundle.resource_type != "Bundle":
        raise InputError(f"{name} is a {bundle.resource_type or 'JSON object'}, not a Bundle")
    if not may_repeat(body):
        return read_bundle(bundle, name=name, strange=strange)
    page = read_bundle(bundle, name=name, strange=strange, wary=True)
    return _told_twice(page, name, repeated_at_root(body))


def next_link(body: bytes) -> str:
    """Where a page goes on, found without reading its entries; empty where nothing says so."""
    try:
        page = _LINKS.decode(body)
    except UNREADABLE:
        return ""
    return next_of(page.link or []) if page.resource_type == "Bundle" else ""


def read_bundle(bundle: BundleBody, *, name: str, strange: str = "", wary: bool = False) -> Page:
    """The entries of a decoded Bundle, each decoded on its own; `strange` as in `envelope`.

    `wary`: names that stand twice are looked for.
    """
    found = Entries(wary=wary)
    matches = found.add(bundle, name, strange=strange)
    return Page(
        entries=tuple(found.entries),
        outcomes=tuple(found.outcomes),
        next_url=next_of(bundle.link or []),
        total=bundle.total,
        damage=tuple(found.damage),
        deleted=tuple(found.deleted),
        doubted=tuple(found.doubted),
        type=bundle.type or "",
        read=found.read,
        used=found.used,
        irrelevant=found.irrelevant,
        ends=ends_of(bundle, name, matches),
        inner=tuple(found.inner),
    )


def read_wrapper(body: bytes | Raw, *, name: str) -> Page | None:
    """What a Bundle or Parameters holds; none where it is no such thing. Errors are msgspec's."""
    bundle, strange = decode_bundle(body)
    if bundle.resource_type == "Bundle":
        page = read_bundle(bundle, name=name, strange=strange, wary=True)
        twice = repeated_at_root(body)
    elif bundle.resource_type == "Parameters" and (held := decode_parameters(body)) is not None:
        page, twice = read_bundle(held, name=name, wary=True), repeated_name(body)
    else:
        return None
    return _told_twice(page, name, twice)


def _told_twice(page: Page, name: str, twice: str) -> Page:
    return replace(page, damage=(*page.damage, told_twice(b"", name, twice))) if twice else page


def _decode_bundle(body: bytes, name: str) -> tuple[BundleBody, str]:
    try:
        return decode_bundle(body)
    except UNREADABLE as error:
        raise InputError(f"{name} is not a FHIR Bundle in JSON: {why(error)}") from None


def _outcome_page(body: bytes, name: str) -> tuple[Issue, ...]:
    try:
        return read_outcome(body)
    except UNREADABLE as error:
        raise InputError(f"{name} is not an OperationOutcome in JSON: {why(error)}") from None
