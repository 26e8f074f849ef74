"""Moments and zones as a person types them."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fhir_remission.effects.process.clock import Clock
from fhir_remission.errors import SettingsError
from fhir_remission.fhir.r4.times import Unplaced, read_time

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
