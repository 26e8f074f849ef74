"""Clocks that are wrong: the server's, ours, for one run or for good."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from fhir_remission.jobs.site.clocks import compare
from tests.crash.world import WorldClock
from tests.lives.world import Site

MakeSite = Callable[..., Site]
NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@contextmanager
def ours_ahead(by: timedelta, site: Site) -> Iterator[None]:
    """This machine's clock is wrong for a while; the server's is not."""
    before = site.date
    WorldClock.time += by
    # Before its own stamps too: what it writes meanwhile is not looked at.
    site.date = lambda: WorldClock.time - by
    try:
        yield
    finally:
        WorldClock.time -= by
        site.date = before


@pytest.mark.parametrize(
    ("date", "last_run", "believed", "told", "stops"),
    [
        (timedelta(0), -DAY, True, False, False),
        (timedelta(minutes=9), -DAY, True, False, False),
        (timedelta(minutes=11), -DAY, True, True, False),
        (timedelta(minutes=-11), -DAY, True, True, False),
        (timedelta(hours=23), -DAY, True, True, False),
        # A Date of its own: what we saw last agrees with our clock.
        (10 * DAY, -DAY, False, True, False),
        (10 * DAY, None, False, True, False),
        (-10 * DAY, timedelta(hours=-1), False, True, False),
        # Two against ours.
        (365 * DAY, 364 * DAY, False, True, True),
        (-365 * DAY, -366 * DAY, False, True, True),
        # Nobody can say.
        (-10 * DAY, None, False, True, True),
        # The last run's clock was wrong; the server's Date and ours agree.
        (timedelta(0), 300 * DAY, True, False, False),
        # A server that says nothing of the time.
        (None, -DAY, False, False, False),
        (None, timedelta(hours=2), False, True, False),
        (None, 300 * DAY, False, True, True),
        (None, None, False, False, False),
    ],
)
def test_of_clocks_far_apart_a_third_says_which_is_wrong(
    date: timedelta | None, last_run: timedelta | None, believed: bool, told: bool, stops: bool
) -> None:
    """The whole table: ours is right now, the others are that much later."""
    found = compare(
        NOW,
        None if date is None else NOW + date,
        "" if last_run is None else (NOW + last_run).isoformat(),
    )

    assert (found.server_time is not None, bool(found.words), bool(found.stop)) == (
        believed,
        told,
        stops,
    )
    assert found.server_time is None or found.server_time <= NOW


@pytest.mark.parametrize("apart", [3 * DAY, 400 * DAY, -3 * DAY])
@pytest.mark.parametrize("when", ["first", "later"])
def test_one_answer_with_a_wrong_date_hides_no_correction(
    make_site: MakeSite, apart: timedelta, when: str
) -> None:
    """It is told; the next run sees what changed meanwhile, and after it nothing is due."""
    site = make_site("a", "b")
    if when == "later":
        assert site.run().code == 0
    right, site.date = site.date, lambda: WorldClock.time + apart

    told = site.run()

    assert (told.code, bool(told.error)) == (
        (75, True) if (when, apart < timedelta(0)) == ("first", True) else (0, False)
    )
    if told.code == 0:
        assert told.summary["clock_apart"] == pytest.approx(apart.total_seconds(), abs=5)
    site.date = right
    site.change("Observation", "a-3-marrow", status="corrected")
    if told.code == 0:
        assert site.run().line("a")["write"] == "updated"
    else:
        assert site.run().code == 0
    assert site.idle()
    assert site.run().summary["not_due"] == 2


def test_marks_of_a_time_to_come_are_mended(make_site: MakeSite) -> None:
    """As an earlier version left them after such an answer."""
    site = make_site("a", "b")
    assert site.run().code == 0
    site.execute("UPDATE watermark SET value = '2027-' || substr(value, 6)")
    site.change("Observation", "a-3-marrow", status="corrected")

    assert site.run().line("a")["write"] == "updated"
    assert site.run().summary["not_due"] == 2
    assert site.rows("SELECT COUNT(*) FROM watermark WHERE value > '2027'") == [(0,)]


@pytest.mark.parametrize("apart", [timedelta(hours=5), timedelta(hours=-5), 10 * DAY])
def test_a_date_that_is_always_wrong_hides_no_correction(
    make_site: MakeSite, apart: timedelta
) -> None:
    """The stamps of its rows are right; by its Date alone changes would not be found."""
    site = make_site("a", "b")
    site.date = lambda: WorldClock.time + apart
    assert site.run().code == 0
    for status in ("corrected", "amended", "final"):
        site.change("Observation", "a-3-marrow", status=status)
        ran = site.run()
        assert (ran.code, ran.line("a")["write"]) == (0, "updated")
        assert site.idle()


def test_a_date_may_be_ignored_by_the_settings(make_site: MakeSite) -> None:
    """Where the first run cannot know whose clock is wrong, a person may."""
    site = make_site("a")
    site.date = lambda: WorldClock.time - 10 * DAY
    stopped = site.run()

    assert stopped.code == 75
    assert "source.date" in stopped.error
    assert site.run("source.date=ignore").code == 0
    site.change("Observation", "a-3-marrow", status="corrected")
    assert site.run("source.date=ignore").line("a")["write"] == "updated"


@pytest.mark.parametrize("by", [-365 * DAY, 365 * DAY])
def test_our_own_clock_wrong_for_one_run_writes_nothing(make_site: MakeSite, by: timedelta) -> None:
    """Judged as of then, true results would be taken back."""
    site = make_site("a", "b")
    assert site.run().code == 0
    before, versions = site.living(), site.counted()
    site.change("Observation", "a-3-marrow", status="corrected")

    with ours_ahead(by, site):
        ran = site.run("source.reread=0s")

    assert ran.code == 75
    assert "set the clock" in ran.error
    assert (site.living(), site.counted()) == (before, versions)
    assert site.run().line("a")["write"] == "updated"
    assert site.idle()


def test_a_clock_behind_is_found_by_what_the_server_stamped(make_site: MakeSite) -> None:
    """Without a state nobody remembers a later time; the rows do."""
    site = make_site("a", "b")

    with ours_ahead(-365 * DAY, site):
        ran = site.run()

    assert ran.code == 75
    assert "set our clock" in ran.error
    assert site.living() == []
    assert site.run().code == 0


def test_a_clock_behind_without_any_date_stops_by_the_last_run(make_site: MakeSite) -> None:
    """And a last run of a time to come is mended by the repair, not for ever in the way."""
    site = make_site("a")
    assert site.run().code == 0
    site.date = None
    before = site.living()

    with ours_ahead(-365 * DAY, site):
        site.date = None
        ran = site.run()

    assert (ran.code, site.living()) == (75, before)
    assert "our last run began 364 d ahead of our clock" in ran.error
    assert site.run().code == 0
