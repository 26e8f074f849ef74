"""The state as lines, out and in again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from fhir_remission.effects.state.claim import Claim, read_claim, store_claim
from fhir_remission.effects.state.parked_rows import ParkedRow
from fhir_remission.effects.state.state import State
from fhir_remission.effects.state.state_rows import (
    AssessmentRow,
    BacklogRow,
    DirtyRow,
    EvidenceRow,
    OutboxRow,
    RunRow,
    WatermarkRow,
    read_bundle,
    read_row,
)
from fhir_remission.errors import InputError, SafetyStop

# A lease is of a machine and a moment; the schema is made by migrations.
ROWS: dict[str, type[Struct]] = {
    "watermark": WatermarkRow,
    "dirty": DirtyRow,
    "evidence": EvidenceRow,
    "assessment": AssessmentRow,
    "outbox": OutboxRow,
    "backlog": BacklogRow,
    "parked": ParkedRow,
    "run": RunRow,
}
TABLES = tuple(ROWS)


class Line(Struct, frozen=True):
    """One row of one table."""

    table: str
    row: dict[str, str | int]


def export_lines(state: State) -> Iterator[bytes]:
    """Every row of every table, and whose identities they are."""
    with state.database.reading() as connection:
        claim = read_claim(state.database)
        yield _line(
            "key",
            {
                "check": claim.key_check,
                "site": claim.site_id,
                "former": json.dumps(claim.former, ensure_ascii=False),
            },
        )
        for table in TABLES:
            rows = connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2"))  # noqa: S608
            for row in rows:
                yield _line(table, dict(row._mapping))


def import_lines(state: State, lines: Iterable[bytes]) -> int:
    """Fill an empty state, all or nothing."""
    count = number = 0
    with state.database.writing() as connection, _naming(lambda: number):
        for table in TABLES:
            found = connection.execute(text(f"SELECT COUNT(*) FROM {table}"))  # noqa: S608
            if found.scalar_one():
                raise SafetyStop(f"the state is not empty ({table}): import into a new state.url")
        for number, line in enumerate(lines, start=1):
            read = _read(line, number)
            if read.table == "key":
                store_claim(connection, _claim(read.row))
                continue
            if read_row(ROWS[read.table], read.row) is None or not _may_be_sent(read):
                raise InputError(f"line {number}: no row that the state could hold")
            columns = ", ".join(sorted(read.row))
            values = ", ".join(f":{name}" for name in sorted(read.row))
            connection.execute(
                text(f"INSERT INTO {read.table} ({columns}) VALUES ({values})"),  # noqa: S608
                read.row,
            )
            count += 1
    return count


def _claim(row: Mapping[str, str | int]) -> Claim:
    """Who the state is of; version 0.1.0 told the key only."""
    former = json.loads(str(row.get("former", "[]")))
    if not isinstance(former, list):
        raise ValueError("no list")
    return Claim(str(row.get("site", "")), str(row.get("check", "")), tuple(map(str, former)))


def _read(line: bytes, number: int) -> Line:
    try:
        read = msgspec.json.decode(line, type=Line)
    except msgspec.DecodeError:
        raise InputError(f"line {number}: not a line of `state export`") from None
    kind = ROWS.get(read.table)
    columns = {"check", "site", "former"} if kind is None else set(kind.__struct_fields__)
    if read.table not in (*TABLES, "key") or not read.row.keys() <= columns:
        raise InputError(f"line {number}: no table or column of the state")
    return read


def _may_be_sent(read: Line) -> bool:
    """Whether the bundle of a row of the outbox can be read, where one is on its way."""
    if read.table != "outbox" or read.row["state"] == "sent":
        return True
    return read_bundle(str(read.row["bundle"])) is not None


@contextmanager
def _naming(number: Callable[[], int]) -> Iterator[None]:
    """What the database refuses is a bad line: the same row twice, a number that is too large."""
    try:
        yield
    except (SQLAlchemyError, OverflowError, ValueError):
        raise InputError(f"line {number()}: no row that the state could hold") from None


def _line(table: str, row: dict[str, str | int]) -> bytes:
    return msgspec.json.encode(Line(table, row)) + b"\n"
