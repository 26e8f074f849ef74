"""Where the site stands, told by its state and its source: for probes and metrics."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta

from sqlalchemy import text

from fhir_remission.effects.process.clock import Stop, timestamp
from fhir_remission.effects.state.state import State, open_state
from fhir_remission.errors import RemissionError
from fhir_remission.jobs.site.servers import open_source
from fhir_remission.service.answering.site import ServedSite

# A probe comes every few seconds; the source is asked no oftener than this, in seconds.
FRESH = 30.0
PROBE = timedelta(seconds=5)
_LOCK = threading.Lock()
_SEEN: dict[str, tuple[float, bool]] = {}


def problems(site: ServedSite) -> list[str]:
    """What keeps the site from answering: stopping, state, source."""
    found = ["stopping"] if site.stopping else []
    try:
        with closing(open_state(site.settings.state.url, site.clock)) as state:
            state.runs(1)
    except (RemissionError, OSError):
        found.append("state")
    if site.settings.source.base_url and not _reachable(site):
        found.append("source")
    return found


def _reachable(site: ServedSite) -> bool:
    address = site.settings.source.base_url
    now = site.clock.monotonic()
    with _LOCK:
        then, seen = _SEEN.get(address, (-FRESH, False))
        if now - then < FRESH:
            return seen
        # Others are told what was last known while this one asks.
        _SEEN[address] = (now, seen)
    try:
        stop = Stop(site.clock, PROBE)
        open_source(site.settings, clock=site.clock, stop=stop, dry_run=True)
        seen = True
    except (RemissionError, OSError):
        seen = False
    with _LOCK:
        _SEEN[address] = (site.clock.monotonic(), seen)
    return seen


def standing(site: ServedSite) -> Iterator[tuple[str, str, float]]:
    """The gauges of the state: its last good run, whom it has to read, whether a run writes."""
    try:
        with closing(open_state(site.settings.state.url, site.clock)) as state:
            yield from _gauges(state, site)
    except (RemissionError, OSError):
        yield "state_up", "Whether the state can be read", 0.0


def _gauges(state: State, site: ServedSite) -> Iterator[tuple[str, str, float]]:
    yield "state_up", "Whether the state can be read", 1.0
    good = [run for run in state.runs(50) if run.exit == 0 and run.ended_at]
    if good:
        ended = datetime.fromisoformat(good[0].ended_at).timestamp()
        yield "last_good_run_timestamp_seconds", "When the last run ended with 0", ended
    source = site.settings.source.base_url
    yield "queue_patients", "Patients that are marked to be read", float(len(state.dirty(source)))
    with state.database.reading() as connection:
        held = connection.execute(
            text("SELECT count(*) FROM lease WHERE expires_at > :now"),
            {"now": timestamp(site.clock.now())},
        ).scalar_one()
    yield "lease_held", "Whether a run holds the lease", float(held)
