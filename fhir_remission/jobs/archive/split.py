"""The first pass of an archive: every line once, to the partition of its patient or to nowhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from itertools import chain

from msgspec import structs

from fhir_remission.domain.answer.accounting import Account
from fhir_remission.domain.tables.mappings import Mappings
from fhir_remission.effects.files.spool import TakesRows
from fhir_remission.effects.http.inflate import (
    LONGEST_LINE,
    Torn,
    first_line_from,
    lines_from,
    split_lines,
    unpacked,
)
from fhir_remission.fhir.incoming.documents import IRRELEVANT
from fhir_remission.fhir.r4.decoding import decode_resource
from fhir_remission.fhir.r4.references import members_of
from fhir_remission.fhir.r4.wire import READ_TYPES, UNREADABLE
from fhir_remission.fhir.reading.relevance import has_meaning
from fhir_remission.jobs.archive.parts import OUTLINE, Part, Setup, Source, Split
from fhir_remission.jobs.archive.routing import (
    Glance,
    as_result,
    code_names,
    component_codes,
    decode_glance,
    decode_result,
    is_plain,
    means_something,
    outline,
)
from fhir_remission.jobs.archive.sort import Sorter
from fhir_remission.jobs.archive.work_plan import LARGEST_DOCUMENT

# Codes and subjects come again and again; their texts must not be held without end.
_REMEMBERED = 50_000
_TYPE = re.compile(rb'\s*\{\s*"resourceType"\s*:\s*"([A-Za-z]{1,64})"')


def split_parts(
    parts: Iterable[Part], setup: Setup, spool: TakesRows, mappings: Mappings, name: str
) -> Split:
    """Read some parts of the input and spool what can be evidence."""
    sorter = Sorter(spool, setup.partitions, mappings)
    splitter = _Splitter(sorter, mappings)
    lines = 0
    for part in parts:
        source = setup.sources[part.source]
        sorter.begin(part.index, source.path)
        lines += _read(part, source, sorter, splitter)
        _check_unchanged(source, sorter, part)
    unmapped = splitter.unmapped()
    sorter.account.add(splitter.account())
    return structs.replace(sorter.result(name), lines=lines, unmapped=unmapped)


def _read(part: Part, source: Source, sorter: Sorter, splitter: _Splitter) -> int:
    """Read one part; return how many lines it has."""
    if source.form == "document":
        sorter.document(_body(source, sorter))
        return 0
    with source.place.open("rb", buffering=1 << 20) as file:
        if source.packing:
            start, end = 0, sys.maxsize
            lines = split_lines(_until_torn(source, sorter))
        else:
            start, end = first_line_from(file, part.low, part.high), part.high
            lines = lines_from(file, start)
        return splitter.run(_unmarked(lines) if not part.low else lines, start, end)


def _unmarked(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The lines of a file without its byte order mark."""
    first = next(lines, b"").removeprefix(b"\xef\xbb\xbf")
    return chain([first] if first else [], lines)


def _body(source: Source, sorter: Sorter) -> bytes:
    """A document whole; a small file may unpack to more than memory holds."""
    pieces, size = list[bytes](), 0
    for piece in _until_torn(source, sorter):
        size += len(piece)
        if size > LARGEST_DOCUMENT:
            sorter.flaw(0, f"a document larger than {LARGEST_DOCUMENT >> 20} MiB")
            return b""
        pieces.append(piece)
    return b"".join(pieces)


def _until_torn(source: Source, sorter: Sorter) -> Iterator[bytes]:
    for piece in unpacked(source.place, source.packing):
        if isinstance(piece, Torn):
            sorter.flaw(piece.offset, piece.reason)
        else:
            yield piece


def _check_unchanged(source: Source, sorter: Sorter, part: Part) -> None:
    try:
        now = source.place.stat()
    except OSError as error:
        sorter.flaw(part.low, f"it is gone after reading: {error.strerror}")
        return
    if (now.st_size, now.st_mtime_ns) != (source.size, source.changed):
        sorter.flaw(part.low, "the file was changed while it was read")


# What carries whole documents: no evidence itself, whatever length it has.
_LONG = IRRELEVANT | {"DocumentReference"}


