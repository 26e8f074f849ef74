"""One file of an export to disk: in time, in bounds, whole or not at all.

An export may be large, so its limits are those of a page made wide: a ratio of packing that no
resources have, a line that no resource is, a pace below which nothing arrives, a disk that others
need, too.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import requests
import urllib3
from msgspec import Struct

from fhir_remission.effects.files.private_file import FULL, new_file, not_written
from fhir_remission.effects.http.inflate import LONGEST_LINE
from fhir_remission.effects.http.line import Line, LineAdapter
from fhir_remission.effects.http.transport import (
    MAX_RATIO,
    RATIO_FROM,
    Limits,
    Tls,
    certificate_of,
    no_answer,
)
from fhir_remission.effects.process.clock import Clock, Stop
from fhir_remission.errors import RemissionError, Unreachable

PIECE = 1 << 18
# Servers cut their exports into files of megabytes; a hundred million results are 60 GiB.
LARGEST_FILE = 64 << 30
# Left free for others, the state and the logs of this machine among them.
RESERVE = 256 << 20
# Looked at again after so much.
_STEP = 64 << 20
# Bytes a second on average, from some minutes on: a file of 1 GiB may take 18 hours.
SLOWEST = 16 * 1024


class Delivered(Struct, frozen=True):
    """What came of one attempt; the file is there where `reason` is empty."""

    reason: str = ""
    passing: bool = False
    """Whether it may be another time next time."""
    status: int = 0
    headers: Mapping[str, str] = {}


class _TooMuch(Exception):
    """More than a file may be."""


class Downloads:
    """Fetches files one after the other over one line."""

    def __init__(self, clock: Clock, stop: Stop, limits: Limits, tls: Tls) -> None:
        self._clock, self._limits, self._tls = clock, limits, tls
        self._line = Line(clock, stop)
        self._adapter = LineAdapter(self._line)

    def fetch(self, url: str, headers: Mapping[str, str], target: Path) -> Delivered:
        """Fetch one file; Unreachable where the disk has no room for it."""
        try:
            request = requests.Request("GET", url, headers=dict(headers)).prepare()
        except (requests.RequestException, ValueError):
            return Delivered("its address is none")
        request.url = url
        with self._line.within(self._limits.whole_seconds):
            delivered = self._delivered(request, target)
        if self._line.cut:
            return Delivered(f"broken off: {self._line.cut}", passing=True)
        return delivered

    def close(self) -> None:
        """Close the connections."""
        self._line.close()
        self._adapter.close()

    def _delivered(self, request: requests.PreparedRequest, target: Path) -> Delivered:
        tls = self._tls
        try:
            with self._adapter.send(
                request,
                stream=True,
                timeout=(self._limits.connect_seconds, self._limits.read_seconds),
                verify=str(tls.ca_bundle) if tls.ca_bundle else True,
                cert=certificate_of(tls),
                proxies={"http": tls.proxy, "https": tls.proxy} if tls.proxy else {},
            ) as response:
                given = {name.lower(): text for name, text in response.headers.items()}
                status = response.status_code
                if status != 200:
                    return Delivered(f"status {status}", status=status, headers=given)
                check_room(target.parent, _announced(given))
                self._store(response.raw, target)
                return Delivered(status=200)
        except RemissionError:
            raise
        except _TooMuch as error:
            return Delivered(str(error))
        except OSError as error:
            if error.errno in FULL and not isinstance(error, requests.RequestException):
                raise not_written(target.parent, error, kept="fetched files are kept") from None
            return _broken(error)
        except Exception as error:
            return _broken(error)

    def _store(self, stream: urllib3.BaseHTTPResponse, target: Path) -> None:
        began = self._clock.monotonic()
        size = line = 0
        with new_file(target) as file:
            for piece in _pieces(stream):
                if size // _STEP != (size + len(piece)) // _STEP:
                    check_room(target.parent, 0)
                size += len(piece)
                _check_size(size, stream.tell())
                line = _longest(piece, line)
                file.write(piece)
                patience = self._limits.whole_seconds + size / SLOWEST
                self._line.extend(began + patience - self._clock.monotonic())


def check_room(folder: Path, announced: int) -> None:
    """Leave some of the disk to others; Unreachable where a file would take that, too."""
    free = shutil.disk_usage(folder).free
    if free - announced < RESERVE:
        raise Unreachable(
            f"{folder}: only {free >> 20} MiB are free, {RESERVE >> 20} of them are left to others:"
            " make room and run the same command again; fetched files are kept"
        )


def _pieces(stream: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    return stream.stream(PIECE, decode_content=True)


def _check_size(size: int, packed: int) -> None:
    if size > LARGEST_FILE:
        raise _TooMuch(f"a file over {LARGEST_FILE >> 30} GiB")
    if size > max(RATIO_FROM, MAX_RATIO * packed):
        raise _TooMuch(f"a file compressed over {MAX_RATIO} times")


def _longest(piece: bytes, before: int) -> int:
    """How long the line at the end of a piece is by now; too long ones are refused at once."""
    end = piece.rfind(b"\n")
    # A line within the piece is shorter than a piece; the first may have begun long before.
    first = piece.find(b"\n") if end >= 0 else len(piece)
    if before + first > LONGEST_LINE:
        raise _TooMuch(f"a line longer than {LONGEST_LINE >> 20} MiB")
    return before + len(piece) if end < 0 else len(piece) - end - 1


def _announced(headers: Mapping[str, str]) -> int:
    text = headers.get("content-length", "").strip()
    return int(text[:15]) if text.isascii() and text.isdigit() else 0


def _broken(error: Exception) -> Delivered:
    told = no_answer(error)
    return Delivered(told.reason, passing=told.kind != "untrusted")
