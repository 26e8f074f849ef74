"""What the state knows of a source as a whole: how far it was read, and what our results cite."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import text

from fhir_remission.effects.state.database import Database
from fhir_remission.effects.state.state_rows import AssessmentRow


class Citation(Struct, frozen=True):
    """One version of one resource that a result of ours rests on."""

    ref: str
    version: str
    patient: str


def read_marks(database: Database, source: str) -> dict[str, str]:
    """Return every watermark of a source: of query groups, and of patients read whole."""
    with database.reading() as connection:
        rows = connection.execute(
            text("SELECT query_group, value FROM watermark WHERE source = :source"),
            {"source": source},
        )
        # In a damaged file anything may stand anywhere.
        return {row.query_group: row.value for row in rows if _are_texts(*row)}


def citations(database: Database, source: str) -> list[Citation]:
    """Return what our results rest on, and whose it is."""
    with database.reading() as connection:
        rows = connection.execute(
            text(
                "SELECT DISTINCT e.ref, e.version, a.patient FROM evidence e "
                "JOIN assessment a ON a.key = e.used_by AND a.source = e.source "
                "WHERE e.source = :source ORDER BY e.ref, e.version"
            ),
            {"source": source},
        )
        return [Citation(*row) for row in rows if _are_texts(*row)]


def _are_texts(*values: object) -> bool:
    return all(isinstance(value, str) for value in values)


def written_rows(database: Database, source: str, sink: str) -> list[AssessmentRow]:
    """Return what we wrote into one sink, settled, in force or withdrawn."""
    query = text(
        "SELECT * FROM assessment WHERE source = :source AND sink = :sink "
        "AND status <> 'pending' AND evidence_hash <> '' ORDER BY key"
    )
    with database.reading() as connection:
        found = connection.execute(query, {"source": source, "sink": sink})
        return [AssessmentRow(**row._mapping) for row in found]
