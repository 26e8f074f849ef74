"""A name that stands twice in one JSON object: parsers keep the last, and the first may matter.

JSON does not forbid it (RFC 8259, section 4) and converters from XML do it where an element
repeats, and facades that fill in templates. The same text or number twice loses nothing.
"""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
from msgspec import Raw

from fhir_remission.fhir.r4.wire import UNREADABLE

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ANYTHING = msgspec.json.Decoder()
_WRITTEN = msgspec.json.Encoder()
# Between two members: comma, colon, quotes and spaces; in lines of their own, indentation too.
_CLOSE, _WIDE = 8, 48


def repeated_name(body: bytes | Raw) -> str:
    """A name that stands twice in an object at any depth; empty where each stands once."""
    return _found(body) if may_repeat(body) else ""


def may_repeat(body: bytes | Raw) -> bool:
    """Whether a name may stand twice somewhere: the quick question before the slow one."""
    try:
        # Each name that is lost takes its quotes along. Escapes may make a difference, too.
        written = _WRITTEN.encode(_ANYTHING.decode(body))
    except UNREADABLE:
        return True
    return written.count(b'"') != bytes(body).count(b'"')


def repeated_at_root(body: bytes | Raw) -> str:
    """The same of the outermost object alone, without looking into what it holds."""
    sent, members = bytes(body), _MEMBERS.decode(body)
    space = _WIDE if b"\n" in sent[:_WIDE] else _CLOSE
    seen = sum(len(name) + len(bytes(value)) + space for name, value in members.items())
    return _found(body, outermost=True) if seen + space < len(sent) else ""


class _Repeated(Exception):
    pass


def _same(first: object, second: object) -> bool:
    """Whether nothing is lost where the second takes the place of the first."""
    return type(first) is type(second) and not isinstance(first, (dict, list)) and first == second


def _found(body: bytes | Raw, *, outermost: bool = False) -> str:
    last: list[str] = []

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        kept: dict[str, object] = {}
        last.clear()
        for name, value in pairs:
            if name in kept and not _same(kept[name], value):
                last.append(name)
            kept[name] = value
        if last and not outermost:
            raise _Repeated
        return {}

    try:
        # What is no UTF-8 is told by who reads it, where it is read: here names are compared.
        text = bytes(body).decode(errors="replace")
        # Python refuses to make an int of more than 4 300 digits.
        json.loads(text, object_pairs_hook=members, parse_int=Decimal)
    except _Repeated:
        pass
    except (ValueError, RecursionError):
        return "something"
    # The outermost object is the last to end.
    return last[0] if last and last[0].isidentifier() else "a name" if last else ""
