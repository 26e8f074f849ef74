"""The connections of one chain of requests, which somebody else cuts when it takes too long.

A timeout of a socket counts from one byte to the next, so a server that sends a byte now and then
keeps a reader for ever: in a status line, a header, a `100 Continue`, a packed body. One thread
looks at all lines a few times a second and shuts down what is late; the reader then gets an end of
file, wherever in which library it stands.
"""

from __future__ import annotations

import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from fhir_remission.effects.process.clock import Clock, Stop

# How late a cut may be.
TICK = 0.2
# A write that is on its way when the run is to end gets so long for its answer.
GRACE = 2.5


class Line:
    """Counts the time of one piece of work at once, over everything that it waits for."""

    def __init__(self, clock: Clock, stop: Stop) -> None:
        self._clock, self._stop = clock, stop
        self._lock = threading.Lock()
        self._open: list[tuple[weakref.ref[HTTPConnection], socket.socket]] = []
        self._ends_at, self._grace = float("inf"), 0.0
        self._busy = False
        self.cut = ""
        """Why the work was ended from outside; empty where it was not."""
        weakref.finalize(self, _close, self._open)

    @contextmanager
    def within(self, seconds: float, *, grace: float = 0.0) -> Iterator[None]:
        """Cut what is not done in that time, or so long after the run was to end."""
        with self._lock:
            self._ends_at, self._grace = self._clock.monotonic() + seconds, grace
            self._busy, self.cut = True, ""
        _WATCH.over(self)
        try:
            yield
        finally:
            with self._lock:
                self._busy = False
                self._tidy()

    def extend(self, seconds: float) -> None:
        """Let it take until so long from now."""
        self._ends_at = self._clock.monotonic() + seconds

    def hold(self, connection: HTTPConnection, sock: socket.socket) -> socket.socket:
        """Remember a connection that is being made: the handshake is still to come."""
        with self._lock:
            if self.cut:
                sock.close()
                raise TimeoutError(self.cut)
            # TLS takes the socket itself away; a second handle on it stays good.
            self._open.append((weakref.ref(connection), sock.dup()))
        return sock

    def look(self) -> None:
        """Cut what is late."""
        with self._lock:
            if not self._busy or self.cut:
                return
            if self._stop.overdue() > self._grace:
                self.cut = "the run is to end"
            elif self._clock.monotonic() > self._ends_at:
                self.cut = "no whole answer in time"
            if self.cut:
                self._shut()

    def close(self) -> None:
        """End whatever is still going on."""
        with self._lock:
            if self._busy:
                self.cut = self.cut or "not wanted any more"
            self._shut()
            _close(self._open)

    def _shut(self) -> None:
        for _, sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _tidy(self) -> None:
        """Forget connections that were closed, or are good for nothing any more."""
        kept = []
        for reference, sock in self._open:
            connection = reference()
            if connection is None or connection.sock is None or self.cut:
                sock.close()
            else:
                kept.append((reference, sock))
        self._open[:] = kept


def _close(held: list[tuple[weakref.ref[HTTPConnection], socket.socket]]) -> None:
    for _, sock in held:
        sock.close()
    held.clear()


class _Watch:
    """The thread that looks at all lines; it is started with the first request."""

    def __init__(self) -> None:
        self._lines: weakref.WeakSet[Line] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def over(self, line: Line) -> None:
        """Look at this one, too."""
        with self._lock:
            self._lines.add(line)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        never = threading.Event()
        while not never.wait(TICK):
            with self._lock:
                lines = list(self._lines)
            for line in lines:
                line.look()
            del lines


_WATCH = _Watch()


class LineAdapter(HTTPAdapter):
    """Makes the connections of a Session so that a line holds them."""

    def __init__(self, line: Line) -> None:
        self._classes = _classes(line)
        super().__init__()

    def init_poolmanager(self, *args: object, **options: object) -> None:
        """Make connections directly."""
        super().init_poolmanager(*args, **options)  # type: ignore[arg-type]
        self.poolmanager.pool_classes_by_scheme = self._classes

    def proxy_manager_for(self, proxy: str, **options: object) -> ProxyManager | PoolManager:
        """Make connections through a proxy."""
        manager: PoolManager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = self._classes
        return manager


def _classes(line: Line) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return line.hold(self, super()._new_conn())

    class Encrypted(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return line.hold(self, super()._new_conn())

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}
