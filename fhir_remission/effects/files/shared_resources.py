"""What belongs to no single patient, by its names, on disk: medications, devices, specimens."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from fhir_remission.effects.files.private_file import make_private
from fhir_remission.effects.files.spool import Row


class Found(Struct, frozen=True):
    """One resource as it was read."""

    address: str
    place: str
    body: bytes


class Shared:
    """Look-ups in the file that `write_shared` made."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)

    def find(self, name: str) -> Found | None:
        """The resource of that reference or address, the one that was read first."""
        row = self._connection.execute(
            "select address, place, body from shared where name = ?", (name,)
        ).fetchone()
        return None if row is None else Found(*row)

    def holds(self, kind: str) -> bool:
        """Whether any resource of this type is among them."""
        rows = self._connection.execute(
            "select 1 from shared where name >= ? and name < ? limit 1", (f"{kind}/", f"{kind}0")
        )
        return rows.fetchone() is not None


def write_shared(path: Path, rows: Iterable[Row]) -> int:
    """Write the file anew; return how many rows came."""
    path.unlink(missing_ok=True)
    make_private(path)
    with sqlite3.connect(path) as connection:
        connection.execute("pragma journal_mode = off")
        connection.execute("pragma synchronous = off")
        connection.execute(
            "create table shared (name text primary key, task int, number int,"
            " address text, place text, body blob) without rowid"
        )
        before = connection.total_changes
        connection.executemany(
            "insert into shared values (?, ?, ?, ?, ?, ?) on conflict do update set"
            " task = excluded.task, number = excluded.number, address = excluded.address,"
            " place = excluded.place, body = excluded.body"
            " where (excluded.task, excluded.number) < (task, number)",
            (
                (row.key, row.task, row.number, row.address, row.place, bytes(row.body))
                for row in rows
            ),
        )
        many = connection.total_changes - before
    connection.close()
    return many