class _Splitter:
    """The loop over lines: kept flat, because everything in it is done for every line."""

    def __init__(self, sorter: Sorter, mappings: Mappings) -> None:
        self._sorter = sorter
        self._mappings = mappings
        # How often each code came that means nothing; an empty list for one that means something.
        self._counts: dict[bytes, list[int]] = {}
        self._unmapped: dict[str, int] = {}
        self._elsewhere = 0
        self.seen = 0

    def run(self, lines: Iterable[bytes], offset: int, end: int) -> int:
        """Send each line on that begins before `end`; return how many there were."""
        counts = self._counts.get
        decode, keep, longest = decode_result, self._sorter.keep, LONGEST_LINE
        number = seen = 0
        skipping = False
        for line in lines:
            if offset >= end and not skipping:
                break
            size = len(line)
            if skipping or size >= longest:
                number += not skipping
                skipping = self._too_long(line, offset, again=skipping)
                offset += size
                continue
            number += 1
            try:
                glance = decode(line)
            except UNREADABLE:
                again = self._again(number, line, offset)
                if again is None:
                    offset += size
                    continue
                glance = again
            seen += 1
            result = glance.resource_type == "Observation"
            if result and decode is decode_glance:
                glance = as_result(line, glance)
            decode = decode_result if result else decode_glance  # mostly another one comes next
            count = counts(bytes(glance.code)) if result else None
            if count is None:
                self._other(number, line, offset, glance)
            elif not count:
                keep(number, line, offset, glance)
            elif is_plain(glance):
                count[0] += 1
                self._outline(number, offset, glance)
            else:
                self._observation(number, line, offset, glance)
            offset += size
        self.seen += seen
        return number

    def account(self) -> Account:
        """The lines that were no Bundles."""
        return Account(read=self.seen - self._elsewhere)

    def unmapped(self) -> dict[str, int]:
        """How often each code came that no table knows."""
        for code, counted in self._counts.items():
            name = next(iter(code_names(code)), "(no code)") if counted else ""
            for count in counted:
                self._unmapped[name] = self._unmapped.get(name, 0) + count
        self._counts.clear()
        return self._unmapped

    def _other(self, number: int, line: bytes, offset: int, glance: Glance) -> None:
        if glance.resource_type == "Observation":
            self._observation(number, line, offset, glance)
        else:
            self._line(number, line, offset, glance)

    def _observation(self, number: int, line: bytes, offset: int, glance: Glance) -> None:
        code = bytes(glance.code)
        if (
            self._means(code)
            or any(self._means(inner) for inner in component_codes(glance))
            or not (is_plain(glance) or self._is_hollow(line))
        ):
            self._sorter.keep(number, line, offset, glance)
            return
        self._counts.setdefault(code, [0])[0] += 1
        self._outline(number, offset, glance)

    def _outline(self, number: int, offset: int, glance: Glance) -> None:
        """Keep the name: it may replace an older version, and a report may ask for it."""
        self._sorter.keep(number, outline(glance), offset, glance, kind=OUTLINE)

    def _is_hollow(self, line: bytes) -> bool:
        """Whether nothing within it can be evidence, under whatever name it stands there.

        A panel means nothing itself, and may name a result that is not there, or take one back.
        """
        try:
            resource = decode_resource(line)
        except UNREADABLE:
            return False
        if isinstance(resource, str):
            return True
        return not (members_of(resource) or has_meaning(resource, self._mappings))

    def _means(self, code: bytes) -> bool:
        if code not in self._counts:
            if len(self._counts) > _REMEMBERED:
                self.unmapped()
            self._counts[code] = [] if means_something(code, self._mappings.codes) else [0]
        return not self._counts[code]

    def _again(self, number: int, line: bytes, offset: int) -> Glance | None:
        """Look at a line that is no plain result: nothing where it cannot be read at all."""
        try:
            return decode_glance(line)
        except UNREADABLE as error:
            if line.strip(b" \t\r\n\xef\xbb\xbf"):
                self._sorter.account.read += 1
                self._sorter.unreadable(number, line, offset, error)
            return None

    def _line(self, number: int, line: bytes, offset: int, glance: Glance) -> None:
        kind = glance.resource_type
        if kind in READ_TYPES:
            self._sorter.keep(number, line, offset, glance)
        elif not kind:
            self._sorter.unreadable(number, line, offset, None)
        else:
            # Counted there, with what lies within.
            self._elsewhere += 1
            self._sorter.other(number, line, offset, kind)

    def _too_long(self, piece: bytes, offset: int, *, again: bool) -> bool:
        """Name a line that is too long, by its first piece; return whether another one follows."""
        if not again:
            self._sorter.account.add(Account(read=1, damaged=1))
            kind = _type_of_long_line(piece)
            reason = f"a line longer than {LONGEST_LINE >> 20} MiB"
            self._sorter.flaw(offset, reason, harmless=kind in _LONG)
        return not piece.endswith(b"\n")


def _type_of_long_line(line: bytes) -> str:
    """The type of a resource whose line is too long to read, from how it begins."""
    found = _TYPE.match(line)
    return found[1].decode() if found else ""
