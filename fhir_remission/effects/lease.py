"""One writer at a time, on every machine that shares the state: a lease with a fence.

The fence grows with every change of hands. A run that lost its lease while it slept finds a
higher fence when it wants to record a send, and stops. Nothing but the end of its time frees a
lease that was not given back: a host name proves nothing, two machines may have the same.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from msgspec import Struct
from sqlalchemy import Connection, text

from fhir_remission.effects.clock import Clock, Stop, timestamp
from fhir_remission.effects.database import Database
from fhir_remission.errors import AlreadyRunning, Unreachable

# A run that died holds the others up for a minute; one that lives may miss three renewals.
LASTING = timedelta(seconds=60)
RENEWED_EVERY = timedelta(seconds=15)


class Lease(Struct, frozen=True):
    """A lease that was held at least once; `hold` says whether it still is."""

    database: Database
    clock: Clock
    name: str
    fence: int
    lasting: timedelta = LASTING

    def hold(self, connection: Connection) -> None:
        """Raise AlreadyRunning, inside a transaction, when another run has taken over."""
        held = connection.execute(
            text("UPDATE lease SET fence = fence WHERE name = :name AND fence = :fence"),
            {"name": self.name, "fence": self.fence},
        )
        if held.rowcount != 1:
            raise AlreadyRunning(f"another run took over {self.name}: this one stops writing")

    def keep(self) -> None:
        """Prolong it."""
        with self.database.writing() as connection:
            self.hold(connection)
            connection.execute(
                text("UPDATE lease SET expires_at = :at WHERE name = :name"),
                {"name": self.name, "at": timestamp(self.clock.now() + self.lasting)},
            )

    def release(self) -> None:
        """Let the next run begin at once."""
        with self.database.writing() as connection:
            connection.execute(
                text("UPDATE lease SET expires_at = '' WHERE name = :name AND fence = :fence"),
                {"name": self.name, "fence": self.fence},
            )


@contextmanager
def renewed(lease: Lease, stop: Stop, every: timedelta = RENEWED_EVERY) -> Iterator[None]:
    """Prolong the lease meanwhile, however long one answer of a server takes.

    A run that lost it is asked to stop. A database that is away for a while is asked again: no
    send is recorded before `hold` has found the fence.
    """
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(every.total_seconds()):
            try:
                lease.keep()
            except AlreadyRunning as lost:
                stop.end(lost)
                return
            except Unreachable:
                continue

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def take_lease(
    database: Database, clock: Clock, name: str, owner: str, lasting: timedelta = LASTING
) -> Lease:
    """Become the only writer of `name`, or raise AlreadyRunning.

    `owner` is a random word of this run, so that a look at the table can tell two runs apart.
    """
    now = clock.now()
    values = {
        "name": name,
        "owner": owner,
        "now": timestamp(now),
        "expires_at": timestamp(now + lasting),
    }
    with database.writing() as connection:
        connection.execute(text(_INSERT), values)
        taken = connection.execute(text(_TAKE), values).rowcount == 1
        row = connection.execute(text(_READ), values).one()
    if not taken:
        raise AlreadyRunning(f"another run holds {name} until {row.expires_at}")
    return Lease(database, clock, name, int(row.fence), lasting)


_INSERT = """
INSERT INTO lease (name, owner, fence, expires_at) VALUES (:name, '', 0, '')
ON CONFLICT (name) DO NOTHING
"""
_TAKE = """
UPDATE lease SET owner = :owner, fence = fence + 1, expires_at = :expires_at
WHERE name = :name AND expires_at < :now
"""
_READ = "SELECT fence, expires_at FROM lease WHERE name = :name"
