"""Whose resource is this line, and can it matter? Answered without decoding it in full.

An archive is mostly results that no criterion reads. They are told by their code alone, so the
full decoding of `wire` is left to the rest. What has no meaning is kept by its name (`outline`): it
may be a later version of something that had one, and a report may name it.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec
from msgspec import Raw, Struct

from fhir_remission.domain.tables.codes import CodeMap
from fhir_remission.fhir.incoming.holders import WITHDRAWN, taken_back
from fhir_remission.fhir.incoming.retractions import Doubted
from fhir_remission.fhir.incoming.subjects import reference_key
from fhir_remission.fhir.r4.decoding import decode_resource
from fhir_remission.fhir.r4.elements import NOTHING, CodeableConcept, Reference, is_there
from fhir_remission.fhir.r4.known_elements import strict
from fhir_remission.fhir.r4.wire import UNREADABLE, Entry, Observation
from fhir_remission.fhir.reading.coding import match_codes

# The key of a patient in what most servers send as a subject; any other form is decoded.
plain_key = re.compile(
    rb'\{ ?"reference": ?"(Patient/[A-Za-z0-9.\-]{1,64})"(?:, ?"display": ?"[^"\\]*")? ?\}'
).fullmatch

# Subjects repeat.
_REMEMBERED = 15_000


class _Version(Struct, gc=False, omit_defaults=True):
    versionId: str | None = None  # noqa: N815 - decoded by this name on the hottest path
    lastUpdated: Raw = NOTHING  # noqa: N815


class Glance(Struct, gc=False, rename="camel", omit_defaults=True):
    """Enough of a resource to send it on."""

    resource_type: str = ""
    id: str | None = None
    meta: _Version | None = None
    status: Raw = NOTHING
    code: Raw = NOTHING
    subject: Raw = NOTHING
    component: Raw = NOTHING


class _Coded(Struct, gc=False):
    code: Raw = NOTHING


_CONCEPT = msgspec.json.Decoder(CodeableConcept | None)
_REFERENCE = msgspec.json.Decoder(Reference | None)
_COMPONENTS = msgspec.json.Decoder(list[_Coded] | None)
_WRITTEN = msgspec.json.Encoder().encode
decode_glance = msgspec.json.Decoder(Glance).decode
_HOLDS_OTHERS = {"hasMember", "related", "contained"}
_SAYS = (
    *("valueString", "valueCodeableConcept", "valueBoolean", "valueAttachment"),
    *("note", "comment", "comments", "extension"),
)
_MAY_SAY = (("text", b"additional"), ("valueQuantity", b"extension"))
"""Elements that say something in words where this stands in them (`r4/free_text.py`)."""
_ELEMENTS = (
    {*strict(Observation).__struct_encode_fields__}
    - {*Glance.__struct_encode_fields__}
    - _HOLDS_OTHERS
)
PlainResult = msgspec.defstruct(
    "PlainResult", [(one, Raw, NOTHING) for one in sorted(_ELEMENTS)], bases=(Glance,), gc=False,
    forbid_unknown_fields=True, module=__name__,
)  # fmt: skip
"""A glance at an Observation of FHIR's elements without others in it: nothing hides there."""
_PLAIN: msgspec.json.Decoder[Glance] = msgspec.json.Decoder(PlainResult)
decode_result = _PLAIN.decode


def as_result(line: bytes, glance: Glance) -> Glance:
    """An Observation that was looked at as something else, looked at as what it is."""
    try:
        return decode_result(line)
    except UNREADABLE:
        return glance


def is_plain(glance: Glance) -> bool:
    """Whether it is an Observation without parts, members or words in which nothing can hide."""
    return (
        type(glance) is PlainResult
        and glance.component is NOTHING
        and all(getattr(glance, name) is NOTHING for name in _SAYS)
        and not any(told in bytes(getattr(glance, name)) for name, told in _MAY_SAY)
    )


def is_later_version(glance: Glance) -> bool:
    """Whether it says that something older of the same resource was there."""
    return glance.meta is not None and glance.meta.versionId not in (None, "1")


_HOLDERS = frozenset({"Observation", "DiagnosticReport", "Composition"})
_REPLACING = (b'"relatesTo"', b"diagnosticReport-replaces")
_WITHDRAWN = tuple(f'"{one}"'.encode() for one in sorted(WITHDRAWN))


def takes_back(glance: Glance, line: bytes) -> list[Doubted]:
    """What a holder takes back, be it of whomever; most say at a glance that they do not."""
    if glance.resource_type not in _HOLDERS or type(glance) is PlainResult:
        return []
    if bytes(glance.status) not in _WITHDRAWN and not any(one in line for one in _REPLACING):
        return []
    try:
        resource = decode_resource(line)
    except UNREADABLE:
        return []
    return [] if isinstance(resource, str) else taken_back(Entry(resource))


def outline(glance: Glance) -> bytes:
    """The resource without its content: it still replaces its older versions, and is there."""
    one = glance  # in the order of its fields: by name it takes twice the time, for every line
    return _WRITTEN(
        Glance(
            one.resource_type, one.id, one.meta, one.status, one.code, one.subject, one.component
        )
    )


def means_something(code: bytes, codes: CodeMap) -> bool:
    """Whether an Observation with this code can be evidence; what cannot be told can."""
    if not code:
        return True
    try:
        return match_codes(_CONCEPT.decode(code), codes).known
    except UNREADABLE:
        return True


def code_names(code: bytes) -> tuple[str, ...]:
    """The codings of a code as `system|code`."""
    try:
        concept = _CONCEPT.decode(code)
    except UNREADABLE:
        return ()
    codings = (concept.coding if concept else None) or []
    return tuple(f"{one.system or ''}|{one.code}" for one in codings if one.code)


def component_codes(glance: Glance) -> list[bytes]:
    """The codes inside; one that cannot be read comes as an empty one, which may mean anything."""
    if glance.component is NOTHING or not is_there(glance.component):
        return []
    try:
        return [bytes(one.code) for one in _COMPONENTS.decode(glance.component) or []]
    except UNREADABLE:
        return [b""]


@lru_cache(maxsize=_REMEMBERED)
def subject_key(subject: bytes) -> str:
    """The patient a subject names, as far as it can be told without the other resources.

    Empty where nothing is named. `Patient/p1` for a literal reference, else what stands there:
    which patient that is shows only when all patients are known. Errors are msgspec's.
    """
    return reference_key(_REFERENCE.decode(subject) if subject else None)
