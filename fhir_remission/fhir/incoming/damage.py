"""What of an input could not be read or was deleted, and whose it may have been."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Raw, Struct, structs

from fhir_remission.fhir.incoming.subjects import address_key
from fhir_remission.fhir.r4.elements import Reference, is_there
from fhir_remission.fhir.r4.type_names import TYPE_NAMES, WITHIN
from fhir_remission.fhir.r4.wire import UNREADABLE
from fhir_remission.fhir.server.queries import EVIDENCE

_EVIDENCE = frozenset(
    {
        *(*EVIDENCE, "Composition", "Medication", "Substance"),
        *("Bundle", "Parameters", "OperationOutcome"),
    }
)


UNREAD = "?"
"""Stands for a type that cannot be read."""


class Damaged(Struct, frozen=True):
    """Something that could not be read, or evidence that may be missing, and where."""

    place: str
    reason: str
    kind: Literal["damaged", "empty", "incomplete"] = "damaged"
    """`incomplete` is said of a whole Bundle, the others of an entry; `empty` holds no resource."""
    resource_type: str = ""
    subject: str = ""
    """The reference of the patient it is about, where that much could be read."""
    ref: str = ""
    """What it is called: older versions of it no longer stand. `?/id` where its type is unread."""

    @property
    def hides_evidence(self) -> bool:
        """Whether it may be evidence of somebody; of most types nothing is."""
        return self.resource_type in _EVIDENCE or self.resource_type not in TYPE_NAMES

    @property
    def patient(self) -> str:
        """The patient whose evidence it hides, as `Patient/p1`; empty where nobody can tell."""
        key = address_key(self.subject) if self.subject else ""
        return key if key.startswith("Patient/") else ""


SINCE = "@"
"""Marks a name of what was deleted with a tab and the time and version of that."""


class Deleted(Struct, frozen=True):
    """A deletion: of what, and whether something newer of the same Bundle undid it."""

    ref: str
    place: str
    undone: bool = False
    rank: str = ""
    """When that was, as `versions.rank_text` writes it: a write of another Bundle may be newer."""

    @property
    def names(self) -> tuple[str, ...]:
        """What is gone by it, and since when."""
        since = (f"{SINCE}{self.ref}\t{self.rank}",) if self.rank else ()
        return () if self.undone else (self.ref, *since)


class _Holder(Struct):
    resource: Raw = Raw(b"")


class _Salvage(Struct, rename="camel"):
    resource_type: str | None = None
    id: Raw = Raw(b"")
    subject: Raw = Raw(b"")


_HOLDER = msgspec.json.Decoder(_Holder)
_SALVAGE = msgspec.json.Decoder(_Salvage)
_TEXT = msgspec.json.Decoder(str)
_REFERENCE = msgspec.json.Decoder(Reference)


def damaged(body: bytes | Raw, place: str, error: Exception | None, reason: str = "") -> Damaged:
    """What can still be said of a resource that could not be decoded."""
    try:
        salvage = _SALVAGE.decode(_resource_of(body))
        subject = _REFERENCE.decode(salvage.subject) if is_there(salvage.subject) else Reference()
    except UNREADABLE:
        salvage, subject = _Salvage(), Reference()
    return Damaged(
        place=place,
        reason=reason or why(error),
        resource_type=salvage.resource_type or "",
        subject=subject.address,
        ref=_called(salvage),
    )


def within(body: bytes | Raw, place: str) -> Damaged:
    """A resource of a type that is not read, which contains what may be evidence."""
    return structs.replace(damaged(body, place, None, WITHIN), resource_type="", ref="")


# Where one of these stands twice, nobody knows whose it is or what it is called.
_NAMING = frozenset(
    {"subject", "patient", "reference", "identifier", "id", "resource", "resourceType", "a name"}
)


def told_twice(body: bytes | Raw, place: str, name: str) -> Damaged:
    """A resource in which a name stands twice: what was lost may be anything."""
    lost = damaged(body, place, None, f"{name} stands twice in one object: one of them is lost")
    return structs.replace(lost, resource_type="", subject="", ref="") if name in _NAMING else lost


def why(error: Exception | None) -> str:
    """A decoding error in words that quote nothing of the data."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    # msgspec 0.23 has an error of its own for it.
    return "not UTF-8" if "UTF-8" in str(error) else str(error)


def _called(salvage: _Salvage) -> str:
    try:
        name = _TEXT.decode(salvage.id) if is_there(salvage.id) else ""
    except UNREADABLE:
        name = ""
    kind = salvage.resource_type if salvage.resource_type in TYPE_NAMES else UNREAD
    return f"{kind}/{name}" if name else ""


def _resource_of(body: bytes | Raw) -> bytes | Raw:
    try:
        entry = _HOLDER.decode(body)
    except UNREADABLE:
        return body
    return entry.resource if is_there(entry.resource) else body
