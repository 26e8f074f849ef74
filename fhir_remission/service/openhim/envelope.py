"""The envelope in which OpenHIM wants an answer, for requests that come through it.

It shows the answer of the envelope to its caller, and sends again by itself only where the
envelope holds an `error`: a bare 503 it would hand on and forget. Orchestrations are not told:
OpenHIM keeps them in its database, and they would hold bodies with patients in them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fhir_remission.effects.process.clock import Clock, timestamp

TYPE = "application/json+openhim"
TRANSACTION = "X-OpenHIM-TransactionID"


class Envelope:
    """Puts answers into the envelope; to be the last that touches one."""

    def __init__(self, urn: str, clock: Clock) -> None:
        self._urn, self._clock = urn, clock

    def process_response(self, req: Any, resp: Any, _: object, __: bool) -> None:  # noqa: FBT001
        """What anybody else asked for goes out as it is."""
        if not req.get_header(TRANSACTION):
            return
        try:
            body = (resp.render_body() or b"").decode()
        except UnicodeDecodeError:
            return
        status = int(str(resp.status).split()[0])
        now = timestamp(self._clock.now())
        told: dict[str, Any] = {
            "x-mediator-urn": self._urn,
            "status": _word(status),
            "response": {
                "status": status,
                "headers": dict(resp.headers),
                "body": body,
                "timestamp": now,
            },
            "orchestrations": [],
            "properties": {},
        }
        if status in (503, 504):
            told["error"] = {"message": f"{status}: it can succeed later"}
        if status < 400:
            resp.status = 200  # with 304 no body would go out
        resp.text = resp.media = None
        resp.data = msgspec.json.encode(told)
        resp.content_type = TYPE


def _word(status: int) -> str:
    """OpenHIM's own words: `Completed` is an answer that is an error of the caller's."""
    if status < 400:
        return "Successful"
    return "Completed" if status < 500 else "Failed"
