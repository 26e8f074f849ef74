"""The two ways to a server: one that can only read, by its type, and one that can also write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from fhir_remission.effects.http.origin import Base
from fhir_remission.effects.http.retry import Persistence, persist
from fhir_remission.effects.http.transport import (
    Answer,
    Exchange,
    OutcomeUnknown,
    Request,
)
from fhir_remission.errors import SafetyStop, Unreachable

FHIR_JSON = "application/fhir+json"
FORM = "application/x-www-form-urlencoded"


class ReadTransport(Protocol):
    """Reading, with retries: GET, and POST to a `_search` address."""

    @property
    def base(self) -> Base:
        """The server."""

    def get(self, url: str, label: str, headers: Mapping[str, str]) -> Answer:
        """Get one address; returns whatever the server finally answers."""

    def post_search(self, url: str, form: str, label: str, headers: Mapping[str, str]) -> Answer:
        """Send a search in the body, so that no patient stands in an address."""

    def close(self) -> None:
        """Close the chain's connections."""


class WriteTransport(ReadTransport, Protocol):
    """Reading and writing."""

    def write(self, request: Request) -> Answer | OutcomeUnknown:
        """Send a write; it may end without anybody knowing whether it took effect."""


class Reader:
    """A chain of reads. There is no method here that could change anything: dry runs use it."""

    def __init__(self, base: Base, exchange: Exchange, how: Persistence) -> None:
        self.base = base
        self._exchange, self._how = exchange, how

    def get(self, url: str, label: str, headers: Mapping[str, str]) -> Answer:
        """Get one address; returns whatever the server finally answers."""
        return self._read(Request("GET", url, label, headers={"Accept": FHIR_JSON, **headers}))

    def post_search(self, url: str, form: str, label: str, headers: Mapping[str, str]) -> Answer:
        """Send a search in the body, so that no patient stands in an address."""
        if not url.endswith("/_search"):
            raise SafetyStop(f"{label}: a search must go to a _search address")
        kind = {"Accept": FHIR_JSON, "Content-Type": FORM, **headers}
        return self._read(Request("POST", url, label, headers=kind, body=form.encode()))

    def close(self) -> None:
        """Close the chain's connections."""
        self._exchange.close()

    def _read(self, request: Request) -> Answer:
        answer = persist(request, self._exchange, self._how)
        if isinstance(answer, OutcomeUnknown):
            raise Unreachable(answer.reason)
        return answer


class Writer(Reader):
    """A chain of reads and writes."""

    def write(self, request: Request) -> Answer | OutcomeUnknown:
        """Send a write; it may end without anybody knowing whether it took effect."""
        return persist(request, self._exchange, self._how)
