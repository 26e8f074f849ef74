-- One state per result that waits for a person: what stood there, why it was left, and what a
-- person has said since (parked, acknowledged, released).

CREATE TABLE parked (
    key       TEXT NOT NULL PRIMARY KEY,
    source    TEXT NOT NULL,
    patient   TEXT NOT NULL,
    sink      TEXT NOT NULL,
    reference TEXT NOT NULL,
    why       TEXT NOT NULL,
    who       TEXT NOT NULL,
    since     TEXT NOT NULL,
    stands    TEXT NOT NULL,
    says      TEXT NOT NULL,
    evidence  TEXT NOT NULL,
    word      TEXT NOT NULL
);

CREATE INDEX parked_of_patient ON parked (source, patient, sink);
