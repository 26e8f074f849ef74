"""The names by which one request is found again: in its answer, in our log, in the caller's."""

from __future__ import annotations

import re
import secrets

from msgspec import Struct

# What may stand in a log; anything else gets a name of ours.
_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
# https://www.w3.org/TR/trace-context/#traceparent-header; a later version may go on after a dash.
_TRACE = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class Correlation(Struct, frozen=True):
    """The names of one request."""

    request_id: str
    given: str
    """The caller's own, where it may stand in a log and is not the request's."""
    trace: str
    parent: str
    flags: str

    @property
    def headers(self) -> dict[str, str]:
        """What the answer carries."""
        found = {
            "X-Request-Id": self.request_id,
            "traceparent": f"00-{self.trace}-{self.parent}-{self.flags}",
        }
        return {**found, "X-Correlation-Id": self.given} if self.given else found


def correlation_of(request_id: str, correlation_id: str, traceparent: str) -> Correlation:
    """The names of a request by its headers; what is missing or unfit is made."""
    own = request_id if _NAME.fullmatch(request_id) else secrets.token_hex(16)
    given = correlation_id if _NAME.fullmatch(correlation_id) else ""
    found = _TRACE.fullmatch(traceparent.strip())
    trace, flags = secrets.token_hex(16), "00"
    if found and found[1] != "ff" and int(found[2], 16) and int(found[3], 16):
        later = found[5] is not None
        if not later or found[1] != "00":
            trace, flags = found[2], found[4]
    return Correlation(own, given, trace, secrets.token_hex(8), flags)
