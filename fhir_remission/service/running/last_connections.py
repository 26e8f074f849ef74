"""A stop that loses nobody: no connection begins any more, and those that have begun are let in.

Whoever has a connection in the queue of a listening socket when it is closed gets a reset, though
the request may have been sent. So first the kernel drops what would begin a connection (its sender
tries again a second later, and is then refused, or finds another server), and the queue runs empty.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import sys
from collections.abc import Sequence

from fhir_remission.effects.process.clock import Clock

# For so long a handshake that has begun may take, and for no longer the queue is waited for.
SETTLING, LONGEST, STEP = 0.2, 3.0, 0.05
_ATTACH_FILTER = 26  # SO_ATTACH_FILTER of Linux; the module socket has no name for it
_UNACKED = 24  # where `struct tcp_info` of a listening socket has the length of its queue
# Classic BPF over the TCP header: SYN without ACK is dropped, all else is kept whole.
_PROGRAM = (
    (0x30, 0, 0, 13),  # load the byte of the flags
    (0x54, 0, 0, 0x12),  # of them SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # keep
)


def let_in_the_last(listeners: Sequence[socket.socket], clock: Clock) -> None:
    """Wait until nobody stands in the queue of these sockets, and nobody joins it any more."""
    began = clock.monotonic()
    for one in listeners:
        _let_nobody_begin(one)
    while True:
        clock.sleep(STEP)
        gone = clock.monotonic() - began
        settled = gone >= SETTLING and not any(_waiting(one) for one in listeners)
        if settled or gone >= LONGEST:
            return


def _let_nobody_begin(listener: socket.socket) -> None:
    """Where the system cannot, the queue is emptied all the same, with a smaller chance."""
    if sys.platform != "linux" or listener.family not in (socket.AF_INET, socket.AF_INET6):
        return
    code = b"".join(struct.pack("HBBI", *one) for one in _PROGRAM)
    held = ctypes.create_string_buffer(code)
    program = struct.pack("@HP", len(_PROGRAM), ctypes.addressof(held))
    with contextlib.suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)


def _waiting(listener: socket.socket) -> int:
    """How many connections nobody has taken yet; none where the system does not say."""
    try:
        told = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _UNACKED + 4)
    except (OSError, AttributeError):
        return 0
    return int(struct.unpack_from("I", told, _UNACKED)[0])
