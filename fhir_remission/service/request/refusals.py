"""What a request is refused with: a status, an issue code and words that quote nothing of it.

NiFi and OpenFn copy the body of an error into attributes and logs, so no word of a request, of a
patient or of a server's answer stands in one. What can succeed later is 503 with Retry-After: NiFi
drops 429, and OpenHIM repeats neither.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from fhir_remission.errors import (
    AlreadyRunning,
    BrokeOff,
    CapabilityMissing,
    ClockDoubtful,
    Conflict,
    InputError,
    Interrupted,
    LoginRefused,
    PatientUnmatched,
    ReadIncomplete,
    RemissionError,
    RequestRefused,
    SafetyStop,
    SettingsError,
    Unreachable,
    UsageError,
)

RETRY_AFTER = 10


class Refused(Exception):
    """A request that is answered with an OperationOutcome."""

    def __init__(
        self, status: int, code: str, text: str, *, retry_after: int = 0, place: str = ""
    ) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text
        self.retry_after, self.place = retry_after, place


class _Row(Struct, frozen=True):
    error: type[RemissionError]
    status: int
    code: str
    text: str
    retry_after: int = 0


# The first that fits counts; codes are those of http://hl7.org/fhir/ValueSet/issue-type.
_TABLE = (
    _Row(InputError, 422, "processing", "the input cannot be judged: send FHIR R4 resources"),
    _Row(SettingsError, 400, "value", "a parameter is not understood: see the OperationDefinition"),
    _Row(UsageError, 503, "transient", "the settings of this site are wrong: run doctor", 60),
    _Row(ClockDoubtful, 503, "transient", "the clock here or at the source is wrong", 60),
    _Row(PatientUnmatched, 409, "conflict", "it is not certain who this patient is at a sink"),
    _Row(Conflict, 409, "conflict", "somebody else changed the result first: ask again"),
    _Row(SafetyStop, 409, "conflict", "a person must look at the site first: see its log"),
    _Row(AlreadyRunning, 503, "lock-error", "another run is writing: ask again", RETRY_AFTER),
    _Row(CapabilityMissing, 501, "not-supported", "the source lacks what this needs: run doctor"),
    _Row(BrokeOff, 504, "timeout", "the source broke off: ask again", RETRY_AFTER),
    _Row(LoginRefused, 503, "transient", "the source refused our login: run doctor", 60),
    _Row(Unreachable, 503, "transient", "the source cannot be reached: ask again", 30),
    _Row(ReadIncomplete, 503, "incomplete", "the record could not be read to its end", 30),
    _Row(Interrupted, 504, "timeout", "it took longer than it may: ask again", RETRY_AFTER),
    _Row(RequestRefused, 503, "transient", "the source refused a request: run doctor", 60),
    _Row(RemissionError, 503, "transient", "it cannot be answered now: see the log", 60),
)


def refusal_of(error: RemissionError) -> Refused:
    """The refusal of an error of ours; the last row fits them all."""
    row = next(one for one in _TABLE if isinstance(error, one.error))
    return Refused(row.status, row.code, row.text, retry_after=row.retry_after)


def broken() -> Refused:
    """A fault of ours; the log says where."""
    return Refused(500, "exception", "a fault of this service: give its X-Request-Id to support")


def outcome(severity: str, code: str, text: str, *, place: str = "", detail: str = "") -> Any:
    """One issue as an OperationOutcome."""
    issue: dict[str, Any] = {"severity": severity, "code": code, "diagnostics": text}
    if detail:
        issue["details"] = {"text": detail}
    if place:
        issue["expression"] = [place]
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def body_of(refused: Refused) -> bytes:
    """The OperationOutcome of a refusal."""
    severity = "fatal" if refused.status >= 500 else "error"
    return msgspec.json.encode(outcome(severity, refused.code, refused.text, place=refused.place))
