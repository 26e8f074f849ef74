"""What a caller without a server asks for, and the judge that answers it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from fhir_remission.domain.answer.assess import Options
from fhir_remission.domain.nouns.inputs import CohortRow
from fhir_remission.domain.nouns.namespace import NAMESPACE
from fhir_remission.effects.process.clock import Clock, SystemClock
from fhir_remission.errors import SettingsError, UsageError
from fhir_remission.fhir.r4.times import Unplaced, read_time
from fhir_remission.fhir.reading.record import Reading
from fhir_remission.jobs.judging.judging import Judge, load_judge

# What stands in the input is all there is of Observations; silence of other types says nothing
# unless the caller vouches for it (`--complete`).
ALWAYS_READ = frozenset({"Observation"})
# Types of which silence may prove something.
TYPES = frozenset(
    {
        *("Observation", "DiagnosticReport", "Specimen", "Condition", "Procedure"),
        *("MedicationAdministration", "Medication", "Patient"),
    }
)
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
    base: Path | None = None
    """What of ours stands on the server that the bundle is for."""
    overlay: Path | None = None
    timezone: str = ""
    strict: bool = False
    read: frozenset[str] = frozenset()
    """Types read to the end, of which nobody vouches that everything is recorded."""
    attested: frozenset[str] = frozenset()
    """What a site attests that it records (`evidence.absence_proves`)."""
    rejected_are_cancelled: bool = False
    """What a site attests of samples (`evidence.rejected_specimens_are_cancelled`)."""
    without: frozenset[str] = frozenset()
    """Types that are never to be had at this site (`source.without`)."""
    accept_routine: frozenset[str] = frozenset()
    decimal_comma: bool = False
    namespace: str = NAMESPACE
    rows: Mapping[str, tuple[CohortRow, ...]] = {}
    """What the site's cohort list states of its patients."""


def judge_for(request: Request) -> Judge:
    """Load the tables and read the moment of a request."""
    for kind in sorted(request.complete - TYPES):
        near = difflib.get_close_matches(kind, TYPES, n=1) or sorted(TYPES)
        raise UsageError(f"--complete {kind}: no type that is read; choose {', '.join(near)}")
    zone = zone_of(request.timezone)
    clock = SystemClock()
    attested = request.attested.union(*(VOUCHED.get(kind, ()) for kind in request.complete))
    reading = Reading(
        zone=zone if request.timezone else None,
        decimal_comma=request.decimal_comma,
        namespace=request.namespace,
        complete=(ALWAYS_READ | request.complete | request.read) - request.without,
        without=request.without,
        attested=attested,
        rejected_are_cancelled=request.rejected_are_cancelled,
    )
    return load_judge(
        request.criteria,
        reading=reading,
        zone=zone,
        as_of=moment_of(request.as_of, zone, clock),
        now=clock.now(),
        options=Options(
            accept_routine=request.accept_routine,
            strict=request.strict,
            current_only=not request.history and request.base is None,
        ),
        overlay=request.overlay,
        rows=request.rows,
    )


WHAT_IF = (
    "--as-of lies in the past: nothing is written, as with --dry-run; --write-as-of writes it all "
    "the same, and leaves the patients due"
)


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its name; UTC where none is given."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise SettingsError(f"unknown time zone {name}; use a name like Europe/Berlin") from None


def moment_of(text: str, zone: tzinfo, clock: Clock) -> datetime:
    """`--as-of`, or now."""
    if not text:
        return clock.now()
    read = read_time(text, zone)
    if isinstance(read, Unplaced):
        raise SettingsError(f"--as-of {text}: give a time like 2026-06-30T00:00:00Z")
    return read.when.end


def duration_of(flag: str, text: str) -> timedelta:
    """A duration of the command line, such as 60s."""
    from fhir_remission.settings.values import read_duration  # with pydantic: a third of a second

    try:
        return read_duration(text)
    except ValueError as error:
        raise SettingsError(f"{flag} {text}: {error}") from None


def is_past(text: str, moment: datetime, clock: Clock) -> bool:
    """Whether `--as-of` was given and asks what would have been said then."""
    return bool(text) and moment < clock.now()
