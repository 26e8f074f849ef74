"""A listening socket at its end: who has begun comes in, nobody begins."""

from __future__ import annotations

import socket
import sys
import threading
import time

import pytest

from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.service.running.last_connections import LONGEST, let_in_the_last

linux = pytest.mark.skipif(sys.platform != "linux", reason="a filter of Linux")


@linux
def test_who_waits_is_let_in_and_nobody_joins() -> None:
    """The queue is waited for; a new connection does not come about, so it cannot be cut."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        waiting = socket.create_connection(listener.getsockname())
        taken: list[bytes] = []

        def take() -> None:
            time.sleep(0.6)
            accepted, _ = listener.accept()
            taken.append(accepted.recv(2))
            accepted.close()

        taking = threading.Thread(target=take)
        taking.start()
        began = time.monotonic()
        let_in_the_last([listener], SystemClock())
        took = time.monotonic() - began
        waiting.sendall(b"hi")
        taking.join()
        with pytest.raises(TimeoutError):
            socket.create_connection(listener.getsockname(), timeout=0.3)
        waiting.close()

    assert taken == [b"hi"]
    assert 0.5 < took < LONGEST


@linux
def test_a_queue_that_nobody_empties_is_not_waited_for_without_end() -> None:
    """A stop comes to its end."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()),
    ):
        began = time.monotonic()
        let_in_the_last([listener], SystemClock())

    assert LONGEST <= time.monotonic() - began < LONGEST + 10
