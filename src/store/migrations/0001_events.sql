-- The one append-only record. Each row's hash covers the row before it.
CREATE TABLE events (
    seq     INTEGER PRIMARY KEY,
    at      TEXT NOT NULL,
    service TEXT NOT NULL,
    actor   TEXT NOT NULL,
    kind    TEXT NOT NULL,
    fact    TEXT NOT NULL,
    hash    BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE INDEX events_by_service ON events (service, seq);

CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;

-- What was answered to a command, so that the same key never acts twice.
CREATE TABLE receipts (
    key     TEXT PRIMARY KEY,
    request BLOB NOT NULL CHECK (length(request) = 32),
    receipt TEXT NOT NULL,
    at      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Which repository carries which service, so that both are known before the repository can be read.
CREATE TABLE services (
    name       TEXT PRIMARY KEY,
    repository TEXT NOT NULL,
    folder     TEXT NOT NULL,
    UNIQUE (repository, folder)
) STRICT, WITHOUT ROWID;
