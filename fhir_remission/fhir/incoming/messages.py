"""The header of a message: what must have come with it, and whether it says that it failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


class _Response(Struct):
    code: str | None = None


class _Header(Struct):
    focus: list[Reference] | None = None
    data: list[Reference] | None = None
    """DSTU2."""
    response: _Response | None = None


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
    came = {name for entry in held for name in names_of(entry)} | addresses_in(bundle)
    for header in _headers(bundle):
        for one in (*(header.focus or []), *(header.data or [])):
            literal, name = parse_literal(one.address), name_of(one)
            kind = literal.type if literal is not None else one.type
            if not {name, one.address} & came and (kind is None or kind in _MAY_MATTER):
                reason = f"a message about {name or 'something unnamed'}, which is not in it"
                return [Damaged(place=place, reason=reason, kind="incomplete")]
    return []


def _headers(bundle: BundleBody) -> Iterator[_Header]:
    for body in bundle.entry or []:
        with suppress(*UNREADABLE):
            entry = decode_plain(body)
            if is_there(entry.resource) and decode_resource(entry.resource) == HEADER:
                yield _HEADERS.decode(entry.resource)
