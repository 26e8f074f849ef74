"""Moments and zones as a person types them."""

from __future__ import annotations

from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fhir_remission.effects.clock import Clock
from fhir_remission.errors import SettingsError
from fhir_remission.fhir.times import Unplaced, read_time


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
