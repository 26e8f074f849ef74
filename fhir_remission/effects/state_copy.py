"""The state as lines, out and in again, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct
from sqlalchemy import text

from fhir_remission.effects.claim import Claim, read_claim, store_claim
from fhir_remission.effects.state import State
from fhir_remission.errors import InputError, SafetyStop

# A lease is of a machine and a moment; the schema is made by migrations.
TABLES = ("watermark", "dirty", "evidence", "assessment", "outbox", "backlog", "parked", "run")


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
    count = 0
    with state.database.writing() as connection:
        for table in TABLES:
            found = connection.execute(text(f"SELECT COUNT(*) FROM {table}"))  # noqa: S608
            if found.scalar_one():
                raise SafetyStop(f"the state is not empty ({table}): import into a new state.url")
        for number, line in enumerate(lines, start=1):
            read = _read(line, number)
            if read.table == "key":
                store_claim(connection, _claim(read.row))
                continue
            columns = ", ".join(sorted(read.row))
            values = ", ".join(f":{name}" for name in sorted(read.row))
            connection.execute(
                text(f"INSERT INTO {read.table} ({columns}) VALUES ({values})"),  # noqa: S608
                read.row,
            )
            count += 1
    return count


def complaints(state: State) -> list[str]:
    """What the next run will have to settle, or a person to look at."""
    asked = {
        "results on their way, settled by the next run": (
            "SELECT COUNT(*) FROM assessment WHERE status = 'pending'"
        ),
        "bundles in the outbox that no result waits for": (
            "SELECT COUNT(*) FROM outbox WHERE state <> 'sent' AND key NOT IN "
            "(SELECT key FROM assessment WHERE status = 'pending')"
        ),
        "cited pieces of evidence of no result": (
            "SELECT COUNT(*) FROM evidence WHERE used_by NOT IN (SELECT key FROM assessment)"
        ),
        "patients on the backlog": "SELECT COUNT(*) FROM backlog",
        "runs that never ended": "SELECT COUNT(*) FROM run WHERE exit = -1",
    }
    with state.database.reading() as connection:
        counts = {
            what: int(connection.execute(text(query)).scalar_one()) for what, query in asked.items()
        }
    return [f"{count} {what}" for what, count in counts.items() if count]


def _claim(row: Mapping[str, str | int]) -> Claim:
    """Who the state is of; version 0.1.0 told the key only."""
    former = json.loads(str(row.get("former", "[]")))
    return Claim(str(row.get("site", "")), str(row.get("check", "")), tuple(map(str, former)))


def _read(line: bytes, number: int) -> Line:
    try:
        read = msgspec.json.decode(line, type=Line)
    except msgspec.DecodeError:
        raise InputError(f"line {number}: not a line of `state export`") from None
    names = all(name.replace("_", "").isalpha() for name in read.row)
    if read.table not in (*TABLES, "key") or not names:
        raise InputError(f"line {number}: no table or column of the state")
    return read


def _line(table: str, row: dict[str, str | int]) -> bytes:
    return msgspec.json.encode(Line(table, row)) + b"\n"
