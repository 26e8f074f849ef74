"""How much of a text is taken in before it is clear that it is none: memory must not follow it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fhir_remission.errors import InputError

GIVE = "give a FHIR Bundle, one resource, or one resource per line"
# A Bundle in one line is tens of megabytes; a million results are 600 MB.
LONGEST_LINE = 256 << 20
LARGEST_DOCUMENT = 256 << 20
LARGEST = 1 << 30
MOST_SPACE = 4 << 20
_ARCHIVE = "`archive` reads files of any size, if each line is one resource"
_SPACE = b" \t\r\n"
# The first piece may end in the middle of a byte order mark.
_BEGINS = (b"{", b"[", b"\xef", b"\xbb", b"\xbf")


def bounded(chunks: Iterable[bytes], *, name: str) -> Iterator[bytes]:
    """The same pieces; InputError at the first that is no JSON object, or too much of one.

    Of a device or a pipe without end no more is held than a line may be.
    """
    begun = False
    size = line = lines = 0
    for chunk in chunks:
        if not begun:
            start = chunk.lstrip(_SPACE)
            lines += chunk.count(b"\n", 0, len(chunk) - len(start))
            begun = bool(start)
            if start and start[:1] not in _BEGINS:
                raise InputError(f"{name}:{lines + 1}: not a JSON object; {GIVE}")
        size += len(chunk)
        if not begun and size > MOST_SPACE:
            raise InputError(f"{name}: begins with {MOST_SPACE >> 20} MiB of nothing; {GIVE}")
        line = _longest(chunk, line, name)
        if size > LARGEST:
            raise InputError(f"{name}: larger than {LARGEST >> 30} GiB; {_ARCHIVE}")
        yield chunk


def check_document(size: int, *, name: str) -> None:
    """Refuse a document over many lines that is larger than one may be."""
    if size > LARGEST_DOCUMENT:
        raise InputError(f"{name}: a document over {LARGEST_DOCUMENT >> 20} MiB; {_ARCHIVE}")


def _longest(chunk: bytes, before: int, name: str) -> int:
    """How long the last line is by now."""
    end = chunk.rfind(b"\n")
    first = chunk.find(b"\n") if end >= 0 else len(chunk)
    if before + first > LONGEST_LINE:
        raise InputError(f"{name}: a line longer than {LONGEST_LINE >> 20} MiB; {_ARCHIVE}")
    return before + len(chunk) if end < 0 else len(chunk) - end - 1
