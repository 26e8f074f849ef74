"""One writer at a time, on every machine that shares the state: a lease with a fence.

The fence grows with every change of hands. A run that lost its lease while it slept finds a
higher fence when it wants to record a send, and stops.
"""

from __future__ import annotations

from datetime import timedelta

from msgspec import Struct
from sqlalchemy import Connection, text

from fhir_remission.effects.clock import Clock, timestamp
from fhir_remission.effects.database import Database
from fhir_remission.errors import AlreadyRunning

LASTING = timedelta(minutes=15)


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
        """Prolong it, between two patients."""
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


def take_lease(
    database: Database, clock: Clock, name: str, owner: str, lasting: timedelta = LASTING
) -> Lease:
    """Become the only writer of `name`, or raise AlreadyRunning.

    `owner` is the machine: whoever holds its lock file (`lock.py`) may take over at once from a
    run that died there; a run on another machine waits until the lease ends.
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
WHERE name = :name AND (expires_at < :now OR owner = :owner)
"""
_READ = "SELECT fence, expires_at FROM lease WHERE name = :name"
