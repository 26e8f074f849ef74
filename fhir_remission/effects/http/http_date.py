"""A date as HTTP headers write it; a server's clock may say anything."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Beyond them sums with a date leave what a date can be.
_FIRST, _LAST = 1970, 2200


def read_http_date(text: str) -> datetime | None:
    """Read a date, in UTC; None for what is none, or lies where no server lives."""
    try:
        read = parsedate_to_datetime(text)
        if not _FIRST <= read.year <= _LAST:
            return None
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
