"""What the server is asked and what it answers, before and after any socket is involved."""

from __future__ import annotations

from typing import Any

import msgspec

FHIR_JSON = "application/fhir+json; charset=utf-8"


class Request(msgspec.Struct, frozen=True):
    """One HTTP request, its path relative to the server's base."""

    number: int
    method: str
    path: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def is_search(self) -> bool:
        """Whether it is a search sent as POST."""
        return self.method == "POST" and bool(self.path) and self.path[-1] == "_search"

    @property
    def is_write(self) -> bool:
        """Whether it may change what is stored."""
        return self.method in {"POST", "PUT", "PATCH", "DELETE"} and not (
            self.is_search or self.path == ("token",)
        )


class Reply(msgspec.Struct, frozen=True):
    """One HTTP answer; `cut` bytes of the body are announced but never sent."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = {}
    cut: int = 0
    lost: bool = False
    """The connection closes without any answer."""


class Refused(Exception):
    """Answered with an OperationOutcome; never leaves the server."""

    def __init__(self, status: int, code: str, text: str, *, about: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.about = about
        """What some families have a code of their own for: a key of `Persona.error_codes`."""


def outcome(code: str, text: str, *, severity: str = "error", own_code: str = "") -> dict[str, Any]:
    """Build an OperationOutcome with one issue."""
    issue: dict[str, Any] = {"severity": severity, "code": code, "diagnostics": text}
    if own_code:
        issue["details"] = {"coding": [{"code": own_code}]}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def refusal(refused: Refused, *, own_code: str = "") -> Reply:
    """Turn a refusal into its answer."""
    body = msgspec.json.encode(outcome(refused.code, str(refused), own_code=own_code))
    headers = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else {}
    return Reply(refused.status, body, headers)
