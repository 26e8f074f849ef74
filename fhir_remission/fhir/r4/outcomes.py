"""How a server says that it gave less than it has: OperationOutcomes among resources, labels.

Of an outcome codes only, because texts may name patients.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from fhir_remission.domain.nouns.plain_text import plain_code
from fhir_remission.domain.tables.issues import Harmless, is_of
from fhir_remission.fhir.r4.elements import CodeableConcept, Coding, Meta, is_there


class Issue(Struct, frozen=True):
    """One issue of an OperationOutcome: codes only, because texts may name patients."""

    severity: str
    code: str
    details: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()
    """The same with their systems, as `system|code`."""

    @property
    def loggable(self) -> str:
        """Codes only."""
        return " ".join((self.severity or "no severity", self.code or "no code", *self.details))

    def hides(self, harmless: Harmless, known: frozenset[str] = frozenset()) -> bool:
        """Whether something may be missing: only a mild issue of a harmless code says no.

        `known` are codes of `details` that the server's profile knows to be harmless.
        """
        if self.severity.lower() not in ("warning", "information", "success"):
            return True
        if self.code.lower() in harmless or known.intersection(self.details):
            return False
        return not self.vendors or not all(is_of(one, harmless) for one in self.vendors)


class _Issue(Struct):
    severity: str | None = None
    code: str | None = None
    details: CodeableConcept | None = None


class _Outcome(Struct, rename="camel"):
    resource_type: str | None = None
    issue: list[_Issue] | None = None


_OUTCOME = msgspec.json.Decoder(_Outcome)


def read_outcome(body: bytes | Raw) -> tuple[Issue, ...]:
    """The issues of an OperationOutcome; one that has none says nothing that can be trusted."""
    issues = tuple(
        _issue(issue, issue.details.coding or [] if issue.details else [])
        for issue in _OUTCOME.decode(body).issue or []
    )
    return issues or (Issue(severity="", code=""),)


def _issue(issue: _Issue, details: list[Coding]) -> Issue:
    return Issue(
        severity=plain_code(issue.severity) if issue.severity else "",
        code=plain_code(issue.code) if issue.code else "",
        details=tuple(plain_code(one.code) for one in details if one.code),
        vendors=tuple(f"{one.system or ''}|{one.code or ''}" for one in details),
    )


# Security alterations of v3-ObservationValue, under whichever of the system's names:
# https://terminology.hl7.org/CodeSystem-v3-ObservationValue.html. ANONYED, PSEUDED and MAPPED
# change names and codes, not what was found. SUBSETTED also comes of `_summary` and `_elements`.
HELD_BACK = frozenset({"ABSTRED", "AGGRED", "MASKED", "REDACTED", "SUBSETTED"})
# What is not meant as truth about a patient: data of a test (HTEST of v3-ActReason, as the
# processing mode of HL7 v2 comes: https://hl7.org/fhir/R4/security-labels.html), and the
# security integrity confidence of v3-ObservationValue that doubts what it labels.
TEST_DATA = "HTEST"
_NO_TRUTH = frozenset({TEST_DATA, "UNCERTREL", "UNRELIABLE"})


def held_back(meta: Meta | None) -> str:
    """The label that says so, among security labels and tags; empty where there is none."""
    if meta is None or not (meta.security or meta.tag or is_there(meta.extension)):
        return ""
    security = [coding.code or "(without a code)" for coding in meta.security or []]
    tags = [coding.code or "" for coding in meta.tag or []]
    found = (code for code in [*security, *tags] if code.strip().upper() in _TOLD)
    return next(found, "") or _gone(meta)


def what_it_says(label: str, hidden: str) -> str:
    """A label in words; `hidden` are those for one that says that something is missing."""
    return "not to be taken as true of a patient" if label.strip().upper() in _NO_TRUTH else hidden


_TOLD = {*HELD_BACK, *_NO_TRUTH, "(WITHOUT A CODE)"}
# Azure exports what was deleted as well, marked by this extension with `soft-deleted`:
# https://learn.microsoft.com/azure/healthcare-apis/fhir/export-data (includeAssociatedData).
_DELETED_STATE = b"/data-extensions/deleted-state"


def _gone(meta: Meta) -> str:
    """What an extension says that marks a resource as deleted."""
    return "deleted-state" if _DELETED_STATE in bytes(meta.extension) else ""
