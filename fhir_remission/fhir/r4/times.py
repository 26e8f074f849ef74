"""FHIR dates and times as intervals: a date is its whole day, a year its whole year."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache

from msgspec import Struct, structs

from fhir_remission.domain.nouns.inputs import When

_TIME = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})(?:[Tt]"
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?P<fraction>\.[0-9]+)?)?"
    r"(?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?)?)?",
    re.ASCII,
)
# Outside of these years a time is a slip of the pen, and arithmetic with zones may overflow.
_YEARS = range(1900, 2200)
# What databases and programs hold where there is no date: the zero of OLE and Excel, of SQL Server,
# of Unix. No laboratory of those days wrote FHIR.
_PLACEHOLDERS = frozenset({"1900-01-01", "1899-12-30", "1899-12-31", "1753-01-01", "1970-01-01"})
_TICK = timedelta(microseconds=1)
_MINUTE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)
# The longest time of FHIR has 35 characters; what is longer is no time and not worth keeping.
_LONGEST = 40


class Unplaced(Struct, frozen=True):
    """Why something has no place in time."""

    reason: str


NOWHERE = When(
    start=datetime.min.replace(tzinfo=UTC),
    end=datetime.max.replace(tzinfo=UTC),
    first_day=date.min,
    last_day=date.max,
    text="",
)
"""The place of what has none, until it is left out."""


class Placed(Struct, frozen=True):
    """A time, and the flags that reading it gave cause for."""

    when: When
    flags: tuple[str, ...] = ()


def read_time(text: str, zone: tzinfo | None) -> Placed | Unplaced:
    """Read a FHIR date or time; one without a zone only where the site's zone is known."""
    return _remembered(text, zone) if len(text) <= _LONGEST else _read(text, zone)


def _read(text: str, zone: tzinfo | None) -> Placed | Unplaced:
    if text.strip()[:10] in _PLACEHOLDERS:
        return Unplaced(f"time {text[:10]} stands for one that is not known")
    found = _TIME.fullmatch(text.strip())
    if found is None or int(found["year"]) not in _YEARS:
        return Unplaced(f"time {text[:40]} is not a FHIR date or time")
    try:
        if found["hour"] is None:
            return _placed_date(found, zone or UTC, text)
        return _placed_time(found, zone, text)
    except ValueError:
        return Unplaced(f"time {text[:40]} is not in the calendar")


# All results of one draw carry the same time.
_remembered = lru_cache(maxsize=1 << 12)(_read)


def read_instant(text: str, zone: tzinfo | None) -> datetime | None:
    """The last instant of a date or time somebody typed; none where it is neither."""
    placed = read_time(text, zone)
    return placed.when.end if isinstance(placed, Placed) else None


def spanning(start: Placed, end: Placed) -> Placed | Unplaced:
    """From the beginning of one time to the end of another."""
    if end.when.end < start.when.start:
        return Unplaced(f"period {start.when.text} to {end.when.text} ends before it starts")
    when = When(
        start=start.when.start,
        end=end.when.end,
        first_day=start.when.first_day,
        last_day=end.when.last_day,
        text=f"{start.when.text}/{end.when.text}",
    )
    return Placed(when=when, flags=tuple(dict.fromkeys((*start.flags, *end.flags))))


# A trephine biopsy is signed out within two weeks, and some call that day its time.
SIGNED_OUT = timedelta(days=14)


def weeks_before(placed: Placed) -> Placed:
    """Any time in which what was issued then may have been taken."""
    first = placed.when.first_day - SIGNED_OUT
    when = structs.replace(
        placed.when,
        start=placed.when.start - SIGNED_OUT,
        first_day=first,
        text=f"{first}/{placed.when.text}",
    )
    return structs.replace(placed, when=when)


def _placed_date(found: re.Match[str], zone: tzinfo, text: str) -> Placed:
    year = int(found["year"])
    first = date(year, int(found["month"] or 1), int(found["day"] or 1))
    last = first
    if found["month"] is None:
        last = date(year, 12, 31)
    elif found["day"] is None:
        last = date(year, first.month, monthrange(year, first.month)[1])
    when = When(
        start=datetime.combine(first, time.min, zone).astimezone(UTC),
        end=datetime.combine(last + timedelta(days=1), time.min, zone).astimezone(UTC) - _TICK,
        first_day=first,
        last_day=last,
        text=text,
    )
    return Placed(when=when)


def _placed_time(found: re.Match[str], zone: tzinfo | None, text: str) -> Placed | Unplaced:
    own_zone = _zone(found["zone"])
    used = own_zone or zone
    if used is None:
        return Unplaced(f"time {text[:40]} has no zone, and the site's zone is not set")
    start = _clock(found, used).astimezone(UTC)
    # Without seconds the minute is meant, with them the instant (a finer fraction says no more).
    end = start if found["second"] else start + _MINUTE - _TICK
    local = zone or UTC
    when = When(
        start=start,
        end=end,
        first_day=start.astimezone(local).date(),
        last_day=end.astimezone(local).date(),
        text=text,
    )
    return Placed(when=when, flags=() if own_zone else ("time-without-zone",))


def _clock(found: re.Match[str], zone: tzinfo) -> datetime:
    second = int(found["second"] or 0)
    fraction = (found["fraction"] or ".0")[1:7].ljust(6, "0")
    leap = second == 60
    start = datetime(
        int(found["year"]),
        int(found["month"]),
        int(found["day"]),
        int(found["hour"]),
        int(found["minute"]),
        59 if leap else second,
        int(fraction),
        tzinfo=zone,
    )
    return start + _SECOND if leap else start


@lru_cache
def _zone(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    if text in ("Z", "z"):
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 14 or minutes > 59:
        raise ValueError(text)
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
