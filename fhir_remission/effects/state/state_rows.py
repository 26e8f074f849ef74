"""The rows of the state database, as values, and the SQL that asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from fhir_remission.fhir.r4.datatypes import Resource, text_of

Row = TypeVar("Row")

Sending = Literal["pending", "sending", "sent", "parked"]


class AssessmentRow(Struct, frozen=True):
    """What we wrote, or are about to write, for one key."""

    key: str
    source: str
    patient: str
    sink: str
    evidence_hash: str
    content_digest: str
    etag: str
    status: str
    run: str


class EvidenceRow(Struct, frozen=True):
    """A version of a resource that an assessment cites."""

    source: str
    ref: str
    version: str
    digest: str
    used_by: str


class OutboxRow(Struct, frozen=True):
    """A bundle on its way; its content is forgotten once sent."""

    key: str
    seq: int
    fence: int
    bundle: str
    state: Sending


class DirtyRow(Struct, frozen=True):
    """A patient to re-read: who said so last, and why."""

    source: str
    patient: str
    since_run: str
    why: str


class BacklogRow(Struct, frozen=True):
    """A patient whose last attempt failed, and when to try again."""

    source: str
    patient: str
    attempts: int
    reason: str
    retry_at: str


class RunRow(Struct, frozen=True):
    """One run; `exit` is -1 while it lasts, and 1 once a later run found that it had died."""

    id: str
    started_at: str
    ended_at: str
    exit: int
    counts: str


class WatermarkRow(Struct, frozen=True):
    """How far a source was read, or when one of its patients was."""

    source: str
    query_group: str
    value: str


def read_row(kind: type[Row], values: Mapping[str, object]) -> Row | None:
    """A row as a value; None where it holds what no program of ours has written."""
    try:
        return msgspec.convert(values, kind)
    except (msgspec.ValidationError, TypeError, OverflowError):
        return None


def read_bundle(text: str) -> list[Resource] | None:
    """The resources of a row of the outbox; None where they cannot be read."""
    try:
        sent = msgspec.json.decode(text, type=list[dict[str, Any]])
    except (msgspec.DecodeError, UnicodeError):
        return None
    named = all(text_of(one.get("resourceType")) and text_of(one.get("id")) for one in sent)
    return sent if named else None


MARK_DIRTY = """
INSERT INTO dirty (source, patient, since_run, why) VALUES (:source, :patient, :run, :why)
ON CONFLICT (source, patient) DO UPDATE SET
    since_run = excluded.since_run, why = excluded.why
"""
CLEAN_BACKLOG = "DELETE FROM backlog WHERE source = :source AND patient = :patient"
CLEAN_DIRTY = (
    "DELETE FROM dirty WHERE source = :source AND patient = :patient AND since_run = :mark"
)
MOVE_WATERMARK = """
INSERT INTO watermark (source, query_group, value) VALUES (:source, :query_group, :value)
ON CONFLICT (source, query_group) DO UPDATE SET value = excluded.value
"""
STORE_ASSESSMENT = """
INSERT INTO assessment
    (key, source, patient, sink, evidence_hash, content_digest, etag, status, run)
VALUES
    (:key, :source, :patient, :sink, :evidence_hash, :content_digest, :etag, :status, :run)
ON CONFLICT (key) DO UPDATE SET
    evidence_hash = excluded.evidence_hash, content_digest = excluded.content_digest,
    etag = excluded.etag, status = excluded.status, run = excluded.run
"""
STORE_EVIDENCE = """
INSERT INTO evidence (source, ref, version, digest, used_by)
VALUES (:source, :ref, :version, :digest, :used_by)
ON CONFLICT (source, ref, used_by) DO UPDATE SET
    version = excluded.version, digest = excluded.digest
"""
# Of a run that died nothing else is known.
END_THE_DEAD = "UPDATE run SET ended_at = started_at, exit = 1 WHERE exit = -1"
POSTPONE = """
INSERT INTO backlog (source, patient, attempts, reason, retry_at)
VALUES (:source, :patient, 1, :reason, :retry_at)
ON CONFLICT (source, patient) DO UPDATE SET
    attempts = backlog.attempts + 1, reason = excluded.reason, retry_at = excluded.retry_at
"""
_OF_PATIENT = "SELECT key FROM assessment WHERE source = :source AND patient = :patient"
PURGE = (
    f"DELETE FROM evidence WHERE used_by IN ({_OF_PATIENT})",  # noqa: S608
    f"DELETE FROM outbox WHERE key IN ({_OF_PATIENT})",  # noqa: S608
    "DELETE FROM assessment WHERE source = :source AND patient = :patient",
    "DELETE FROM parked WHERE source = :source AND patient = :patient",
    "DELETE FROM dirty WHERE source = :source AND patient = :patient",
    "DELETE FROM backlog WHERE source = :source AND patient = :patient",
    "DELETE FROM watermark WHERE source = :source AND query_group = 'read|' || :patient",
    "DELETE FROM watermark WHERE source = :source AND query_group = 'person|' || :patient",
)
