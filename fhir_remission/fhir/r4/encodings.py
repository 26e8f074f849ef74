"""What bytes are, by how they begin: UTF-8, UTF-16, UTF-32 or gzip are read, others are named.

And where one JSON text ends and the next begins.
"""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

from fhir_remission.errors import InputError

# The longest mark first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# JSON begins with an ASCII character, so that where its zero bytes stand tells the encoding.
_UNMARKED: dict[tuple[int, ...], str] = {(1, 0, 0, 0): "utf-32-le", (0, 0, 0, 1): "utf-32-be",
             (1, 0, 1, 0): "utf-16-le", (0, 1, 0, 1): "utf-16-be"}  # fmt: skip
_BOM = codecs.BOM_UTF8
_GZIP = b"\x1f\x8b"
_NAMED = (
    (b"\x28\xb5\x2f\xfd", "zstd", "unpack it, or use `archive`"),
    (b"PK\x03\x04", "zip", "unpack it"),
    (b"BZh", "bzip2", "unpack it"),
    (b"\xfd7zXZ", "xz", "unpack it"),
    *(
        (start, "HTML as of a login or a proxy", "give FHIR in JSON")
        for start in (b"<!DOC", b"<!doc", b"<HTML", b"<html", b"<Html")
    ),
    (b"<", "XML", "give FHIR in JSON"),
    (b"\xef\xbb\xbf<", "XML", "give FHIR in JSON"),
    (b"PAR1", "Parquet", "give FHIR in JSON"),
)
_START = 8
# A small gzip may hold a thousand times its size; what is larger than this is for `archive`.
LARGEST_UNPACKED = 1 << 30
_PIECE = 1 << 20


def as_utf8(chunks: Iterable[bytes], *, name: str) -> Iterator[bytes]:
    """The text as UTF-8, whatever it was; what is no text of JSON is an error that names it."""
    start, chunks = _peeked(chunks)
    if start.startswith(_GZIP):
        start, chunks = _peeked(_unpacked(chunks, name))
    for magic, kind, advice in _NAMED:
        if start.startswith(magic):
            raise InputError(f"{name}: {kind}, which is not read here; {advice}")
    encoding = _encoding_of(start)
    yield from _decoded(chunks, encoding, name) if encoding else chunks


def named(body: bytes) -> str:
    """What an answer of a server is that should be JSON in UTF-8; empty where it begins as such."""
    start = body.lstrip(_SPACE)[:_START]
    encoding = _encoding_of(start)
    if encoding:
        return f"{encoding.upper()[:6]}, and FHIR in JSON is UTF-8"
    kind = next((kind for magic, kind, _ in _NAMED if start.startswith(magic)), "")
    if kind:
        return f"{kind}, and no FHIR in JSON"
    return "UTF-8 behind a byte order mark, which JSON has not" if start[:3] == _BOM else ""


def _peeked(chunks: Iterable[bytes]) -> tuple[bytes, Iterable[bytes]]:
    held: list[bytes] = []
    source = iter(chunks)
    for chunk in source:
        held.append(chunk)
        if sum(map(len, held)) >= _START:
            break
    return b"".join(held)[:_START], chain(held, source)


def _encoding_of(start: bytes) -> str:
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    return _UNMARKED.get(tuple(int(byte != 0) for byte in start[:4]), "")


def _decoded(chunks: Iterable[bytes], encoding: str, name: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise InputError(f"{name}: begins as {encoding} and is not: {error.reason}") from None  # type: ignore[attr-defined]


def _unpacked(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """All members of a gzip, one after the other."""
    inflater, size = zlib.decompressobj(wbits=31), 0
    for chunk in chunks:
        rest = chunk
        while rest:
            if inflater.eof:
                if not rest.strip(b"\0"):
                    break
                inflater = zlib.decompressobj(wbits=31)
            try:
                piece = inflater.decompress(rest, _PIECE)
            except zlib.error:
                raise InputError(f"{name}: gzip that is damaged") from None
            size += len(piece)
            if size > LARGEST_UNPACKED:
                raise InputError(f"{name}: gzip of more than 1 GiB; use `archive`")
            yield piece
            rest = inflater.unconsumed_tail or inflater.unused_data
    if not inflater.eof:
        raise InputError(f"{name}: gzip that ends in the middle")


# Strings whole, because brackets in them count for nothing; one that never ends goes to the end,
# else each quote in it would be tried for another one: hours for a megabyte of `\"`.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.|\\\Z)*+(?:"|\Z)|[{}\[\]]', re.DOTALL)
_SPACE = b" \t\r\n\x1e"


def texts_of(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Each object with the line it begins on; what is no object is a text of its own."""
    start = depth = 0
    line, counted = 1, 0
    for token in _TOKEN.finditer(body):
        mark = token[0]
        if mark in (b"{", b"["):
            depth += 1
        elif mark in (b"}", b"]"):
            depth -= 1
        if depth <= 0 and mark in (b"}", b"]"):
            text = body[start : token.end()]
            begins = start + len(text) - len(text.lstrip(_SPACE))
            line, counted = line + body.count(b"\n", counted, begins), begins
            yield line, text.strip(_SPACE)
            start, depth = token.end(), 0
    rest = body[start:].strip(_SPACE)
    if rest:
        yield line + body.count(b"\n", counted, body.find(rest, start)), rest
