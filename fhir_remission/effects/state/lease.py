"""One writer at a time, on every machine that shares the state: a lease with a fence.

The fence grows with every change of hands. A run that lost its lease while it slept finds a
higher fence when it wants to record a send, and stops. Nothing but the end of its time, or a
person, frees a lease that was not given back: a host name proves nothing, two machines may have
the same. One that lasts longer than any run takes is not believed: its clock was wrong.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import Connection, text

from fhir_remission.effects.process.clock import Clock, Stop, timestamp
from fhir_remission.effects.state.database import Database
from fhir_remission.errors import AlreadyRunning, Unreachable

# A run that died holds the others up for a minute; one that lives may miss three renewals.
LASTING = timedelta(seconds=60)
RENEWED_EVERY = timedelta(seconds=15)

# So many changes of hands no table has seen: a fence beyond it is damaged, and begins anew.
HIGHEST = 2**62


def database_time(connection: Connection, clock: Clock) -> datetime:
    """The one clock of all who share a database; a file is of one machine, and so has its clock.

    A machine whose own clock was wrong when it died would hold the others up for as long.
    """
    if connection.dialect.name == "postgresql":
        found: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return found
    return clock.now()


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
                {
                    "name": self.name,
                    "at": timestamp(database_time(connection, self.clock) + self.lasting),
                },
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
    with database.writing() as connection:
        now = database_time(connection, clock)
        values = {
            "name": name,
            "owner": owner,
            "highest": HIGHEST,
            "now": timestamp(now),
            "expires_at": timestamp(now + lasting),
            "believed": timestamp(now + 2 * lasting),
        }
        connection.execute(text(_INSERT), values)
        taken = connection.execute(text(_TAKE), values).rowcount == 1
        row = connection.execute(text(_READ), values).one()
    if not taken:
        raise AlreadyRunning(
            f"another run holds {name} until {row.expires_at}; if it is known to be dead, "
            "state release-lease frees it"
        )
    return Lease(database, clock, name, int(row.fence), lasting)


def free_lease(database: Database, name: str) -> str:
    """Free a lease by hand, with a higher fence; returns until when it was held, or nothing.

    A run that holds it after all stops before it records its next send.
    """
    with database.writing() as connection:
        found = connection.execute(text(_READ), {"name": name}).first()
        held = str(found.expires_at) if found is not None else ""
        if held:
            connection.execute(text(_FREE), {"name": name, "highest": HIGHEST})
    return held


_INSERT = """
INSERT INTO lease (name, owner, fence, expires_at) VALUES (:name, '', 0, '')
ON CONFLICT (name) DO NOTHING
"""
_TAKE = """
UPDATE lease SET owner = :owner, expires_at = :expires_at,
    fence = CASE WHEN fence >= 0 AND fence < :highest THEN fence + 1 ELSE 1 END
WHERE name = :name AND (expires_at < :now OR expires_at > :believed)
"""
_FREE = """
UPDATE lease SET owner = '', expires_at = '',
    fence = CASE WHEN fence >= 0 AND fence < :highest THEN fence + 1 ELSE 1 END
WHERE name = :name
"""
_READ = "SELECT fence, expires_at FROM lease WHERE name = :name"
