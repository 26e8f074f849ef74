"""The body of a request: at most so large, and there within its time, or the caller is cut off."""

from __future__ import annotations

from typing import Any, Protocol

from fhir_remission.service.request.deadlines import DEADLINES
from fhir_remission.service.request.media import too_large
from fhir_remission.service.request.refusals import Refused

_CHUNK = 1 << 20


class Stream(Protocol):
    """What bytes are read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to so many bytes; none at the end."""


def read_whole(environ: dict[str, Any], limit: int, seconds: float) -> bytes:
    """The body, however it is framed; waitress has it whole already, and has no socket here."""
    length = environ.get("CONTENT_LENGTH") or ""
    expected = int(length) if length.isascii() and length.isdigit() and len(length) < 19 else None
    socket = environ.get("gunicorn.socket")
    if length and (expected is None or expected > limit):
        DEADLINES.cut(socket)
        raise too_large(limit)
    if socket is not None:
        DEADLINES.begin(socket, seconds)
    try:
        body = _read(environ["wsgi.input"], limit + 1 if expected is None else expected)
    except (OSError, ValueError):
        raise _late() from None
    finally:
        DEADLINES.end()
    if len(body) > limit:
        DEADLINES.cut(socket)
        raise too_large(limit)
    if expected is not None and len(body) < expected:
        raise _late()
    return body


def _read(stream: Stream, wanted: int) -> bytes:
    parts: list[bytes] = []
    while wanted > 0 and (part := stream.read(min(_CHUNK, wanted))):
        parts.append(part)
        wanted -= len(part)
    return b"".join(parts)


def _late() -> Refused:
    return Refused(408, "timeout", "the body did not come whole and in time: send it again")
