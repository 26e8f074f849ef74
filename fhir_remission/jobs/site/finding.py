"""What an examination says of one thing, and with which code the next run would end for it."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from fhir_remission.domain.nouns.plain_text import plain
from fhir_remission.effects.process.clock import SystemClock
from fhir_remission.effects.server.connect import Connection
from fhir_remission.errors import RemissionError
from fhir_remission.settings.model import Server as ServerSettings

# The worst of several: the first of these (interfaces: 5 > 4 > 7 > 75 > 3; 1 is a bug of ours).
_ORDER = (1, 5, 4, 7, 2, 75, 3)


class Finding(Struct, frozen=True):
    """One thing that was looked at, and what to do about it."""

    server: str
    check: str
    level: str
    """ok, note, or fail."""
    says: str
    do: str = ""
    exit_code: int = 0

    def __str__(self) -> str:
        """Write it as a line."""
        do = f" -> {self.do}" if self.do else ""
        return plain(f"{self.level:<5} {self.server}: {self.check}: {self.says}{do}")


def worst(findings: Iterable[Finding]) -> int:
    """The code of the worst finding, in the order of all commands."""
    found = {finding.exit_code for finding in findings}
    return next((code for code in _ORDER if code in found), 0)


class Examined(Struct, frozen=True):
    """One server under examination."""

    name: str
    settings: ServerSettings
    connection: Connection
    clock: SystemClock
    write_probe: bool


def failed(one: Examined, check: str, error: RemissionError) -> Finding:
    # The run is to end: that is no finding about the server.
    one.connection.stop.check()
    return Finding(one.name, check, "fail", str(error), exit_code=error.exit_code)


def seen(
    one: Examined, check: str, level: str, says: str, do: str = "", *, exit_code: int = 0
) -> Finding:
    return Finding(one.name, check, level, says, do, exit_code)
