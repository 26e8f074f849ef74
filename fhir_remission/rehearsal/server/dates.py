"""FHIR dates as what they are: intervals as long as their precision."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from fhir_remission.rehearsal.server.replies import Refused

Span = tuple[datetime, datetime]
_START = datetime.min.replace(tzinfo=UTC)
_END = datetime.max.replace(tzinfo=UTC)
_TICK = timedelta(microseconds=1)

# https://hl7.org/fhir/R4/search.html#prefix: the resource's span first, the asked span second.
PREFIXES: dict[str, Callable[[Span, Span], bool]] = {
    "eq": lambda has, asked: asked[0] <= has[0] and has[1] <= asked[1],
    "ne": lambda has, asked: not (asked[0] <= has[0] and has[1] <= asked[1]),
    "ge": lambda has, asked: has[1] >= asked[0],
    "gt": lambda has, asked: has[1] > asked[1],
    "le": lambda has, asked: has[0] <= asked[1],
    "lt": lambda has, asked: has[0] < asked[0],
    "sa": lambda has, asked: has[0] > asked[1],
    "eb": lambda has, asked: has[1] < asked[0],
}


@lru_cache(maxsize=65536)
def span(text: str) -> Span | None:
    """Read a date, dateTime or instant; without a zone it is UTC; None where it is no date."""
    try:
        if len(text) == 4:
            return _until(datetime(int(text), 1, 1, tzinfo=UTC), years=1)
        if len(text) == 7:
            first = datetime(int(text[:4]), int(text[5:]), 1, tzinfo=UTC)
            return _until(first, years=first.month // 12, month=first.month % 12 + 1)
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return at, at + _precision(text) - _TICK


def _until(first: datetime, *, years: int, month: int = 1) -> Span:
    return first, first.replace(year=first.year + years, month=month) - _TICK


def _precision(text: str) -> timedelta:
    if len(text) == 10:
        return timedelta(days=1)
    clock = text[11:].rstrip("Z").partition("+")[0].partition("-")[0]
    if "." in clock:
        return timedelta(milliseconds=1) if len(clock.partition(".")[2]) <= 3 else _TICK
    return timedelta(seconds=1) if clock.count(":") == 2 else timedelta(minutes=1)


def element_span(element: Any) -> Span | None:  # noqa: ANN401 - a date or a Period
    """Read a date element or a Period, open where it has no start or end."""
    if isinstance(element, str):
        return span(element)
    if not isinstance(element, dict):
        return None
    start, end = (span(str(element[name])) if name in element else None for name in _ENDS)
    return (start[0] if start else _START, end[1] if end else _END)


_ENDS = ("start", "end")


def date_filter(text: str) -> Callable[[Any], bool]:
    """Compile one value of a date parameter, such as `ge2026-03-01`."""
    prefix, rest = (text[:2], text[2:]) if text[:2].isalpha() else ("eq", text)
    asked = span(rest)
    compare = PREFIXES.get(prefix)
    if asked is None or compare is None:
        raise Refused(400, "invalid", f"not a date to search by: {text!r}")

    def matches(element: Any) -> bool:  # noqa: ANN401
        has = element_span(element)
        return has is not None and compare(has, asked)

    return matches
