"""Files and standard input: a Bundle, a resource, or several, one after another or per line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NoReturn

import msgspec
from msgspec import Raw, Struct, field, structs

from fhir_remission.domain.answer.accounting import Account
from fhir_remission.domain.nouns.plain_text import plain
from fhir_remission.domain.tables.issues import Harmless
from fhir_remission.errors import InputError
from fhir_remission.fhir.incoming.bundle import Page, read_wrapper
from fhir_remission.fhir.incoming.damage import Damaged, Deleted, damaged, told_twice, why, within
from fhir_remission.fhir.incoming.entries import NO_TYPE
from fhir_remission.fhir.incoming.envelope import WRAPPERS
from fhir_remission.fhir.incoming.messages import HEADER, failed
from fhir_remission.fhir.incoming.pages import PageEnds
from fhir_remission.fhir.incoming.retractions import RETRACTING, Doubted, retractions, told_once
from fhir_remission.fhir.r4.bounds import GIVE, bounded, check_document
from fhir_remission.fhir.r4.decoding import decode_resource
from fhir_remission.fhir.r4.encodings import as_utf8, texts_of
from fhir_remission.fhir.r4.outcomes import Issue, read_outcome
from fhir_remission.fhir.r4.repeated import repeated_name
from fhir_remission.fhir.r4.type_names import TYPE_NAMES, evidence_within
from fhir_remission.fhir.r4.wire import READ_TYPES, UNREADABLE, Entry, Header, Resource

Item = Entry | Damaged | Deleted | Doubted | PageEnds
Line = tuple[int, bytes]
_TELLING = RETRACTING | {"OperationOutcome", HEADER}
IRRELEVANT = TYPE_NAMES - READ_TYPES.keys() - WRAPPERS - _TELLING
"""Types of which nothing is read."""
BESIDE = IRRELEVANT | _TELLING
"""Types that are no evidence themselves."""

_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"
_JSON = msgspec.json.Decoder(Raw)
_HEADER = msgspec.json.Decoder(Header)
_BYTE = re.compile(r" \(byte (\d+)\)$")


class Told(Struct, frozen=True):
    """What a text is called, which issues hide no rows, and the account of what came in."""

    name: str
    harmless: Harmless = frozenset()
    account: Account = field(default_factory=Account)


def read_documents(
    chunks: Iterable[bytes],
    *,
    name: str,
    harmless: Harmless = frozenset(),
    account: Account | None = None,
) -> Iterator[Item]:
    """Yield what the text holds; whether it is one document or many is seen from its first lines.

    What is read is added to the account, and what is of no interest has its end there.

    An empty text yields nothing. What is not JSON or not FHIR at all is an InputError that names
    the text and the place; one bad line or entry among good ones is a `Damaged`.
    """
    name = plain(name)  # a file may have any bytes for a name, and it stands in lines of JSON
    told = Told(name, harmless, Account() if account is None else account)
    lines = _lines(bounded(as_utf8(chunks, name=name), name=name))
    first = next(lines, None)
    if first is None:
        return
    _check_start(first, name)
    second = next(lines, None)
    if second is None:
        yield from _whole([first], told)
    elif _stands_alone(first[1], second[1]):
        yield from _many(chain([first, second], lines), told)
    else:
        yield from _whole(chain([first, second], lines), told)


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
        raise InputError(f"{name}:{number}: the root is a JSON array; {GIVE}")
    if not start.startswith(b"{"):
        raise InputError(f"{name}:{number}: not a JSON object; {GIVE}")


def _stands_alone(first: bytes, second: bytes) -> bool:
    """Whether the first line is a document of its own, be it a broken one."""
    try:
        _JSON.decode(first)
    except UNREADABLE:
        open_end = first.rstrip(_SPACE).endswith((b"[", b"{", b",", b":"))
        return second.startswith(b'{"') and not open_end
    return True


def _whole(lines: Iterable[Line], told: Told) -> Iterator[Item]:
    body = _together(lines, told.name)
    try:
        resource = decode_resource(body)
        page = read_wrapper(body, name=told.name) if _is_wrapper(resource) else None
    except UNREADABLE as error:
        texts = list(texts_of(body))
        if len(texts) < 2:
            _refuse(body, error, told.name)
        yield from _many(texts, told)
        return
    if page is not None:
        _refuse_empty(page, told.name)
        yield from of_page(page, told)
        return
    if isinstance(resource, str):
        raise InputError(f"{told.name}: the root is of type {resource}, which is not read; {GIVE}")
    told.account.read += 1
    yield _alone(resource, body, told)


def _refuse_empty(page: Page, name: str) -> None:
    """Nothing but entries that are nobody's resource is another format, not a broken Bundle."""
    entries = [one for one in page.damage if one.kind != "incomplete"]
    lost = [one for one in entries if one.kind == "empty" or not one.patient]
    if lost and len(lost) == page.read:
        raise InputError(f"{name}: no entry is read: {lost[0].place}: {lost[0].reason}")


