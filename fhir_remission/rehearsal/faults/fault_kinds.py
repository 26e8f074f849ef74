"""Which faults there are, on what occasion each can happen, and how one is asked for.

    NAME[:ARGUMENT][@SCHEDULE]     expire-page:3   429:2@7   slow:50@10-20   409@5+   truncate:1@*

Without a schedule a fault that spoils an answer's shape happens every time, one that interrupts
happens once. `@N` means at request N of the server, `@N+` from there on, `@N-M` between, `@*`
every time.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from fhir_remission.errors import SettingsError

Occasion = Literal["page", "write", "create", "patient", "token", "search", "any"]


class FaultKind(Struct, frozen=True):
    """One way in which a server goes wrong."""

    on: Occasion
    says: str
    argument: str = ""
    """What comes after the colon; empty: nothing may."""
    default: str = ""
    """Used where the argument is left out; empty: it may not be."""
    always: bool = False
    ordinal: bool = False
    """The argument is a place: the page of a search, or which write it is."""


FAULT_KINDS: dict[str, FaultKind] = {
    "off-origin-next": FaultKind(
        "page",
        "next links name another origin, as behind a careless proxy",
        argument="origin",
        default="http://internal.invalid:8080",
        always=True,
    ),
    "relative-next": FaultKind("page", "next links are relative", always=True),
    "next-loop": FaultKind("page", "from page 2 on, next is the same page", always=True),
    "expire-page": FaultKind("page", "page N has expired", argument="page", ordinal=True),
    "duplicate-rows": FaultKind("page", "the first row of a page comes twice", always=True),
    "row-between-pages": FaultKind(
        "page", "a row was added meanwhile: the last row of a page opens the next", always=True
    ),
    "outcome-in-200": FaultKind(
        "page", "one row is replaced by an OperationOutcome that says so", always=True
    ),
    "429": FaultKind("any", "busy; Retry-After in seconds", argument="seconds", default="1"),
    "429-date": FaultKind("any", "busy; Retry-After as a date one second ahead"),
    "500-after-commit": FaultKind(
        "write", "write N is done, and answered with 500", argument="write", ordinal=True
    ),
    "lost-response": FaultKind(
        "write", "write N is done, and never answered", argument="write", ordinal=True
    ),
    "truncate": FaultKind("page", "page N breaks off in the middle", argument="page", ordinal=True),
    "slow": FaultKind("any", "every answer waits", argument="milliseconds", always=True),
    "gzip-bomb": FaultKind(
        "page", "a small compressed body of N megabytes", argument="megabytes", default="256"
    ),
    "ignore-param": FaultKind(
        "search", "a search parameter is ignored in silence", argument="parameter", always=True
    ),
    "409": FaultKind("write", "a write conflicts (409)"),
    "412": FaultKind("write", "a write's precondition fails (412)"),
    "empty-201": FaultKind("create", "a create answers without a body", always=True),
    "drop-field": FaultKind(
        "any", "an element is missing from every answer", argument="path", always=True
    ),
    "token-flaky": FaultKind("token", "the login answers 400 without a reason"),
    "token-expires": FaultKind(
        "any", "a token is good for N requests only", argument="requests", always=True
    ),
    "merged-patient": FaultKind("patient", "the patient asked for is merged into a new one"),
    "foreign-patient": FaultKind(
        "page", "a search by patient brings a row of another patient", always=True
    ),
    "clock-skew": FaultKind(
        "any", "the server's clock is S seconds ahead", argument="seconds", always=True
    ),
}

_NUMBERS = frozenset({"page", "write", "seconds", "milliseconds", "megabytes", "requests"})
_SCHEDULE = re.compile(r"(?P<first>\d+)(?:(?P<open>\+)|-(?P<last>\d+))?|\*")


class Fault(Struct, frozen=True):
    """One fault as asked for."""

    spec: str
    name: str
    argument: str
    first: int | None = None
    """Requests from here ..."""
    last: int | None = None
    """... to here; None: without end."""
    always: bool = False

    @property
    def kind(self) -> FaultKind:
        """The row of the table."""
        return FAULT_KINDS[self.name]

    def scheduled(self, number: int) -> bool | None:
        """Whether it is due at request `number`; None where no request was named."""
        if self.first is None:
            return None
        return self.first <= number and (self.last is None or number <= self.last)


def read_fault(spec: str) -> Fault:
    """Read one `--fault`; what is wrong with it is said in the error."""
    asked, at, schedule = spec.rpartition("@") if "@" in spec else (spec, "", "")
    name, _, argument = asked.partition(":")
    kind = FAULT_KINDS.get(name)
    if kind is None:
        known = ", ".join(FAULT_KINDS)
        raise SettingsError(f"unknown fault {name!r}; choose one of {known}")
    argument = argument or kind.default
    if bool(argument) != bool(kind.argument):
        wanted = f"{name}:{kind.argument.upper()}" if kind.argument else f"{name} without argument"
        raise SettingsError(f"fault {spec!r} must be written {wanted}")
    number = argument.removeprefix("-") if name == "clock-skew" else argument
    if kind.argument in _NUMBERS and not number.isdecimal():
        raise SettingsError(f"fault {spec!r}: {kind.argument} must be a number")
    fault = Fault(spec, name, argument, always=kind.always)
    return _with_schedule(fault, schedule) if at else fault


def _with_schedule(fault: Fault, schedule: str) -> Fault:
    found = _SCHEDULE.fullmatch(schedule)
    if found is None:
        raise SettingsError(f"fault {fault.spec!r}: after @ comes N, N+, N-M or *")
    if schedule == "*":
        return Fault(fault.spec, fault.name, fault.argument, always=True)
    first = int(found["first"])
    last = None if found["open"] else int(found["last"] or first)
    return Fault(fault.spec, fault.name, fault.argument, first=first, last=last)
