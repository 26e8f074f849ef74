"""What a login says of its refusal: it knows no patient, but it knows what proves us."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from fhir_remission.domain.answer.layout import printable
from fhir_remission.fhir.r4.wire import UNREADABLE

LONGEST_WORDS = 200
REPEATS = "(its words repeat what proves us, and are not shown)"
_TELLING = 8
"""So many characters of a secret in a row are no accident."""
_SHORTEST = 4
"""What is shorter keeps nothing secret, and stands in many a word."""


class _Refusal(Struct, frozen=True):
    error: str = ""
    error_description: str = ""


def oauth_error(body: bytes) -> str:
    """The registered code of a refusal, as `invalid_scope`; empty where there is none."""
    error = _read(body).error
    # Registered error codes are words; anything else might be a text with data in it.
    return error if error.replace("_", "").isalpha() and len(error) < 60 else ""


def words_of(body: bytes, proofs: tuple[str, ...]) -> str:
    """Code and description in one line; neither where they tell a part of what proves us."""
    said = printable(_read(body).error_description)
    code = oauth_error(body)
    if any(_repeats(f"{code} {said}", proof) for proof in proofs):
        return REPEATS
    words = said[:LONGEST_WORDS]
    return " ".join(part for part in (code, f"({words})" if words else "") if part)


def proofs_in(form: Mapping[str, str], headers: Mapping[str, str]) -> tuple[str, ...]:
    """What a token request proves us with, as it is sent and as it is: either may be told."""
    sent = headers.get("Authorization", "").partition(" ")[2]
    pair = base64.b64decode(sent).decode(errors="replace")
    secret = pair.partition(":")[2]
    return (form.get("client_assertion", ""), sent, secret, unquote(secret))


def _read(body: bytes) -> _Refusal:
    try:
        return msgspec.json.decode(body, type=_Refusal)
    except UNREADABLE:
        return _Refusal()


def _repeats(words: str, secret: str) -> bool:
    pieces = (secret[at : at + _TELLING] for at in range(max(1, len(secret) - _TELLING + 1)))
    return len(secret) >= _SHORTEST and any(piece in words for piece in pieces)
