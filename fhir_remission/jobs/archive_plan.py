"""Which files an archive run reads, how they are cut, and into how many partitions they go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from fhir_remission.effects.inflate import Torn, packing_of, unpacked
from fhir_remission.errors import InputError
from fhir_remission.fhir.documents import is_lines
from fhir_remission.jobs.archive_parts import Part, Source

_SUFFIXES = (".ndjson", ".jsonl", ".json")
# What clients of bulk exports leave beside the data.
_BESIDE = frozenset({"manifest.json", "log.ndjson"})
_PACKED = ("", ".gz", ".zst", ".zstd")
LARGEST_PART, SMALLEST_PART = 64 << 20, 4 << 20
# Of a partition about a third is kept and held in memory by one worker.
PARTITION = 24 << 20
MOST_PARTITIONS = 480
# Text packs about ten to one; a packed file is counted as what it will be.
_SWELLS = 10
LARGEST_DOCUMENT = 256 << 20


def find_sources(paths: Sequence[Path]) -> tuple[Source, ...]:
    """Every file to read, in a fixed order; what is not there is an InputError."""
    found = [one for path in paths for one in _files(path)]
    return tuple(_source(path) for path in dict.fromkeys(found))


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


def partitions_for(sources: Iterable[Source]) -> int:
    """How many partitions keep one of them small."""
    total = sum(one.size * (_SWELLS if one.packing else 1) for one in sources)
    return max(4, min(MOST_PARTITIONS, -(-total // PARTITION)))


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        names = (name for name in sorted(path.rglob("*")) if name.is_file())
        yield from (name for name in names if _is_data(name))
    elif path.is_file():
        yield path
    else:
        raise InputError(f"{path}: no such file or folder")


def _is_data(path: Path) -> bool:
    name = path.name.lower()
    if name.startswith(".") or name in _BESIDE:
        return False
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
        path=str(path),
        size=status.st_size,
        changed=status.st_mtime_ns,
        packing=packing,
        form="nothing" if not status.st_size else "lines" if lines or large else "document",
    )


def _head(path: Path, packing: str) -> Iterator[bytes]:
    """The first pieces of a file; a tear is left to be found when it is read."""
    left = 64
    for piece in unpacked(path, packing):
        if isinstance(piece, Torn) or not left:
            return
        yield piece
        left -= 1
