-- What opens the server over the network. The text of a token is kept nowhere, only its digest.
CREATE TABLE tokens (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL,
    person     TEXT NOT NULL,
    email      TEXT,
    role       TEXT NOT NULL,
    services   TEXT,
    digest     BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    created_by TEXT NOT NULL,
    created    TEXT NOT NULL,
    expires    TEXT,
    last_used  TEXT,
    revoked_by TEXT,
    revoked    TEXT
) STRICT;

CREATE TRIGGER tokens_are_never_changed
BEFORE UPDATE OF id, name, person, email, role, services, digest, created_by, created, expires ON tokens
BEGIN SELECT RAISE(ABORT, 'what a token grants never changes'); END;

CREATE TRIGGER tokens_stay_revoked BEFORE UPDATE OF revoked_by, revoked ON tokens
WHEN OLD.revoked IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a token is revoked once'); END;

CREATE TRIGGER tokens_are_never_deleted BEFORE DELETE ON tokens
BEGIN SELECT RAISE(ABORT, 'tokens are kept, also revoked ones'); END;