def _together(lines: Iterable[Line], name: str) -> bytes:
    """The text again, each line in its place; piece by piece, as lines may be millions."""
    body, last = bytearray(), 1
    for number, line in lines:
        body += b"\n" * (number - last)
        body += line
        last = number
        check_document(len(body), name=name)
    return bytes(body)


def _refuse(body: bytes, error: Exception, name: str) -> NoReturn:
    reason = why(error)
    found = _BYTE.search(reason)
    line = body.count(b"\n", 0, int(found[1])) + 1 if found else 0
    place = f"{name}:{line}" if line else name
    raise InputError(f"{place}: not FHIR in JSON: {reason}") from None


def _many(lines: Iterable[Line], told: Told) -> Iterator[Item]:
    first_damage, readable = None, False
    for number, line in lines:
        place = f"{told.name}:{number}"
        try:
            items = list(one_line(line, structs.replace(told, name=place)))
        except UNREADABLE as error:
            told.account.read += 1
            damage = damaged(line, place, error)
            first_damage = first_damage or damage
            yield damage
            continue
        readable = True
        yield from items
    if first_damage is not None and not readable:
        raise InputError(
            f"{first_damage.place}: not FHIR in JSON: {first_damage.reason}; nor is another line"
        )


def one_line(line: bytes, told: Told) -> Iterator[Item]:
    """What one line holds; errors are msgspec's."""
    resource = decode_resource(line)
    page = read_wrapper(line, name=told.name) if _is_wrapper(resource) else None
    if page is not None:
        yield from of_page(page, told)
        return
    items: list[Item] = []
    if resource == "OperationOutcome":
        items += _outcome(read_outcome(line), told)
    elif not isinstance(resource, str):
        items.append(_alone(resource, line, told))
    elif evidence_within(line):
        items.append(within(line, told.name))
    elif resource in RETRACTING and (found := retractions(line, resource, told.name)):
        doubted, lost = told_once(found)
        told.account.end("used", not lost)
        items += [*doubted, *lost]
    elif resource in TYPE_NAMES:
        told.account.end("irrelevant")
        items += failed(line, told.name) if resource == HEADER else []
    else:
        items.append(damaged(line, told.name, None, NO_TYPE))
    told.account.read += 1
    yield from items


def kind_of(body: bytes) -> str:
    """The type of a resource; empty where it cannot be read."""
    try:
        return _HEADER.decode(body).resource_type or ""
    except UNREADABLE:
        return ""


def _alone(resource: Resource, body: bytes, told: Told) -> Entry | Damaged:
    """A resource that stands by itself."""
    twice = repeated_name(body)
    return told_twice(body, told.name, twice) if twice else Entry(resource, place=told.name)


def _is_wrapper(resource: Resource | str) -> bool:
    return isinstance(resource, str) and resource in WRAPPERS


def is_lines(chunks: Iterable[bytes]) -> bool:
    """Whether a text is one resource per line, seen from its first lines; one line is not."""
    lines = _lines(chunks)
    first, second = next(lines, None), next(lines, None)
    return first is not None and second is not None and _stands_alone(first[1], second[1])


def of_page(page: Page, told: Told) -> Iterator[Item]:
    """What a Bundle holds, and what it says of itself that means there may be more."""
    told.account.read += page.read
    told.account.end("used", page.used)
    told.account.end("irrelevant", page.irrelevant)
    yield from page.entries
    yield from page.damage
    yield from page.deleted
    yield from page.doubted
    for outcome in page.outcomes:
        yield from _outcome(outcome, told)
    ends = (*page.inner, page.ends) if page.ends is not None else page.inner
    yield from (one for one in ends if one.is_one_of_many)


def _outcome(issues: tuple[Issue, ...], told: Told) -> Iterator[Damaged]:
    """What an OperationOutcome among the resources means for them."""
    hiding = next((one for one in issues if one.hides(told.harmless)), None)
    if hiding is None:
        told.account.end("irrelevant")
        return
    said = "the server says in an OperationOutcome that something may be missing"
    reason = f"{said}: {hiding.loggable}"
    yield Damaged(place=told.name, reason=reason)
