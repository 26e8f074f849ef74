"""A connection that is cut off stays encrypted."""

from __future__ import annotations

import socket
import ssl

from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.service.request.deadlines import Deadlines


def test_cutting_off_does_not_take_the_encryption_away() -> None:
    """What is still answered after the end of the reading goes out by TLS or not at all."""
    ours, theirs = socket.socketpair()
    context = ssl.create_default_context()
    with (
        theirs,
        context.wrap_socket(ours, server_hostname="x", do_handshake_on_connect=False) as wrapped,
    ):
        Deadlines(SystemClock()).cut(wrapped)
        assert wrapped._sslobj is not None  # type: ignore[attr-defined]
    Deadlines(SystemClock()).cut(None)
