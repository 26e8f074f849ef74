"""Files and standard input: a Bundle, a resource, or several, one after another or per line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NoReturn

import msgspec
from msgspec import Raw

from fhir_remission.errors import InputError
from fhir_remission.fhir.bundle import (
    Damaged,
    Page,
    as_bundle,
    damaged,
    read_bundle,
    why,
)
from fhir_remission.fhir.concatenated import texts_of
from fhir_remission.fhir.encodings import as_utf8
from fhir_remission.fhir.wire import UNREADABLE, Entry, decode_resource

Item = Entry | Damaged
Line = tuple[int, bytes]

_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"
_JSON = msgspec.json.Decoder(Raw)
_BYTE = re.compile(r" \(byte (\d+)\)$")


def read_documents(chunks: Iterable[bytes], *, name: str) -> Iterator[Item]:
    """Yield what the text holds; whether it is one document or many is seen from its first lines.

    An empty text yields nothing. What is not JSON or not FHIR at all is an InputError that names
    the text and the place; one bad line or entry among good ones is a `Damaged`.
    """
    lines = _lines(as_utf8(chunks, name=name))
    first = next(lines, None)
    if first is None:
        return
    _check_start(first, name)
    second = next(lines, None)
    if second is None:
        yield from _whole([first], name=name)
    elif _stands_alone(first[1], second[1]):
        yield from _many(chain([first, second], lines), name=name)
    else:
        yield from _whole(chain([first, second], lines), name=name)


def _lines(chunks: Iterable[bytes]) -> Iterator[Line]:
    """The lines that hold something, with their numbers; a byte order mark is taken away."""
    for number, line in enumerate(_split(chunks), start=1):
        content = line.removeprefix(_BOM) if number == 1 else line
        if content.strip(_SPACE):
            yield number, content


def _split(chunks: Iterable[bytes]) -> Iterator[bytes]:
    pending: list[bytes] = []
    for chunk in chunks:
        head, *complete = chunk.split(b"\n")
        pending.append(head)
        if complete:
            yield b"".join(pending)
            *complete, last = complete
            yield from complete
            pending = [last]
    yield b"".join(pending)


def _check_start(first: Line, name: str) -> None:
    number, line = first
    start = line.lstrip(_SPACE)
    if start.startswith(b"["):
        raise InputError(f"{name}:{number}: the root is a JSON array; {_GIVE}")
    if not start.startswith(b"{"):
        raise InputError(f"{name}:{number}: not a JSON object; {_GIVE}")


_GIVE = "give a FHIR Bundle, one resource, or one resource per line"


def _stands_alone(first: bytes, second: bytes) -> bool:
    """Whether the first line is a document of its own, be it a broken one."""
    try:
        _JSON.decode(first)
    except UNREADABLE:
        open_end = first.rstrip(_SPACE).endswith((b"[", b"{", b",", b":"))
        return second.startswith(b'{"') and not open_end
    return True


def _whole(lines: Iterable[Line], *, name: str) -> Iterator[Item]:
    body = b"".join(_keeping_place(lines))
    try:
        resource = decode_resource(body)
        bundle = as_bundle(body) if resource == "Bundle" else None
    except UNREADABLE as error:
        texts = list(texts_of(body))
        if len(texts) < 2:
            _refuse(body, error, name)
        yield from _many(texts, name=name)
        return
    if bundle is not None:
        yield from _of_page(read_bundle(bundle, name=name), name=name)
        return
    if isinstance(resource, str):
        raise InputError(f"{name}: the root is of type {resource}, which is not read; {_GIVE}")
    yield Entry(resource=resource, place=name)


def _keeping_place(lines: Iterable[Line]) -> Iterator[bytes]:
    last = 1
    for number, line in lines:
        yield b"\n" * (number - last) + line
        last = number


def _refuse(body: bytes, error: Exception, name: str) -> NoReturn:
    reason = why(error)
    found = _BYTE.search(reason)
    line = body.count(b"\n", 0, int(found[1])) + 1 if found else 0
    place = f"{name}:{line}" if line else name
    raise InputError(f"{place}: not FHIR in JSON: {reason}") from None


def _many(lines: Iterable[Line], *, name: str) -> Iterator[Item]:
    first_damage, readable = None, False
    for number, line in lines:
        place = f"{name}:{number}"
        try:
            resource = decode_resource(line)
            bundle = as_bundle(line) if resource == "Bundle" else None
        except UNREADABLE as error:
            damage = damaged(line, place, error)
            first_damage = first_damage or damage
            yield damage
            continue
        readable = True
        if bundle is not None:
            yield from _of_page(read_bundle(bundle, name=place), name=place)
        elif not isinstance(resource, str):
            yield Entry(resource=resource, place=place)
    if first_damage is not None and not readable:
        raise InputError(
            f"{first_damage.place}: not FHIR in JSON: {first_damage.reason}; nor is another line"
        )


def is_lines(chunks: Iterable[bytes]) -> bool:
    """Whether a text is one resource per line, seen from its first lines; one line is not."""
    lines = _lines(chunks)
    first, second = next(lines, None), next(lines, None)
    return first is not None and second is not None and _stands_alone(first[1], second[1])


def _of_page(page: Page, *, name: str) -> Iterator[Item]:
    yield from page.entries
    yield from page.damage
    yield from damage_of_page(page, name=name)


def damage_of_page(page: Page, *, name: str) -> Iterator[Damaged]:
    """What a Bundle says of itself that means there may be more."""
    if page.next_url:
        yield Damaged(
            place=name,
            reason="one page of several: its next link was not followed",
            kind="incomplete",
        )
    if any(issue.hides for issue in page.outcomes):
        yield Damaged(
            place=name,
            reason="the server says in an OperationOutcome that something may be missing",
            kind="incomplete",
        )
