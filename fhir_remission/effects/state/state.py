"""What a run remembers: a cache of truth on the servers, safe to lose, never ahead of it.

Two things happen in one transaction each: the watermark with the patients it makes dirty, and an
assessment with the bundle that will carry it. Sending is recorded under the fence of the lease.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, text

from fhir_remission.effects.process.clock import Clock, timestamp
from fhir_remission.effects.state.database import Database, open_database
from fhir_remission.effects.state.lease import Lease
from fhir_remission.effects.state.state_rows import (
    CLEAN_BACKLOG,
    CLEAN_DIRTY,
    END_THE_DEAD,
    MARK_DIRTY,
    MOVE_WATERMARK,
    POSTPONE,
    PURGE,
    STORE_ASSESSMENT,
    STORE_EVIDENCE,
    AssessmentRow,
    BacklogRow,
    DirtyRow,
    EvidenceRow,
    OutboxRow,
    RunRow,
    read_row,
)
from fhir_remission.errors import ReadIncomplete

Row = TypeVar("Row")
DAMAGED = "the state holds a damaged row of this patient: see state check --repair"


class State:
    """The nine tables."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self._clock = clock

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    # What to read -----------------------------------------------------------------------------

    def watermark(self, source: str, query_group: str) -> str | None:
        """Return up to when everything of this group is in the dirty set, or None at first."""
        with self.database.reading() as connection:
            found = connection.execute(
                text(
                    "SELECT value FROM watermark "
                    "WHERE source = :source AND query_group = :query_group"
                ),
                {"source": source, "query_group": query_group},
            ).first()
        return None if found is None else str(found.value)

    def advance(
        self, source: str, watermarks: Mapping[str, str], dirty: Mapping[str, str], run: str
    ) -> None:
        """Move watermarks and mark patients dirty, in one transaction."""
        with self.database.writing() as connection:
            for patient, why in dirty.items():
                values = {"source": source, "patient": patient, "run": run, "why": why}
                connection.execute(text(MARK_DIRTY), values)
            for group, value in watermarks.items():
                values = {"source": source, "query_group": group, "value": value}
                connection.execute(text(MOVE_WATERMARK), values)

    def dirty(self, source: str) -> dict[str, str]:
        """Return the patients to re-read, and why."""
        return {row.patient: row.why for row in self.marked(source)}

    def marked(self, source: str) -> list[DirtyRow]:
        """Return the patients to re-read, with who marked them last."""
        return self._rows(
            DirtyRow, "SELECT * FROM dirty WHERE source = :source ORDER BY patient", source=source
        )

    def clean(self, source: str, patient: str, mark: str | None = None) -> None:
        """Take a patient off the backlog and, by the mark seen before reading, off the dirty set.

        Who was marked again while being read stays due; `mark` None leaves the dirty set alone.
        """
        named = {"source": source, "patient": patient}
        with self.database.writing() as connection:
            connection.execute(text(CLEAN_BACKLOG), named)
            if mark is not None:
                connection.execute(text(CLEAN_DIRTY), {**named, "mark": mark})

    # What was written -------------------------------------------------------------------------

    def assessments(self, source: str, patient: str, sink: str) -> list[AssessmentRow]:
        """Return what we know to have written for one patient into one sink."""
        return self._rows(
            AssessmentRow,
            "SELECT * FROM assessment WHERE source = :source AND patient = :patient "
            "AND sink = :sink ORDER BY key",
            source=source,
            patient=patient,
            sink=sink,
            of_patient=True,
        )

    def assessment(self, key: str) -> AssessmentRow | None:
        """Return what we know of one key, whomever it is about."""
        found = self._rows(AssessmentRow, "SELECT * FROM assessment WHERE key = :key", key=key)
        return found[0] if found else None

    def plan_send(
        self,
        lease: Lease,
        rows: Iterable[AssessmentRow],
        evidence: Iterable[EvidenceRow],
        bundles: Mapping[str, str],
    ) -> list[OutboxRow]:
        """Record assessments, their evidence and the bundles that carry them, before sending."""
        with self.database.writing() as connection:
            lease.hold(connection)
            _store(connection, rows, evidence)
            return [
                _enqueue(connection, key, lease.fence, bundle) for key, bundle in bundles.items()
            ]

    def settle(
        self,
        lease: Lease,
        rows: Iterable[AssessmentRow],
        evidence: Iterable[EvidenceRow] = (),
        *,
        arrived: Iterable[str] = (),
    ) -> None:
        """Record what the server now has (ETag, digest, status), under the fence.

        `arrived` are keys of the outbox: what lay there is done with, in the same transaction.
        """
        with self.database.writing() as connection:
            lease.hold(connection)
            _store(connection, rows, evidence)
            for key in arrived:
                connection.execute(
                    text("UPDATE outbox SET state = 'sent', bundle = '' WHERE key = :key"),
                    {"key": key},
                )

    def written_by(self, run: str, sink: str) -> list[AssessmentRow]:
        """Return what one run was the last to write into one sink."""
        query = "SELECT * FROM assessment WHERE run = :run AND sink = :sink ORDER BY key"
        return self._rows(AssessmentRow, query, run=run, sink=sink)

    def has_results(self, source: str) -> bool:
        """Whether anything was ever written for a patient of this source."""
        with self.database.reading() as connection:
            found = connection.execute(
                text("SELECT 1 FROM assessment WHERE source = :source AND patient <> 'Device'"),
                {"source": source},
            )
            return found.first() is not None

    def has_written(self, source: str, sink: str) -> bool:
        """Whether anything was ever written for a patient into this sink."""
        query = (
            "SELECT * FROM assessment WHERE source = :source AND sink = :sink "
            "AND patient <> 'Device' LIMIT 1"
        )
        return bool(self._rows(AssessmentRow, query, source=source, sink=sink))

    def on_its_way(self, key: str) -> OutboxRow | None:
        """Return the last bundle that carried this key, unless it is known to have arrived."""
        found = self._rows(
            OutboxRow,
            "SELECT * FROM outbox WHERE key = :key AND state <> 'sent' ORDER BY seq DESC LIMIT 1",
            key=key,
            of_patient=True,
        )
        return found[0] if found else None

    def cited(self, source: str) -> list[EvidenceRow]:
        """Return all evidence that our results rest on, for the periodic re-check."""
        return self._rows(
            EvidenceRow,
            "SELECT * FROM evidence WHERE source = :source ORDER BY ref, used_by",
            source=source,
        )

    # What failed, and what ran ----------------------------------------------------------------

    def postpone(self, source: str, patient: str, reason: str, retry_at: str) -> None:
        """Put a patient on the backlog, counting the attempts."""
        values = {"source": source, "patient": patient, "reason": reason, "retry_at": retry_at}
        with self.database.writing() as connection:
            connection.execute(text(POSTPONE), values)

    def backlog(self, source: str) -> list[BacklogRow]:
        """Return the patients that failed, those to retry first at the front."""
        return self._rows(
            BacklogRow,
            "SELECT * FROM backlog WHERE source = :source ORDER BY retry_at, patient",
            source=source,
        )

    def begin_run(self, run: str) -> None:
        """Open a run's row, and close those of runs that died: whoever begins holds the lease.

        One of another source that is still under way closes its own again at its end.
        """
        with self.database.writing() as connection:
            connection.execute(text(END_THE_DEAD))
            connection.execute(
                text("INSERT INTO run (id, started_at) VALUES (:id, :at)"),
                {"id": run, "at": timestamp(self._clock.now())},
            )

    def end_run(self, run: str, exit_code: int, counts: Mapping[str, int]) -> None:
        """Close a run's row."""
        with self.database.writing() as connection:
            connection.execute(
                text(
                    "UPDATE run SET ended_at = :at, exit = :exit, counts = :counts WHERE id = :id"
                ),
                {
                    "id": run,
                    "at": timestamp(self._clock.now()),
                    "exit": exit_code,
                    "counts": json.dumps(dict(counts), sort_keys=True),
                },
            )

    def runs(self, limit: int = 20) -> list[RunRow]:
        """Return the latest runs, newest first."""
        return self._rows(
            RunRow, "SELECT * FROM run ORDER BY started_at DESC LIMIT :limit", limit=limit
        )

    def purge(self, source: str, patient: str) -> int:
        """Forget a patient; how many rows that were."""
        asked = {"source": source, "patient": patient}
        with self.database.writing() as connection:
            gone = sum(connection.execute(text(one), asked).rowcount for one in PURGE)
        self.database.compact()
        return gone

    def _rows(
        self, kind: type[Row], query: str, *, of_patient: bool = False, **values: str | int
    ) -> list[Row]:
        """Read rows; one that is damaged costs whom it is about, not the run."""
        with self.database.reading() as connection:
            found = connection.execute(text(query), values).all()
        rows = [read_row(kind, dict(row._mapping)) for row in found]
        if of_patient and None in rows:
            raise ReadIncomplete(DAMAGED)
        return [row for row in rows if row is not None]


def open_state(url: str, clock: Clock) -> State:
    """Open the state behind a URL, creating or migrating it."""
    return State(open_database(url, applied_at=clock.now()), clock)


def _store(
    connection: Connection, rows: Iterable[AssessmentRow], evidence: Iterable[EvidenceRow]
) -> None:
    for row in rows:
        connection.execute(text("DELETE FROM evidence WHERE used_by = :key"), {"key": row.key})
        connection.execute(text(STORE_ASSESSMENT), msgspec.structs.asdict(row))
    for item in evidence:
        connection.execute(text(STORE_EVIDENCE), msgspec.structs.asdict(item))


def _enqueue(connection: Connection, key: str, fence: int, bundle: str) -> OutboxRow:
    found = connection.execute(
        text("SELECT COALESCE(MAX(seq), 0) FROM outbox WHERE key = :key"), {"key": key}
    )
    row = OutboxRow(key, int(found.scalar_one()) + 1, fence, bundle, "pending")
    connection.execute(
        text(
            "INSERT INTO outbox (key, seq, fence, bundle, state) "
            "VALUES (:key, :seq, :fence, :bundle, :state)"
        ),
        msgspec.structs.asdict(row),
    )
    return row
