"""Rows on disk, sorted by patient only as far as a hash goes: what does not fit in memory.

A row carries its resource as it was read. Files are appended to and closed at once, so that a
thousand partitions need no thousand open files; a reader stops at the length that was recorded
when a part was finished, so that what a killed writer left behind is never read.
"""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from zlib import crc32

from msgspec import Struct

from fhir_remission.effects.files.private_file import open_to_append

# offset, body, task, number, key, id, address, place, kind
_HEADER = struct.Struct("<QIIIHHHHB")
_PACK = _HEADER.pack
# Written out when a worker holds this much; 4 MiB keeps a write per partition above 16 kB.
HOLD = 4 << 20
# What a row takes beside its body, about.
_BESIDE = 64
LONGEST = 0xFFFF


class Row(Struct, frozen=True, gc=False):
    """One resource on its way to its patient."""

    task: int
    number: int
    """Line or entry, counted in its task."""
    key: str
    body: bytes | memoryview
    offset: int = 0
    kind: int = 0
    id: str = ""
    address: str = ""
    place: str = ""


class TakesRows(Protocol):
    """Where the first pass sends rows: a spool, or what stands for one where nothing is a file."""

    def add(self, partition: int, row: Row) -> None:
        """Take one row."""

    def put(
        self, partition: int, key: bytes, name: bytes, body: bytes, at: tuple[int, int, int, int]
    ) -> None:
        """Take a plain row of that id, read at (task, number, offset), of a kind."""

    def finish(self) -> list[int]:
        """Take no more of this part; the length of each file."""


class Spool:
    """The partition files of one worker."""

    def __init__(self, folder: Path, name: str, partitions: int) -> None:
        self._paths = [str(folder / f"{name}.{number:04d}") for number in range(partitions)]
        self._held: list[list[bytes | memoryview]] = [[] for _ in range(partitions)]
        self._lengths = [0] * partitions
        self._finished = [0] * partitions
        self._size = 0

    def add(self, partition: int, row: Row) -> None:
        """Append one row; OSError where the disk does not take it."""
        texts = [short(text) for text in (row.key, row.id, row.address, row.place)]
        size = len(row.body)
        head = _PACK(row.offset, size, row.task, row.number, *map(len, texts), row.kind)
        self._held[partition] += (head, *texts, row.body)
        self._size += size + _BESIDE
        if self._size > HOLD:
            self._flush()

    def put(
        self, partition: int, key: bytes, name: bytes, body: bytes, at: tuple[int, int, int, int]
    ) -> None:
        """Append a plain row: the same as `add`, and quicker."""
        task, number, offset, kind = at
        size = len(body)
        head = _PACK(offset, size, task, number, len(key), len(name), 0, 0, kind)
        self._held[partition] += (head, key, name, body)
        self._size += size + _BESIDE
        if self._size > HOLD:
            self._flush()

    def finish(self) -> list[int]:
        """Write what is held; return the length of each file, as far as all of it counts."""
        self._flush()
        self._finished = list(self._lengths)
        return list(self._lengths)

    def _flush(self) -> None:
        for number, held in enumerate(self._held):
            if held:
                data = b"".join(held)
                held.clear()
                _append(self._paths[number], data)
                self._lengths[number] += len(data)
        self._size = 0

    def discard(self) -> None:
        """Forget and remove what a failed job wrote: it must not fill the disk."""
        for number, held in enumerate(self._held):
            held.clear()
            with suppress(FileNotFoundError):
                os.truncate(self._paths[number], self._finished[number])
        self._lengths = list(self._finished)
        self._size = 0


def partition_of(key: bytes, partitions: int) -> int:
    """Where the rows of a patient go."""
    return crc32(key) % partitions


def short(text: str) -> bytes:
    """As much of a text as a row's head can tell the length of."""
    encoded = text.encode()
    if len(encoded) <= LONGEST:
        return encoded
    return encoded[:LONGEST].decode(errors="ignore").encode()


def read_rows(path: Path, length: int) -> Iterator[Row]:
    """The rows of a file up to the length that was recorded."""
    with path.open("rb") as file:
        data = memoryview(file.read(length))
    at = 0
    while at < length:
        offset, body, task, number, key, name, address, place, kind = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        ends = (at + key, at + key + name, at + key + name + address)
        last = ends[2] + place
        yield Row(
            task,
            number,
            str(data[at : ends[0]], "utf-8"),
            data[last : last + body],
            offset,
            kind,
            str(data[ends[0] : ends[1]], "utf-8"),
            str(data[ends[1] : ends[2]], "utf-8"),
            str(data[ends[2] : last], "utf-8"),
        )
        at = last + body


def remove_folder(path: Path) -> None:
    """Remove a folder with patient data in it."""
    shutil.rmtree(path, ignore_errors=True)


def _append(path: str, data: bytes) -> None:
    descriptor = open_to_append(Path(path))
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)
