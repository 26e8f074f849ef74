"""Files as they lie in an archive: plain, gzip or zstd, read as lines of bounded length."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

from msgspec import Struct

from fhir_remission.errors import RemissionError

BLOCK = 1 << 20
# A resource is kilobytes; beyond this a line is damage, and memory must not follow it.
LONGEST_LINE = 64 << 20
# Small, because one block of zstd may hold a thousand times its size.
_PACKED_BLOCK = 1 << 15
_WINDOW = 128 << 20
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class Torn(Struct, frozen=True):
    """Where the bytes of a file stop making sense, and why."""

    offset: int
    reason: str


class _Inflater(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    @property
    def decompress(self) -> Callable[[bytes], bytes]: ...


def packing_of(path: Path) -> str:
    """How a file is packed, by its first bytes: gzip, zstd or nothing."""
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(_GZIP):
        return "gzip"
    return "zstd" if start == _ZSTD else ""


def unpacked(path: Path, packing: str) -> Iterator[bytes | Torn]:
    """The content of a file in pieces; a tear is the last thing that comes."""
    with path.open("rb") as file:
        if not packing:
            yield from iter(lambda: file.read(BLOCK), b"")
        else:
            yield from _members(file, packing)


def _members(file: BinaryIO, packing: str) -> Iterator[bytes | Torn]:
    """One member or frame after the other, as `cat a.gz b.gz` makes them."""
    rest = file.read(_PACKED_BLOCK)
    while rest.strip(b"\x00"):
        start = file.tell() - len(rest)
        inflater = _inflater(packing)
        while not inflater.eof:
            try:
                data = inflater.decompress(rest)
            except RemissionError:  # a signal, in the middle of it
                raise
            except Exception as error:  # zlib.error and ZstdError have no other parent
                yield Torn(start, f"{packing} is damaged: {_plain(error)}")
                return
            if data:
                yield data
            if not inflater.eof:
                start = file.tell()
                rest = file.read(_PACKED_BLOCK)
                if not rest:
                    yield Torn(start, f"{packing} ends in the middle of a member")
                    return
        rest = inflater.unused_data or file.read(_PACKED_BLOCK)


def _inflater(packing: str) -> _Inflater:
    if packing == "gzip":
        return zlib.decompressobj(wbits=31)
    import zstandard  # only where such a file comes

    return zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()


def _plain(error: Exception) -> str:
    return str(error).partition(":")[0].strip()[:80] or type(error).__name__


def first_line_from(file: BinaryIO, low: int, high: int) -> int:
    """Where the first line begins that begins in [low, high); `high` or more if none does."""
    if not low:
        return 0
    file.seek(low - 1)
    at = low - 1
    while at < high:
        piece = file.readline(BLOCK)
        at += len(piece)
        if not piece or piece.endswith(b"\n"):
            break
    return at


def lines_from(file: BinaryIO, low: int) -> Iterator[bytes]:
    """The lines from `low`, where one begins, to the end of the file.

    A line longer than one may be comes in pieces, without a newline at the end of any but the last.
    No generator: a frame for every line costs a tenth of all reading.
    """
    file.seek(low)
    return iter(partial(file.readline, LONGEST_LINE), b"")


def split_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Pieces of any size as lines with their newline; a long one comes in pieces, as above."""
    pending: list[bytes] = []
    size = 0
    for chunk in chunks:
        *complete, last = chunk.split(b"\n")
        if complete:
            yield b"".join((*pending, complete[0], b"\n"))
            for line in complete[1:]:
                yield line + b"\n"
            pending, size = [], 0
        pending.append(last)
        size += len(last)
        if size > LONGEST_LINE:
            yield b"".join(pending)
            pending, size = [], 0
    rest = b"".join(pending)
    if rest:
        yield rest
