"""What is unfinished or damaged in the state, and how it is mended.

The state is a cache of truth on the servers: a row that cannot be read is thrown away, and whom it
was about is read again, with what stands on the server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, text

from fhir_remission.effects.process.clock import is_timestamp, timestamp
from fhir_remission.effects.state.lease import HIGHEST, LASTING
from fhir_remission.effects.state.state import State
from fhir_remission.effects.state.state_copy import ROWS
from fhir_remission.effects.state.state_rows import END_THE_DEAD, MARK_DIRTY, read_bundle, read_row

# Clocks of two machines differ, and looks for changes overlap, by less than that.
LATEST = timedelta(minutes=10)
REPAIRED = "state repaired"
_FORGET = (
    "DELETE FROM assessment WHERE key = :key",
    "DELETE FROM evidence WHERE used_by = :key",
)
Values = Mapping[str, Any]


class Fault(Struct, frozen=True):
    """One row that must go, or that has to be written anew."""

    table: str
    place: str | int
    why: str
    row: dict[str, Any]

    @property
    def word(self) -> str:
        """What is told of it, and of others like it."""
        return f"{self.table}: {self.why}"


def unfinished(state: State, now: datetime) -> list[str]:
    """What the next run will have to settle, or a person to look at; then what is damaged."""
    asked = {
        "results on their way, settled by the next run": (
            "SELECT COUNT(*) FROM assessment WHERE status = 'pending'"
        ),
        "patients on the backlog": "SELECT COUNT(*) FROM backlog",
    }
    with state.database.reading() as connection:
        counts = {
            what: int(connection.execute(text(query)).scalar_one()) for what, query in asked.items()
        }
        faults = list(_faults(connection, now))
    return [
        *(f"{count} {what}" for what, count in counts.items() if count),
        *_counted(faults, "state check --repair mends it"),
    ]


def repair(state: State, now: datetime) -> list[str]:
    """Mend what is damaged, all or nothing; returns what was done."""
    with state.database.writing() as connection:
        faults = list(_faults(connection, now))
        for fault in faults:
            _mend(connection, fault)
    return _counted(faults, "mended")


def _counted(faults: Iterable[Fault], then: str) -> list[str]:
    counts: dict[str, int] = {}
    for fault in faults:
        counts[fault.word] = counts.get(fault.word, 0) + 1
    return [f"{count} {word}: {then}" for word, count in counts.items()]


def _faults(connection: Connection, now: datetime) -> Iterator[Fault]:
    pending = set(_texts(connection, "SELECT key FROM assessment WHERE status = 'pending'"))
    results = set(_texts(connection, "SELECT key FROM assessment"))
    newest = max(_texts(connection, "SELECT started_at FROM run WHERE exit <> -1"), default="")
    later = timestamp(now + LATEST)
    for table in ROWS:
        for place, row in _rows(connection, table):
            why = "" if read_row(ROWS[table], row) else "rows that cannot be read"
            if not why and table == "watermark" and row["value"]:
                at = row["value"].partition(" ")[0]
                why = "" if is_timestamp(at) and at <= later else "marks of no time or one to come"
            if not why and table == "outbox" and row["state"] != "sent":
                if read_bundle(row["bundle"]) is None:
                    why = "bundles that cannot be read"
                elif row["key"] not in pending:
                    why = "bundles that no result waits for"
            if not why and table == "evidence" and row["used_by"] not in results:
                why = "cited pieces of evidence of no result"
            if not why and table == "run":
                why = _of_run(row, newest, later)
            if why:
                yield Fault(table, place, why, row)
    yield from _leases(connection, now)


def _of_run(row: Values, newest: str, later: str) -> str:
    if not is_timestamp(row["started_at"]) or row["started_at"] > later:
        return "runs that began at no time or one to come"
    return "runs that never ended" if row["exit"] == -1 and row["started_at"] < newest else ""


def _leases(connection: Connection, now: datetime) -> Iterator[Fault]:
    last = timestamp(now + 2 * LASTING)
    for place, row in _rows(connection, "lease"):
        fence, ends = row["fence"], row["expires_at"]
        if not isinstance(fence, int) or not 0 <= fence < HIGHEST:
            yield Fault("lease", place, "a fence that no run can have had", row)
        elif ends and not (is_timestamp(ends) and ends <= last):
            yield Fault("lease", place, "a lease longer than any run takes", row)


def _mend(connection: Connection, fault: Fault) -> None:
    row, here = fault.row, {"place": fault.place}
    where = _where(connection)
    if fault.table == "lease":
        connection.execute(
            text(f"UPDATE lease SET fence = 1, owner = '', expires_at = '' WHERE {where}"),  # noqa: S608
            here,
        )
        return
    if fault.why == "runs that never ended":
        connection.execute(text(f"{END_THE_DEAD} AND {where}"), here)
        return
    connection.execute(text(f"DELETE FROM {fault.table} WHERE {where}"), here)  # noqa: S608
    _read_again(connection, fault.table, row)


def _read_again(connection: Connection, table: str, row: Values) -> None:
    """Make whom a row was about due, and forget what of them rests on it."""
    key = {"evidence": "used_by", "outbox": "key"}.get(table, "")
    if key and isinstance(row[key], str):
        found = connection.execute(
            text("SELECT source, patient FROM assessment WHERE key = :key"), {"key": row[key]}
        ).all()
        if table == "evidence":
            # Looked up on the server again, and recorded with all that it cites.
            for forget in _FORGET:
                connection.execute(text(forget), {"key": row[key]})
        _mark(connection, [(one.source, one.patient) for one in found])
    elif "patient" in row:
        _mark(connection, [(row["source"], row["patient"])])


def _mark(connection: Connection, people: Iterable[tuple[object, object]]) -> None:
    for source, patient in people:
        if isinstance(source, str) and isinstance(patient, str) and "/" in patient:
            values = {"source": source, "patient": patient, "run": "", "why": REPAIRED}
            connection.execute(text(MARK_DIRTY), values)


def _rows(connection: Connection, table: str) -> list[tuple[str | int, dict[str, Any]]]:
    """Every row with the place it is at: what stands in its key may be damaged, too."""
    place = "rowid" if connection.dialect.name == "sqlite" else "CAST(ctid AS text)"
    found = connection.execute(text(f"SELECT {place} AS place, * FROM {table}")).all()  # noqa: S608
    rows = [dict(one._mapping) for one in found]
    return [(row.pop("place"), row) for row in rows]


def _where(connection: Connection) -> str:
    sqlite = connection.dialect.name == "sqlite"
    return "rowid = :place" if sqlite else "ctid = CAST(:place AS tid)"


def _texts(connection: Connection, query: str) -> list[str]:
    return [one for (one,) in connection.execute(text(query)) if isinstance(one, str)]
