-- A session is the token of somebody who signed in at a provider, by an ID token. One ID token opens one session.
ALTER TABLE tokens ADD COLUMN id_token BLOB CHECK (id_token IS NULL OR length(id_token) = 32);

CREATE UNIQUE INDEX tokens_by_id_token ON tokens (id_token);

CREATE TRIGGER sessions_stay_sessions BEFORE UPDATE OF id_token ON tokens
BEGIN SELECT RAISE(ABORT, 'what a token grants never changes'); END;
