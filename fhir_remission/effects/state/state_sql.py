"""The longer SQL statements of the state; the same for SQLite and PostgreSQL."""

from __future__ import annotations

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
