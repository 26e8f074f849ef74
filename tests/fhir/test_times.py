"""Dates and times are intervals in the site's zone, or a reason."""

from __future__ import annotations

from datetime import UTC, date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_remission.fhir.r4.times import Placed, Unplaced, read_instant, read_time, spanning

BERLIN = ZoneInfo("Europe/Berlin")


def _read(text: str, zone: ZoneInfo | None = None) -> Placed:
    placed = read_time(text, zone)
    assert isinstance(placed, Placed)
    return placed


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", "2026-01-01T00:00:00+00:00", "2026-12-31T23:59:59.999999+00:00"),
        ("2026-02", "2026-02-01T00:00:00+00:00", "2026-02-28T23:59:59.999999+00:00"),
        ("2024-02", "2024-02-01T00:00:00+00:00", "2024-02-29T23:59:59.999999+00:00"),
        ("2026-03-01", "2026-03-01T00:00:00+00:00", "2026-03-01T23:59:59.999999+00:00"),
        ("2026-03-01T08:15Z", "2026-03-01T08:15:00+00:00", "2026-03-01T08:15:59.999999+00:00"),
        ("2026-03-01T08:15:30Z", "2026-03-01T08:15:30+00:00", "2026-03-01T08:15:30+00:00"),
        (
            "2026-03-01T08:15:30.1234567+02:00",
            "2026-03-01T06:15:30.123456+00:00",
            "2026-03-01T06:15:30.123456+00:00",
        ),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00", "2017-01-01T00:00:00+00:00"),
    ],
)
def test_a_time_is_the_interval_it_names(text: str, start: str, end: str) -> None:
    """A year is its whole year, a minute its whole minute."""
    when = _read(text).when

    assert (when.start.isoformat(), when.end.isoformat(), when.text) == (start, end, text)
    assert when.start.tzinfo is UTC


def test_a_day_is_a_day_of_the_site() -> None:
    """Shortly before midnight in UTC it is the next day in Berlin, and a date is Berlin's day."""
    late = _read("2026-03-01T23:30:00Z", BERLIN).when
    whole = _read("2026-03-02", BERLIN).when

    assert late.first_day == date(2026, 3, 2)
    assert whole.start.isoformat() == "2026-03-01T23:00:00+00:00"
    assert whole.end.isoformat() == "2026-03-02T22:59:59.999999+00:00"


def test_a_day_with_a_clock_change_is_as_long_as_it_is() -> None:
    """The last Sunday of March has 23 hours."""
    when = _read("2026-03-29", BERLIN).when

    assert (when.end - when.start).total_seconds() == pytest.approx(23 * 3600)


def test_a_time_without_a_zone_is_read_only_where_the_zone_is_known() -> None:
    """And then it is flagged."""
    assert isinstance(read_time("2026-03-01T08:00:00", None), Unplaced)
    placed = _read("2026-03-01T08:00:00", BERLIN)

    assert placed.when.start.isoformat() == "2026-03-01T07:00:00+00:00"
    assert placed.flags == ("time-without-zone",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-13",
        "2026-02-29",
        "2026-3-1",
        "26-03-01",
        "2026-03-01T25:00:00Z",
        "2026-03-01T08:00:00+15:00",
        "2026-03-01T08:00:00+01:75",
        "2026-03-01 08:00:00Z",
        "20260301",
        "0001-01-01",
        "9999-12-31T23:59:59-14:00",
        "٢٠٢٦-03-01",
    ],
)
def test_what_is_no_time_says_so(text: str) -> None:
    """A reason, never an exception."""
    assert isinstance(read_time(text, BERLIN), Unplaced)


def test_a_period_reaches_from_end_to_end() -> None:
    """And not backwards."""
    first, last = _read("2026-03-01"), _read("2026-03-03")
    both = spanning(first, last)

    assert isinstance(both, Placed)
    assert both.when.text == "2026-03-01/2026-03-03"
    assert (both.when.first_day, both.when.last_day) == (date(2026, 3, 1), date(2026, 3, 3))
    assert isinstance(spanning(last, first), Unplaced)


def test_an_instant_somebody_typed_is_its_last_moment() -> None:
    """As of a day is as of its end."""
    instant = read_instant("2026-06-30", UTC)

    assert instant is not None
    assert instant.isoformat() == "2026-06-30T23:59:59.999999+00:00"
    assert read_instant("yesterday", UTC) is None


@given(st.text(max_size=40))
def test_no_text_breaks_the_clock(text: str) -> None:
    """Any text is a time or a reason."""
    assert isinstance(read_time(text, BERLIN), Placed | Unplaced)
