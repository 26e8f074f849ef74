"""Bundles read entry by entry: one bad entry is named and left out, the good ones still count."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Raw, Struct

from fhir_remission.domain.plain_text import plain_code
from fhir_remission.errors import InputError
from fhir_remission.fhir.elements import CodeableConcept, Coding, Reference, is_there
from fhir_remission.fhir.wire import UNREADABLE, Entry, decode_resource

# An outcome among the matches that means "there may be more" (FHIR issue types; what servers send
# in the place of a resource they dropped or a page they cut).
_HIDING = frozenset(
    {
        "incomplete",
        "processing",
        "suppressed",
        "not-found",
        "too-costly",
        "throttled",
        "security",
    }
)
_SERIOUS = frozenset({"warning", "error", "fatal"})


class Damaged(Struct, frozen=True):
    """Something that could not be read, or evidence that may be missing, and where."""

    place: str
    reason: str
    kind: Literal["damaged", "incomplete"] = "damaged"
    resource_type: str = ""
    subject: str = ""
    """The reference of the patient it is about, where that much could be read."""


class Issue(Struct, frozen=True):
    """One issue of an OperationOutcome: codes only, because texts may name patients."""

    severity: str
    code: str
    details: tuple[str, ...] = ()

    @property
    def hides(self) -> bool:
        """Whether this issue means that something may be missing from the answer."""
        return self.severity in _SERIOUS and self.code in _HIDING


class Page(Struct, frozen=True):
    """One page of a search: what matched, what else came with it, and where it goes on."""

    entries: tuple[Entry, ...] = ()
    outcomes: tuple[Issue, ...] = ()
    next_url: str = ""
    total: int | None = None
    damage: tuple[Damaged, ...] = ()
    type: str = ""

    @property
    def incomplete(self) -> bool:
        """Whether something that belongs on this page may be missing from it."""
        return bool(self.damage) or any(issue.hides for issue in self.outcomes)


class _Search(Struct):
    mode: str | None = None


class _BundleEntry(Struct, rename="camel"):
    full_url: str | None = None
    resource: Raw = Raw(b"")
    search: _Search | None = None


class _Link(Struct):
    relation: str | None = None
    url: str | None = None


class _Bundle(Struct, rename="camel"):
    resource_type: str | None = None
    type: str | None = None
    total: int | None = None
    link: list[_Link] | None = None
    entry: list[Raw] | None = None


class _Links(Struct, rename="camel"):
    resource_type: str | None = None
    link: list[_Link] | None = None


class _Issue(Struct):
    severity: str | None = None
    code: str | None = None
    details: CodeableConcept | None = None


class _Outcome(Struct, rename="camel"):
    resource_type: str | None = None
    issue: list[_Issue] | None = None


class _Salvage(Struct, rename="camel"):
    resource_type: str | None = None
    subject: Raw = Raw(b"")


_BUNDLE = msgspec.json.Decoder(_Bundle)
_LINKS = msgspec.json.Decoder(_Links)
_ENTRY = msgspec.json.Decoder(_BundleEntry)
_OUTCOME = msgspec.json.Decoder(_Outcome)
_SALVAGE = msgspec.json.Decoder(_Salvage)
_REFERENCE = msgspec.json.Decoder(Reference)


def read_page(body: bytes, *, name: str = "the answer") -> Page:
    """Read one page of a search; a bad entry is damage, only a bad page is an error."""
    bundle = _decode_bundle(body, name)
    if bundle.resource_type == "OperationOutcome":
        return Page(outcomes=_outcome_page(body, name), type="OperationOutcome")
    if bundle.resource_type != "Bundle":
        raise InputError(f"{name} is a {bundle.resource_type or 'JSON object'}, not a Bundle")
    return read_bundle(bundle, name=name)


def next_link(body: bytes) -> str:
    """Where a page goes on, found without reading its entries; empty where nothing says so."""
    try:
        page = _LINKS.decode(body)
    except UNREADABLE:
        return ""
    return _next(page.link or []) if page.resource_type == "Bundle" else ""


def read_bundle(bundle: _Bundle, *, name: str) -> Page:
    """The entries of a decoded Bundle, each decoded on its own."""
    entries: list[Entry] = []
    outcomes: list[Issue] = []
    damage: list[Damaged] = []
    for index, body in enumerate(bundle.entry or []):
        place = f"{name} entry {index}"
        try:
            _read_entry(body, place, entries, outcomes)
        except UNREADABLE as error:
            damage.append(damaged(body, place, error))
    return Page(
        entries=tuple(entries),
        outcomes=tuple(outcomes),
        next_url=_next(bundle.link or []),
        total=bundle.total,
        damage=tuple(damage),
        type=bundle.type or "",
    )


def as_bundle(body: bytes) -> _Bundle | None:
    """The Bundle of a document, or none where it is another resource; errors are msgspec's."""
    bundle = _BUNDLE.decode(body)
    return bundle if bundle.resource_type == "Bundle" else None


def damaged(body: bytes | Raw, place: str, error: Exception) -> Damaged:
    """What can still be said of a resource that could not be decoded."""
    try:
        salvage = _SALVAGE.decode(_resource_of(body))
        subject = _REFERENCE.decode(salvage.subject) if is_there(salvage.subject) else Reference()
    except UNREADABLE:
        salvage, subject = _Salvage(), Reference()
    return Damaged(
        place=place,
        reason=why(error),
        resource_type=salvage.resource_type or "",
        subject=subject.reference or "",
    )


def why(error: Exception) -> str:
    """A decoding error in words that quote nothing of the data."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8: {error.reason}"
    return str(error)


def _decode_bundle(body: bytes, name: str) -> _Bundle:
    try:
        return _BUNDLE.decode(body)
    except UNREADABLE as error:
        raise InputError(f"{name} is not a FHIR Bundle in JSON: {why(error)}") from None


def _outcome_page(body: bytes, name: str) -> tuple[Issue, ...]:
    try:
        return _outcomes(body)
    except UNREADABLE as error:
        raise InputError(f"{name} is not an OperationOutcome in JSON: {why(error)}") from None


def _read_entry(body: Raw, place: str, entries: list[Entry], outcomes: list[Issue]) -> None:
    entry = _ENTRY.decode(body)
    if not is_there(entry.resource):
        return
    resource = decode_resource(entry.resource)
    if resource == "OperationOutcome":
        outcomes.extend(_outcomes(entry.resource))
    elif not isinstance(resource, str) and (entry.search is None or entry.search.mode != "outcome"):
        entries.append(Entry(resource=resource, full_url=entry.full_url or "", place=place))


def _resource_of(body: bytes | Raw) -> bytes | Raw:
    try:
        entry = _ENTRY.decode(body)
    except UNREADABLE:
        return body
    return entry.resource if is_there(entry.resource) else body


def _next(links: list[_Link]) -> str:
    return next((link.url for link in links if link.relation == "next" and link.url), "")


def _outcomes(body: bytes | Raw) -> tuple[Issue, ...]:
    return tuple(
        Issue(
            severity=issue.severity or "",
            code=plain_code(issue.code) if issue.code else "",
            details=_codes(issue.details.coding if issue.details else None),
        )
        for issue in _OUTCOME.decode(body).issue or []
    )


def _codes(codings: list[Coding] | None) -> tuple[str, ...]:
    return tuple(plain_code(coding.code) for coding in codings or [] if coding.code)
