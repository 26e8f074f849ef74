-- The nine tables of a run's memory. Portable between SQLite and PostgreSQL: text and integers
-- only, times as UTC RFC 3339 text. All of it may be rebuilt from the servers.

CREATE TABLE schema_version (
    version    INTEGER NOT NULL PRIMARY KEY,
    applied_at TEXT    NOT NULL,
    key_check  TEXT    NOT NULL DEFAULT ''
);

CREATE TABLE lease (
    name       TEXT   NOT NULL PRIMARY KEY,
    owner      TEXT   NOT NULL,
    fence      BIGINT NOT NULL,
    expires_at TEXT   NOT NULL
);

CREATE TABLE watermark (
    source      TEXT NOT NULL,
    query_group TEXT NOT NULL,
    value       TEXT NOT NULL,
    PRIMARY KEY (source, query_group)
);

CREATE TABLE dirty (
    source    TEXT NOT NULL,
    patient   TEXT NOT NULL,
    since_run TEXT NOT NULL,
    why       TEXT NOT NULL,
    PRIMARY KEY (source, patient)
);

CREATE TABLE evidence (
    source  TEXT NOT NULL,
    ref     TEXT NOT NULL,
    version TEXT NOT NULL,
    digest  TEXT NOT NULL,
    used_by TEXT NOT NULL,
    PRIMARY KEY (source, ref, used_by)
);

CREATE TABLE assessment (
    key            TEXT NOT NULL PRIMARY KEY,
    source         TEXT NOT NULL,
    patient        TEXT NOT NULL,
    sink           TEXT NOT NULL,
    evidence_hash  TEXT NOT NULL,
    content_digest TEXT NOT NULL,
    etag           TEXT NOT NULL,
    status         TEXT NOT NULL,
    run            TEXT NOT NULL
);

CREATE INDEX assessment_of_patient ON assessment (source, patient, sink);

CREATE TABLE outbox (
    key    TEXT   NOT NULL,
    seq    BIGINT NOT NULL,
    fence  BIGINT NOT NULL,
    bundle TEXT   NOT NULL,
    state  TEXT   NOT NULL,
    PRIMARY KEY (key, seq)
);

CREATE TABLE backlog (
    source   TEXT    NOT NULL,
    patient  TEXT    NOT NULL,
    attempts INTEGER NOT NULL,
    reason   TEXT    NOT NULL,
    retry_at TEXT    NOT NULL,
    PRIMARY KEY (source, patient)
);

CREATE TABLE run (
    id         TEXT    NOT NULL PRIMARY KEY,
    started_at TEXT    NOT NULL,
    ended_at   TEXT    NOT NULL DEFAULT '',
    exit       INTEGER NOT NULL DEFAULT -1,
    counts     TEXT    NOT NULL DEFAULT '{}'
);
