"""The rows of what waits for a person: who, since when, why, and what a person has said of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from msgspec import Struct, structs
from sqlalchemy import text

from fhir_remission.effects.state.database import Database
from fhir_remission.effects.state.lease import Lease
from fhir_remission.effects.state.state_rows import read_row

Word = Literal["parked", "acknowledged", "released"]


class ParkedRow(Struct, frozen=True):
    """One resource of ours that is not written until a person has looked."""

    key: str
    """That of its row among the assessments."""
    source: str
    patient: str
    sink: str
    reference: str
    why: str
    who: str
    """Who wrote last, where the resource tells."""
    since: str
    """When it was found."""
    stands: str
    """Digest of what stands there; empty where nothing does."""
    says: str
    """The category that the evidence gives."""
    evidence: str = ""
    word: Word = "parked"
    """What a person has said of it."""


def parked_rows(database: Database, source: str) -> list[ParkedRow]:
    """Everything of a source that waits for a person, or was waited for."""
    with database.reading() as connection:
        query = text("SELECT * FROM parked WHERE source = :source ORDER BY patient, reference")
        found = connection.execute(query, {"source": source})
        return _read(found)


def parked_of(database: Database, source: str, patient: str, sink: str) -> list[ParkedRow]:
    """Those of one patient at one sink."""
    query = text(
        "SELECT * FROM parked WHERE source = :source AND patient = :patient AND sink = :sink"
    )
    with database.reading() as connection:
        found = connection.execute(query, {"source": source, "patient": patient, "sink": sink})
        return _read(found)


def _read(found: Iterable[Any]) -> list[ParkedRow]:
    """The rows that can be read: what a damaged one was about is found again where it stands."""
    rows = (read_row(ParkedRow, dict(row._mapping)) for row in found)
    return [row for row in rows if row is not None]


def settle_parked(
    database: Database, lease: Lease | None, rows: Iterable[ParkedRow], over: Iterable[str] = ()
) -> None:
    """Store rows and forget those, by key, that wait no longer; under the fence of a lease."""
    with database.writing() as connection:
        if lease is not None:
            lease.hold(connection)
        for key in over:
            connection.execute(text("DELETE FROM parked WHERE key = :key"), {"key": key})
        for row in rows:
            connection.execute(text("DELETE FROM parked WHERE key = :key"), {"key": row.key})
            connection.execute(text(_STORE), structs.asdict(row))


def evidence_of(database: Database, key: str) -> list[tuple[str, str]]:
    """The resources and versions that a result rests on."""
    with database.reading() as connection:
        found = connection.execute(
            text("SELECT ref, version FROM evidence WHERE used_by = :key"), {"key": key}
        )
        return [(row.ref, row.version) for row in found]


_STORE = """
INSERT INTO parked
    (key, source, patient, sink, reference, why, who, since, stands, says, evidence, word)
VALUES
    (:key, :source, :patient, :sink, :reference, :why, :who, :since, :stands, :says, :evidence,
     :word)
"""
