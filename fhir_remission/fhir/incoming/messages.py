"""The header of a message or notice: what must have come with it, whether it says it failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

import msgspec
from msgspec import Raw, Struct

from fhir_remission.fhir.incoming.damage import Damaged
from fhir_remission.fhir.incoming.envelope import BundleBody, addresses_in, decode_plain
from fhir_remission.fhir.r4.decoding import decode_resource
from fhir_remission.fhir.r4.elements import Reference, is_there
from fhir_remission.fhir.r4.references import name_of, names_of, parse_literal
from fhir_remission.fhir.r4.wire import UNREADABLE, Entry
from fhir_remission.fhir.server.queries import EVIDENCE

HEADER = "MessageHeader"
_MAY_MATTER = {*EVIDENCE, "Composition", "Bundle"}


_STATUS = "SubscriptionStatus"
_FOCI = frozenset({"focus", "additional-context"})


class _Response(Struct):
    code: str | None = None


class _Header(Struct):
    focus: list[Reference] | None = None
    data: list[Reference] | None = None
    """DSTU2."""
    response: _Response | None = None


class _Event(Struct, rename="camel"):
    focus: Reference | None = None
    additional_context: list[Reference] | None = None


class _Status(Struct, rename="camel"):
    notification_event: list[_Event] | None = None


class _Named(Struct, rename="camel"):
    """Of https://hl7.org/fhir/uv/subscriptions-backport: the same as Parameters, in R4."""

    name: str | None = None
    value_reference: Reference | None = None
    part: list[_Named] | None = None


class _Parameters(Struct):
    parameter: list[_Named] | None = None


_NOTICES = msgspec.json.Decoder(_Status)
_PARAMETERS = msgspec.json.Decoder(_Parameters)
_HEADERS = msgspec.json.Decoder(_Header)


def failed(body: bytes | Raw, place: str) -> list[Damaged]:
    """What a header says of a failure; errors are msgspec's.

    Of https://hl7.org/fhir/R4/valueset-response-code.html only `ok` says that there was none.
    """
    response = _HEADERS.decode(body).response
    if response is None or response.code == "ok":
        return []
    reason = f"a message that answers {response.code or 'without a code'}: something may be missing"
    return [Damaged(place=place, reason=reason, kind="incomplete")]


def without_focus(bundle: BundleBody, held: Sequence[Entry], place: str) -> list[Damaged]:
    """What a message is about and did not come with it, where it may be evidence."""
    named = (one for h in _headers(bundle) for one in (*(h.focus or []), *(h.data or [])))
    return missing(named, bundle, held, place)


def missing(
    named: Iterable[Reference], bundle: BundleBody, held: Sequence[Entry], place: str
) -> list[Damaged]:
    """The first of what is named that did not come and may be evidence."""
    came: set[str] = set()
    for one in named:
        came = came or {name for entry in held for name in names_of(entry)} | addresses_in(bundle)
        literal, name = parse_literal(one.address), name_of(one)
        kind = literal.type if literal is not None else one.type
        if not {name, one.address} & came and (kind is None or kind in _MAY_MATTER):
            reason = f"a message about {name or 'something unnamed'}, which is not in it"
            return [Damaged(place=place, reason=reason, kind="incomplete")]
    return []


def noticed(body: bytes | Raw, kind: str) -> list[Reference]:
    """What a notice of a subscription is about; errors are msgspec's."""
    if kind == _STATUS:
        events = _NOTICES.decode(body).notification_event or []
        named = (one for each in events for one in (each.focus, *(each.additional_context or [])))
        return [one for one in named if one is not None]
    if kind != "Parameters" or b"notification-event" not in bytes(body):
        return []
    parameters = _PARAMETERS.decode(body).parameter or []
    parts = (
        one for each in parameters if each.name == "notification-event" for one in each.part or []
    )
    return [one.value_reference for one in parts if one.name in _FOCI and one.value_reference]


def _headers(bundle: BundleBody) -> Iterator[_Header]:
    for body in bundle.entry or []:
        with suppress(*UNREADABLE):
            entry = decode_plain(body)
            if is_there(entry.resource) and decode_resource(entry.resource) == HEADER:
                yield _HEADERS.decode(entry.resource)
