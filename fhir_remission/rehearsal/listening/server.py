"""The embedded server: a service behind a listener, with a log of what it was asked."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from msgspec import Struct

from fhir_remission.errors import UsageError
from fhir_remission.rehearsal.faults.faults import Faults, read_faults
from fhir_remission.rehearsal.listening import told
from fhir_remission.rehearsal.listening.listener import Listener, read_request
from fhir_remission.rehearsal.server.login import Login, Signed
from fhir_remission.rehearsal.server.parameters import index_keys
from fhir_remission.rehearsal.server.personas import load_persona
from fhir_remission.rehearsal.server.replies import Refused, Reply, refusal
from fhir_remission.rehearsal.server.service import Service
from fhir_remission.rehearsal.server.store import Store

BASE = "/fhir"


class Asked(Struct, frozen=True):
    """One request as it came, and how it was answered."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    status: int
    sent: int
    """Bytes of the answer's body."""
    unsafe: bool


class Requests(list[Asked]):
    """Every request so far; what tests count."""

    @property
    def methods(self) -> Counter[str]:
        """How many of each method."""
        return Counter(asked.method for asked in self)

    @property
    def unsafe(self) -> list[Asked]:
        """Those that could change something: neither a read nor a search nor a login."""
        return [asked for asked in self if asked.unsafe]

    @property
    def sent(self) -> int:
        """Bytes answered."""
        return sum(asked.sent for asked in self)

    @property
    def received(self) -> int:
        """Bytes of bodies taken."""
        return sum(len(asked.body) for asked in self)


class EmbeddedServer:
    """A FHIR server on loopback for as long as the `with` block lasts."""

    def __init__(
        self,
        *,
        persona: str = "generic",
        faults: Sequence[str] = (),
        resources: Iterable[dict[str, Any]] = (),
        auth: bool = False,
        signed: Signed | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.faults: Faults = read_faults(faults)
        self._now = now or (lambda: datetime.now(UTC))
        self._listener = Listener((host, port), self._answer)
        address = f"{host}:{self._listener.server_address[1]}"
        self.base_url = f"http://{address}{BASE}"
        self.requests = Requests()
        self.store = Store(now=self._time, index=index_keys)
        self.store.load(resources)
        asks = auth or signed is not None or self.faults.about_login
        self.service = Service(
            self.store,
            load_persona(persona),
            base_url=self.base_url,
            now=self._time,
            login=Login(self.base_url, now=self._time, signed=signed) if asks else None,
        )
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,))
        self._count = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening."""
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()

    def wait(self) -> None:
        """Serve until the thread ends or the caller is interrupted."""
        self._thread.join()

    def _time(self) -> datetime:
        return self._now() + self.faults.clock_skew

    def _answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        with self._lock:
            self._count += 1
            number = self._count
        request = read_request(number, method, target, headers, body, base=BASE)
        if request is None:
            reply = refusal(Refused(404, "not-found", f"FHIR is at {BASE}"))
        else:
            reply = self.faults.answer(request, self.service)
        unsafe = request is not None and request.is_write
        asked = Asked(method, target, dict(headers), body, reply.status, len(reply.body), unsafe)
        with self._lock:
            self.requests.append(asked)
        return reply


def serve(
    *,
    persona: str = "generic",
    faults: Sequence[str] = (),
    resources: Iterable[dict[str, Any]] = (),
    port: int = 0,
    key: str = "",
    signed: Signed | None = None,
    announce: Callable[[str], None],
    settled: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until interrupted: `announce` tells what is served and, in the end, what happened.

    `settled` gets the settings of a site on this server as soon as it answers.
    """
    try:
        made = EmbeddedServer(
            persona=persona, faults=faults, resources=resources, port=port, signed=signed
        )
    except OSError as error:
        raise UsageError(
            f"--port {port}: {error.strerror}: choose another, or 0 for a free one"
        ) from None
    with made as server:
        group = told.group_of(server.store.resources("Group"))
        patients = len(server.store.resources("Patient"))
        settled(told.settings(server.base_url, group=group, key=key))
        announce(
            told.opening(server.base_url, persona=persona, patients=patients, group=group, key=key)
        )
        try:
            server.wait()
        finally:
            for line in told.closing(tuple(faults), server.faults.fired, len(server.requests)):
                announce(line)
