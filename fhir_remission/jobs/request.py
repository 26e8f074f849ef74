"""What a caller without a server asks for, and the judge that answers it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from fhir_remission.domain.assess import Options
from fhir_remission.domain.namespace import NAMESPACE
from fhir_remission.effects.clock import SystemClock
from fhir_remission.errors import SettingsError
from fhir_remission.fhir.record import Reading
from fhir_remission.fhir.times import Unplaced, read_time
from fhir_remission.jobs.judging import Judge, load_judge

# What stands in the input is all there is of Observations; silence of other types says nothing
# unless the caller vouches for it (`--complete`).
ALWAYS_READ = frozenset({"Observation"})
# A site that vouches for its Procedures vouches for the transfusions among them.
VOUCHED = {"Procedure": frozenset({"rbc-transfusion", "platelet-transfusion"})}


class Request(Struct, frozen=True):
    """What the command line asked for."""

    criteria: tuple[str, ...] = ("eln-2022",)
    as_of: str = ""
    history: bool = False
    complete: frozenset[str] = frozenset()
    bundle: bool = False
    config: Path | None = None
    overlay: Path | None = None
    timezone: str = ""
    strict: bool = False
    read: frozenset[str] = frozenset()
    """Types read to the end, of which nobody vouches that everything is recorded."""
    attested: frozenset[str] = frozenset()
    """What a site attests that it records (`evidence.absence_proves`)."""
    accept_routine: frozenset[str] = frozenset()
    decimal_comma: bool = False
    namespace: str = NAMESPACE


def judge_for(request: Request) -> Judge:
    """Load the tables and read the moment of a request."""
    zone = _zone(request.timezone)
    attested = request.attested.union(*(VOUCHED.get(kind, ()) for kind in request.complete))
    reading = Reading(
        zone=zone if request.timezone else None,
        decimal_comma=request.decimal_comma,
        namespace=request.namespace,
        complete=ALWAYS_READ | request.complete | request.read,
        attested=attested,
    )
    return load_judge(
        request.criteria,
        reading=reading,
        zone=zone,
        as_of=_moment(request.as_of, zone),
        options=Options(
            accept_routine=request.accept_routine,
            strict=request.strict,
            current_only=not request.history,
        ),
        overlay=request.overlay,
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise SettingsError(f"unknown time zone {name}; use a name like Europe/Berlin") from None


def _moment(text: str, zone: ZoneInfo) -> datetime:
    if not text:
        return SystemClock().now()
    read = read_time(text, zone)
    if isinstance(read, Unplaced):
        raise SettingsError(f"--as-of {text}: give a time like 2026-06-30T00:00:00Z")
    return read.when.end
