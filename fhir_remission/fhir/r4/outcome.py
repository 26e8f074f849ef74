"""OperationOutcomes: what a server says went wrong, and the part of it that may be logged."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from fhir_remission.domain.nouns.plain_text import plain_code, plain_path
from fhir_remission.fhir.r4.datatypes import Json, objects, text_of

_SEVERE = frozenset({"fatal", "error"})


class Issue(Struct, frozen=True):
    """One issue of an OperationOutcome."""

    severity: str
    code: str
    details: tuple[str, ...] = ()
    """Codes of `details.coding`, as `4130`: vendors say the real reason there."""
    text: str = ""
    """May echo patient data: for a person with access, never for a log."""
    expression: tuple[str, ...] = ()

    @property
    def severe(self) -> bool:
        """Whether the server means that something did not happen."""
        return self.severity in _SEVERE or not self.severity

    @property
    def loggable(self) -> str:
        """Codes and paths only."""
        return " ".join((self.severity or "?", self.code or "?", *self.details, *self.expression))


def read_issues(resource: Json) -> tuple[Issue, ...]:
    """The issues of an OperationOutcome; none of anything else."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "OperationOutcome":
        return ()
    return tuple(_issue(item) for item in objects(resource.get("issue")))


def read_answer(body: bytes) -> tuple[Issue, ...]:
    """The issues in the body of an answer; none where it is empty, HTML or plain text."""
    try:
        return read_issues(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()


def is_failure(issues: tuple[Issue, ...]) -> bool:
    """Whether any issue says that something did not happen."""
    return any(issue.severe for issue in issues)


def _issue(item: dict[str, Json]) -> Issue:
    held = item.get("details")
    details = held if isinstance(held, dict) else {}
    codes = (text_of(coding.get("code")) for coding in objects(details.get("coding")))
    spoken = (text_of(details.get("text")), text_of(item.get("diagnostics")))
    paths = item.get("expression")
    severity, code = text_of(item.get("severity")), text_of(item.get("code"))
    return Issue(
        severity=plain_code(severity) if severity else "",
        code=plain_code(code) if code else "",
        details=tuple(plain_code(code) for code in codes if code),
        text="; ".join(part for part in spoken if part),
        expression=tuple(plain_path(p) for p in paths if isinstance(p, str))
        if isinstance(paths, list)
        else (),
    )
