"""Which files an archive run reads, how they are cut, and into how many partitions they go."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import structs

from fhir_remission.domain.nouns.plain_text import plain
from fhir_remission.effects.http.inflate import Torn, packing_of, unpacked
from fhir_remission.errors import InputError
from fhir_remission.fhir.incoming.documents import is_lines
from fhir_remission.jobs.archive.parts import Part, Prepare, Source, Split

_SUFFIXES = (".ndjson", ".jsonl", ".json")
# What clients of bulk exports leave beside the data.
_BESIDE = frozenset({"manifest.json", "log.ndjson"})
_PACKED = ("", ".gz", ".zst", ".zstd")
_OTHERWISE_PACKED = (".bz2", ".xz", ".lz4", ".br", ".sz", ".zip", ".7z")
LARGEST_PART, SMALLEST_PART = 64 << 20, 4 << 20
# Of a partition about a third is kept and held in memory by one worker.
PARTITION = 24 << 20
# With a few large ones a worker would wait for the last of another.
FEWEST_PARTITIONS, MOST_PARTITIONS = 16, 480
# Text packs about ten to one; a packed file is counted as what it will be.
_SWELLS = 10
LARGEST_DOCUMENT = 256 << 20


def find_sources(paths: Sequence[Path], but: Path | None = None) -> tuple[Source, ...]:
    """Every file to read, in a fixed order; what is not there is an InputError.

    `but` is a folder that is left out: the one for the results may lie within the data.
    """
    seen = {_real(but)} if but is not None else set()
    for path in paths:
        if _real(path) in seen:
            raise InputError(f"{path}: is the folder for the results; give --out another one")
    found = [one for path in paths for one in _files(path, seen)]
    return tuple(_source(path) for path in dict.fromkeys(found))


def _real(path: Path) -> Path:
    """Where a path leads; links that lead to each other lead nowhere, and are told where opened."""
    return Path(os.path.realpath(path))


def cut(sources: Sequence[Source], workers: int) -> list[Part]:
    """Cut what can be cut, so that every worker gets several parts of similar size."""
    total = sum(source.size for source in sources)
    size = max(SMALLEST_PART, min(LARGEST_PART, -(-total // (workers * 6))))
    parts: list[Part] = []
    for number, source in enumerate(sources):
        if source.form == "nothing":
            continue
        whole = source.packing or source.form == "document"
        step = source.size if whole else size
        for low in range(0, source.size, step):
            parts.append(Part(len(parts), number, low, min(low + step, source.size)))
    return parts


def batches(parts: Iterable[Part], sources: Sequence[Source]) -> list[tuple[Part, ...]]:
    """What is read by one job: a part, or as many small files as make up one.

    What a job costs beside the reading, and what is remembered of it, must not grow with the
    number of files: an archive may hold one for every patient.
    """
    found: list[tuple[Part, ...]] = []
    held: list[Part] = []
    size = 0
    for part in parts:
        weight = _weight(sources[part.source])
        if weight >= SMALLEST_PART:
            found.append((part,))
            continue
        held.append(part)
        size += weight
        if size >= SMALLEST_PART:
            found.append(tuple(held))
            held, size = [], 0
    return [*found, tuple(held)] if held else found


def prepared(found: Prepare, parts: Sequence[Part], splits: Sequence[Split]) -> Prepare:
    """The same with what the first pass tells of the parts."""
    return structs.replace(
        found,
        bases=bases_of(parts, splits),
        sources=[part.source for part in parts],
    )


def bases_of(parts: Iterable[Part], splits: Iterable[Split]) -> list[int]:
    """How many lines of its file lie before each part; a batch of several holds whole files."""
    counted = {split.parts[0]: split.lines for split in splits if len(split.parts) == 1}
    bases: list[int] = []
    source, lines = -1, 0
    for part in parts:
        if part.source != source:
            source, lines = part.source, 0
        bases.append(lines)
        lines += counted.get(part.index, 0)
    return bases


def _weight(source: Source) -> int:
    """About how many bytes there are to read."""
    return source.size * (_SWELLS if source.packing else 1)


def partitions_for(sources: Iterable[Source]) -> int:
    """How many partitions keep one of them small."""
    total = sum(_weight(one) for one in sources)
    return max(FEWEST_PARTITIONS, min(MOST_PARTITIONS, -(-total // PARTITION)))


def _files(path: Path, seen: set[Path]) -> Iterator[Path]:
    if path.is_dir():
        yield from _within(path, seen)
    elif path.is_file():
        yield path
    else:
        raise InputError(f"{path}: no such file or folder")


def _within(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """The files of a folder and those below, links followed, each folder once."""
    if _real(folder) in seen:
        return
    seen.add(_real(folder))
    try:
        names = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: cannot be read: {error.strerror}") from None
    for path in names:
        if path.is_symlink() and not path.exists():
            raise InputError(f"{path}: leads to nothing")
        if path.is_dir() and not path.name.startswith("."):
            yield from _within(path, seen)
        elif _is_data(path):
            if not path.is_file():
                raise InputError(f"{path}: is not a file")
            yield path


def _is_data(path: Path) -> bool:
    name = path.name.lower()
    if name.startswith(".") or name in _BESIDE:
        return False
    if any(name.endswith(suffix + one) for suffix in _SUFFIXES for one in _OTHERWISE_PACKED):
        raise InputError(
            f"{path}: packed in a way that is not read; unpack it, or use gzip or zstd"
        )
    return any(name.endswith(suffix + packed) for suffix in _SUFFIXES for packed in _PACKED)


def _source(path: Path) -> Source:
    try:
        status = path.stat()
        packing = packing_of(path)
        lines = is_lines(_head(path, packing))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    large = status.st_size * (_SWELLS if packing else 1) > LARGEST_DOCUMENT
    return Source(
        path=plain(str(path)),
        raw=b"" if plain(str(path)) == str(path) else os.fsencode(path),
        size=status.st_size,
        changed=status.st_mtime_ns,
        packing=packing,
        form="nothing" if not status.st_size else "lines" if lines or large else "document",
    )


def _head(path: Path, packing: str) -> Iterator[bytes]:
    """The first pieces of a file; a tear is left to be found when it is read."""
    left = 64 << 20
    for piece in unpacked(path, packing):
        if isinstance(piece, Torn) or left <= 0:
            return
        yield piece
        left -= len(piece)  # a piece of a packed file may be a thousand times what was read
