"""Whether our clock can be believed: against the server's `Date` and the last run of this state.

What is judged as of a wrong moment is wrong, and what was right before is taken back. Of clocks
that are more than a day apart one is wrong; which one, a third has to say. Where none can, nothing
is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from fhir_remission.effects.state.state import State
from fhir_remission.errors import ClockDoubtful
from fhir_remission.fhir.r4.times import Placed, read_time
from fhir_remission.fhir.r4.wire import Entry
from fhir_remission.jobs.site.servers import Server
from fhir_remission.settings import Settings

TOLD = timedelta(minutes=10)
TRUSTED = timedelta(days=1)
_SET = "set the clock that is wrong, or, where it is only the Date, source.date = ignore"


class Clocks(Struct, frozen=True):
    """What the clocks say of each other."""

    server_time: datetime | None = None
    """What watermarks are made of: never later than either clock; None: changes are not looked for
    by time, everybody is read."""
    apart: timedelta = timedelta(0)
    """How far the other clock is from ours, where that is worth telling."""
    words: str = ""
    """What is told of it."""
    stop: str = ""
    """Why nothing may be written."""
    witness: datetime | None = None
    """Ours was preferred: what the server stamped later than this says that ours is behind."""


def weigh(
    ours: datetime, server: Server, settings: Settings, state: State, *, may_write: bool
) -> Clocks:
    """What the clocks say of each other; ClockDoubtful where a run could write by a wrong one."""
    date = server.time if settings.source.date == "trust" else None
    began = next((run.started_at for run in state.runs(limit=1)), "")
    clocks = compare(ours, date, began)
    if clocks.stop and may_write:
        raise ClockDoubtful(f"{server.connection.base.origin}: {clocks.stop}; nothing was written")
    return clocks


def compare(ours: datetime, date: datetime | None, began: str) -> Clocks:
    """Weigh our clock against the server's `Date`, and both against when the last run began."""
    read = read_time(began, UTC)
    last_run = read.when.start if isinstance(read, Placed) else None
    if date is None:
        return _by_the_last_run(ours, last_run)
    apart = date - ours
    if abs(apart) <= TOLD:
        return Clocks(server_time=min(date, ours))
    words = f"the server's Date is {_words(apart)} of our clock"
    if abs(apart) <= TRUSTED:
        return Clocks(min(date, ours), apart, words)
    if apart > TRUSTED and not _is_before(ours, last_run):
        # Ours agrees with what this state saw last; what the server has stamped may still differ.
        return Clocks(None, apart, f"{words}: not believed", witness=ours + TRUSTED)
    if apart < -TRUSTED and _is_before(date, last_run) and not _is_before(ours, last_run):
        return Clocks(None, apart, f"{words}, and before our last run: not believed")
    return Clocks(None, apart, words, f"{words}: {_SET}")


def _by_the_last_run(ours: datetime, last_run: datetime | None) -> Clocks:
    if last_run is None or last_run - ours <= TOLD:
        return Clocks()
    apart = last_run - ours
    words = f"our last run began {_words(apart)} of our clock"
    if apart <= TRUSTED:
        return Clocks(apart=apart, words=words)
    repair = "set the clock; if that run's was wrong, `state check --repair`"
    return Clocks(None, apart, words, f"{words}, and the server sends no Date: {repair}")


def _is_before(moment: datetime, last_run: datetime | None) -> bool:
    return last_run is not None and last_run - moment > TRUSTED


def refuse_later(entries: Iterable[Entry], clocks: Clocks) -> None:
    """ClockDoubtful where the server has stamped evidence so late that our clock must be behind."""
    if clocks.witness is None:
        return
    for entry in entries:
        meta = entry.resource.meta
        stamp = read_time((meta.last_updated if meta else None) or "", UTC)
        if isinstance(stamp, Placed) and stamp.when.start > clocks.witness:
            raise ClockDoubtful(
                f"{clocks.words}, and what it holds was changed later than our clock says: set our "
                "clock; nothing was written"
            )


def _words(apart: timedelta) -> str:
    minutes = int(abs(apart).total_seconds() // 60)
    size = f"{minutes} min" if abs(apart) < TRUSTED else f"{abs(apart).days} d"
    return f"{size} {'ahead' if apart > timedelta(0) else 'behind'}"
