"""Results as lines of a file: appended, on the disk before the run goes on, never half a line.

The file is its own memory: what stands in it for a patient is read from its last lines, so a run
that was cut off writes nothing twice and a lost state database changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from fhir_remission.effects.files.private_file import new_file, open_to_append
from fhir_remission.errors import InputError, SafetyStop

_CHUNK = 1 << 20


class Criteria(Struct, frozen=True):
    """By which set a result was made."""

    id: str = ""


class Head(Struct, frozen=True):
    """The fields of a line that say what it is about; the rest is the result itself."""

    key: str
    patient: str
    criteria: Criteria
    status: str
    evidence_hash: str


class ResultsFile:
    """An append-only file of results."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = self._opened()
        self._heads: dict[tuple[str, str], dict[str, Head]] = {}
        self._cut_torn_line()
        for head in self._read():
            self._keep(head)

    def standing(self, patient: str, criteria_id: str) -> dict[str, Head]:
        """The last line of every key of a patient by one set."""
        return dict(self._heads.get((patient, criteria_id), {}))

    def append(self, line: bytes) -> None:
        """Append one line and make sure that it is on the disk."""
        try:
            written = os.write(self._file, line)
            os.fsync(self._file)
        except OSError as error:
            raise self._stop(error) from None
        if written != len(line):
            self._cut_torn_line()
            raise SafetyStop(f"the disk of {self.path} is full: nothing more is written")
        self._keep(_HEAD.decode(line))

    def purge(self, patient: str) -> int:
        """Take out every line about a patient; all or nothing."""
        kept: list[bytes] = []
        removed = 0
        for line in self._lines():
            if _HEAD.decode(line).patient == patient:
                removed += 1
            else:
                kept.append(line)
        if removed:
            self._replace(kept)
        return removed

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _replace(self, lines: list[bytes]) -> None:
        try:
            with new_file(self.path) as file:
                file.writelines(lines)
        except OSError as error:
            raise self._stop(error) from None
        os.close(self._file)
        self._file = self._opened()

    def _opened(self) -> int:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return open_to_append(self.path, read=True)
        except OSError as error:
            raise self._stop(error) from None

    def _cut_torn_line(self) -> None:
        """A power cut may leave half a line, which was never answered for: it goes."""
        size = end = os.fstat(self._file).st_size
        while end:
            start = max(0, end - _CHUNK)
            found = os.pread(self._file, end - start, start).rfind(b"\n")
            end = start + found + 1 if found >= 0 else start
            if found >= 0:
                break
        if end != size:
            os.ftruncate(self._file, end)

    def _lines(self) -> Iterator[bytes]:
        with self.path.open("rb") as lines:
            yield from lines

    def _read(self) -> Iterator[Head]:
        for number, line in enumerate(self._lines(), start=1):
            try:
                yield _HEAD.decode(line)
            except msgspec.DecodeError:
                raise InputError(
                    f"{self.path}:{number}: not a line of ours; move the file away and run again"
                ) from None

    def _keep(self, head: Head) -> None:
        self._heads.setdefault((head.patient, head.criteria.id), {})[head.key] = head

    def _stop(self, error: OSError) -> SafetyStop:
        return SafetyStop(f"the results file {self.path} cannot be written ({error.strerror})")


_HEAD = msgspec.json.Decoder(Head)
