"""What an archive run has finished, on disk: a killed run goes on where it was.

One line per finished part, appended. Data are not forced to the disk (that would cost more than
the pass itself); instead the boot of the machine is part of the header, because only a crash of
the machine can lose what was written, and after one everything is read anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from fhir_remission.effects.files.private_file import open_to_append, private_folder, write_whole
from fhir_remission.effects.files.spool import remove_folder
from fhir_remission.fhir.r4.wire import UNREADABLE
from fhir_remission.jobs.archive.parts import Flaw, Judgement, Setup, Split, decode_path, encode
from fhir_remission.version import VERSION

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Header(Struct, frozen=True, tag="header"):
    """What must be the same for results to be used again."""

    setup: Setup
    accept_damage: bool
    known_damage: tuple[Flaw, ...]
    workers: int
    """Decides how the input is cut."""
    tables: str
    boot: str
    as_of: str
    software: str = VERSION


class Started(Struct, frozen=True, tag="started"):
    """A run began or went on; its workers have names of their own."""

    name: str = ""


Line = Header | Started | Split | Judgement
_LINE = msgspec.json.Decoder(Line, dec_hook=decode_path)


class Journal:
    """The finished parts of one output folder."""

    def __init__(self, folder: Path, header: Header) -> None:
        self.folder = folder
        self._path = folder / "journal.ndjson"
        self.splits: dict[int, Split] = {}
        self.judgements: dict[int, Judgement] = {}
        self.runs = 0
        lines = list(self._read())
        self.as_of = header.as_of
        first = lines[0] if lines else None
        if isinstance(first, Header) and structs.replace(first, as_of=header.as_of) == header:
            self.as_of = first.as_of
        else:
            remove_folder(folder)
            private_folder(folder / "parts")
            write_whole(self._path, encode(header) + b"\n")
            lines = []
        for line in lines:
            self._take(line)
        self.note(Started())

    def note(self, line: Line) -> None:
        """Remember one more finished thing."""
        self._take(line)
        descriptor = open_to_append(self._path)
        try:
            os.write(descriptor, b"\n" + encode(line) + b"\n")
        finally:
            os.close(descriptor)

    def known(self) -> set[int]:
        """The parts that need not be read again."""
        return {part for split in self.splits.values() for part in split.parts}

    def lengths(self) -> dict[str, list[int]]:
        """How far the files of each worker may be read."""
        found: dict[str, list[int]] = {}
        for split in self.splits.values():
            known = found.setdefault(split.spool, split.lengths)
            found[split.spool] = [max(pair) for pair in zip(known, split.lengths, strict=True)]
        return found

    def _take(self, line: Line) -> None:
        if isinstance(line, Split):
            self.splits[line.parts[0]] = line
        elif isinstance(line, Judgement):
            self.judgements[line.partition] = line
        elif isinstance(line, Started):
            self.runs += 1

    def _read(self) -> Iterator[Line]:
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return
        for line in text.split(b"\n"):
            try:
                if line:
                    yield _LINE.decode(line)
            except UNREADABLE:
                continue


def boot_id() -> str:
    """Which boot of the machine this is; empty where nobody says."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""
