>> additive create-object
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
>> additive create-object
CREATE TABLE users (id INTEGER PRIMARY KEY) WITHOUT ROWID;
>> additive create-object
CREATE VIRTUAL TABLE search USING fts5(body);
>> additive create-object
CREATE TABLE t (a int); INSERT INTO t (a) VALUES (1); CREATE UNIQUE INDEX t_a ON t (a); DROP TABLE t;
>> additive add-column
ALTER TABLE users ADD COLUMN nickname TEXT;
>> additive add-column
ALTER TABLE users ADD age INTEGER NOT NULL DEFAULT 0;
>> needs-writers-first add-required-column
ALTER TABLE users ADD COLUMN email TEXT NOT NULL;
>> needs-readers-first add-referencing-column
ALTER TABLE orders ADD COLUMN user_id INTEGER REFERENCES users (id);
>> contract drop-column
ALTER TABLE users DROP COLUMN name;
>> contract drop-object
DROP TABLE users;
>> contract drop-object
DROP TABLE IF EXISTS "users";
>> contract drop-object
DROP VIEW active;
>> contract rename
ALTER TABLE users RENAME COLUMN name TO full_name;
>> contract rename
ALTER TABLE users RENAME TO people;
>> contract rename
ALTER TABLE users RENAME TO people; CREATE VIEW users AS SELECT * FROM people;
>> needs-writers-first add-unique
CREATE UNIQUE INDEX users_name ON users (name);
>> additive create-index
CREATE INDEX users_age ON users (age);
>> additive create-index
CREATE INDEX IF NOT EXISTS users_age ON users (age) WHERE age > 3;
>> unknown drop-unseen-index
DROP INDEX users_age;
>> unknown drop-unseen-index
DROP INDEX IF EXISTS users_age;
>> contract drop-unique-index
<< CREATE UNIQUE INDEX users_name ON users (name);
DROP INDEX users_name;
>> additive drop-index
<< CREATE INDEX users_age ON users (age);
DROP INDEX users_age;
>> data write-data
UPDATE users SET name = 'a;b';
>> data write-data
DELETE FROM users;
>> data write-data
INSERT OR REPLACE INTO users (id) VALUES (1);
>> additive create-routine
CREATE VIEW active AS SELECT id FROM users;
>> unknown replace-body
DROP VIEW active; CREATE VIEW active AS SELECT id, name FROM users;
>> unknown change-trigger
CREATE TRIGGER touch AFTER UPDATE ON users BEGIN UPDATE users SET seen = CASE WHEN 1 THEN 2 ELSE 3 END; DELETE FROM log; END;
>> contract drop-object
CREATE TRIGGER touch AFTER UPDATE ON users BEGIN UPDATE users SET seen = CASE WHEN 1 THEN 2 END; END; DROP TABLE users;
>> unknown change-trigger
DROP TRIGGER touch;
>> unknown unjudged
CREATE TRIGGER touch AFTER UPDATE ON users BEGIN SELECT 1; DROP TABLE users;
>> unknown rebuild-table
CREATE TABLE new_users (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO new_users (id, name) SELECT id, name FROM users;
DROP TABLE users;
ALTER TABLE new_users RENAME TO users;
>> additive rebuild-alike
<< CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
PRAGMA foreign_keys=off;
BEGIN;
CREATE TABLE new_users (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO new_users SELECT id, name FROM users;
DROP TABLE users;
ALTER TABLE new_users RENAME TO users;
COMMIT;
PRAGMA foreign_keys=on;
>> contract drop-column
<< CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, age INTEGER);
CREATE TABLE new_users (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO new_users SELECT id, name FROM users;
DROP TABLE users;
ALTER TABLE new_users RENAME TO users;
>> needs-writers-first set-not-null
<< CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
ALTER TABLE users RENAME TO old_users;
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO users SELECT id, name FROM old_users;
DROP TABLE old_users;
>> contract change-type
<< CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE u (id INTEGER PRIMARY KEY, name BLOB);
INSERT INTO u SELECT id, name FROM users;
DROP TABLE users;
ALTER TABLE u RENAME TO users;
>> contract drop-unique-index
<< CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT); CREATE UNIQUE INDEX users_name ON users (name);
CREATE TABLE u (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO u SELECT id, name FROM users;
DROP TABLE users;
ALTER TABLE u RENAME TO users;
>> contract drop-object
CREATE TABLE u (id INTEGER PRIMARY KEY);
DROP TABLE users;
ALTER TABLE u RENAME TO users;
>> contract drop-object
CREATE TABLE u (id INTEGER PRIMARY KEY);
INSERT INTO u SELECT id FROM users WHERE id > 5;
DROP TABLE users;
ALTER TABLE u RENAME TO users;
>> unknown unjudged
PRAGMA writable_schema = 1;
>> additive no-change
PRAGMA foreign_keys = off;
>> unknown unjudged
DROP THE BASS;
>> contract drop-object
SELECT [odd;name] FROM t; DROP TABLE users;
>> contract drop-object
SELECT "odd;""name" FROM t; DROP TABLE users;
>> contract drop-object
SELECT 'a\'; DROP TABLE users;
>> contract drop-object
/* a /* not nested */ DROP TABLE users;
>> unknown unjudged
/* never ends; DROP TABLE users;
>> contract drop-object
CREATE TABLE aux.users(id int); DROP TABLE main.users;
>> contract drop-constraint
<< CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT CHECK (s IN ('a','b')));
CREATE TABLE n (id INTEGER PRIMARY KEY, s TEXT CHECK (s IN ('a')) );
INSERT INTO n SELECT id, s FROM t;
DROP TABLE t;
ALTER TABLE n RENAME TO t;
>> contract drop-constraint
<< CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT CHECK (s IN ('a','b')));
CREATE TABLE n (id INTEGER PRIMARY KEY, s TEXT CHECK (s IN ('A','B')));
INSERT INTO n SELECT id, s FROM t;
DROP TABLE t;
ALTER TABLE n RENAME TO t;
>> unknown rebuild-table
<< CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT);
CREATE TABLE n (id INTEGER PRIMARY KEY, s TEXT REFERENCES users (id));
INSERT INTO n SELECT id, s FROM t;
DROP TABLE t;
ALTER TABLE n RENAME TO t;
>> unknown rebuild-table
<< CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT);
CREATE TABLE n (id INTEGER PRIMARY KEY, s TEXT COLLATE NOCASE);
INSERT INTO n SELECT id, s FROM t;
DROP TABLE t;
ALTER TABLE n RENAME TO t;
>> unknown rebuild-table
<< CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT DEFAULT 'a');
CREATE TABLE n (id INTEGER PRIMARY KEY, s TEXT);
INSERT INTO n SELECT id, s FROM t;
DROP TABLE t;
ALTER TABLE n RENAME TO t;
>> unknown rebuild-table
<< CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT);
CREATE TABLE n (id INTEGER PRIMARY KEY, s TEXT) STRICT;
INSERT INTO n SELECT id, s FROM t;
DROP TABLE t;
ALTER TABLE n RENAME TO t;
>> unknown rebuild-table
<< CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT);
CREATE TABLE n (id INTEGER PRIMARY KEY, s TEXT);
INSERT INTO n (id) SELECT id FROM t;
DROP TABLE t;
ALTER TABLE n RENAME TO t;
>> unknown rebuild-table
<< CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT);
CREATE TABLE n (id INTEGER PRIMARY KEY, s TEXT);
INSERT INTO n SELECT id, upper(s) FROM t;
DROP TABLE t;
ALTER TABLE n RENAME TO t;
>> unknown rebuild-table
<< CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT);
CREATE TABLE n (id INTEGER PRIMARY KEY, s TEXT);
INSERT INTO n SELECT s, id FROM t;
DROP TABLE t;
ALTER TABLE n RENAME TO t;
>> unknown rebuild-table
<< CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT);
CREATE TABLE n (id INTEGER PRIMARY KEY, s TEXT);
INSERT INTO n SELECT DISTINCT id, s FROM t;
DROP TABLE t;
ALTER TABLE n RENAME TO t;
>> unknown rebuild-table
<< CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT);
CREATE TABLE n (id INTEGER PRIMARY KEY, s TEXT);
INSERT INTO n SELECT id, s FROM t JOIN u;
DROP TABLE t;
ALTER TABLE n RENAME TO t;
>> unknown rebuild-table
<< CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT);
CREATE TABLE n (id INTEGER PRIMARY KEY, s TEXT);
INSERT OR IGNORE INTO n SELECT id, s FROM t;
DROP TABLE t;
ALTER TABLE n RENAME TO t;
>> additive rebuild-alike
<< CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT);
CREATE TABLE n (id INTEGER PRIMARY KEY, s TEXT);
INSERT INTO n (id, s) SELECT id, s FROM t;
DROP TABLE t;
ALTER TABLE n RENAME TO t;
>> additive rebuild-alike
<< CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT);
CREATE TABLE n (id INTEGER PRIMARY KEY, s TEXT);
INSERT INTO n SELECT * FROM t;
DROP TABLE t;
ALTER TABLE n RENAME TO t;
>> contract drop-unique-index
<< CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT); CREATE UNIQUE INDEX i ON t (s);
CREATE TABLE n (id INTEGER PRIMARY KEY, s TEXT);
INSERT INTO n SELECT id, s FROM t;
DROP TABLE t;
ALTER TABLE n RENAME TO t;
CREATE INDEX i ON t (s);
>> additive rebuild-alike
<< CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT); CREATE UNIQUE INDEX i ON t (s);
CREATE TABLE n (id INTEGER PRIMARY KEY, s TEXT);
INSERT INTO n SELECT id, s FROM t;
DROP TABLE t;
ALTER TABLE n RENAME TO t;
CREATE UNIQUE INDEX i ON t (s);
>> unknown rebuild-referenced
<< CREATE TABLE box (id INTEGER PRIMARY KEY); CREATE TABLE lid (box_id INTEGER REFERENCES box (id) ON DELETE CASCADE);
BEGIN; PRAGMA foreign_keys=OFF; CREATE TABLE n (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO n (id) SELECT id FROM box; DROP TABLE box; ALTER TABLE n RENAME TO box; COMMIT;
>> unknown rebuild-referenced
-- deploy: ready-since #1, the tool begins a transaction around the file
<< CREATE TABLE box (id INTEGER PRIMARY KEY); CREATE TABLE lid (box_id INTEGER REFERENCES box (id));
PRAGMA foreign_keys=OFF; CREATE TABLE n (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO n (id) SELECT id FROM box; DROP TABLE box; ALTER TABLE n RENAME TO box; PRAGMA foreign_keys=ON;
>> additive rebuild-alike
-- no-transaction
<< CREATE TABLE box (id INTEGER PRIMARY KEY); CREATE TABLE lid (box_id INTEGER REFERENCES box (id));
PRAGMA foreign_keys=OFF; CREATE TABLE n (id INTEGER PRIMARY KEY); INSERT INTO n (id) SELECT id FROM box; DROP TABLE box; ALTER TABLE n RENAME TO box; PRAGMA foreign_keys=ON;
>> unknown rebuild-referenced
-- no-transaction
<< CREATE TABLE box (id INTEGER PRIMARY KEY); CREATE TABLE lid (box_id INTEGER REFERENCES box (id));
PRAGMA foreign_keys=OFF; ALTER TABLE box RENAME TO old; CREATE TABLE box (id INTEGER PRIMARY KEY); INSERT INTO box (id) SELECT id FROM old; DROP TABLE old; PRAGMA foreign_keys=ON;
>> contract drop-trigger
<< CREATE TABLE box (id INTEGER PRIMARY KEY); CREATE TRIGGER log AFTER INSERT ON box BEGIN INSERT INTO logs VALUES (new.id); END;
CREATE TABLE n (id INTEGER PRIMARY KEY); INSERT INTO n (id) SELECT id FROM box; DROP TABLE box; ALTER TABLE n RENAME TO box;
>> additive rebuild-alike
<< CREATE TABLE box (name varchar(20));
CREATE TABLE n (name varchar(10)); INSERT INTO n (name) SELECT name FROM box; DROP TABLE box; ALTER TABLE n RENAME TO box;
>> contract change-type
<< CREATE TABLE box (n integer);
CREATE TABLE n (n text); INSERT INTO n (n) SELECT n FROM box; DROP TABLE box; ALTER TABLE n RENAME TO box;
>> additive no-change
REINDEX box;
>> data write-on-write
<< CREATE TABLE box (id INTEGER PRIMARY KEY, seen int);
CREATE TRIGGER touch AFTER UPDATE ON box FOR EACH ROW BEGIN UPDATE box SET seen = 1 WHERE rowid = old.rowid; END;
>> needs-writers-first refuse-on-write
<< CREATE TABLE box (id INTEGER PRIMARY KEY, n int);
CREATE TRIGGER low BEFORE INSERT ON box WHEN new.n < 0 BEGIN SELECT RAISE(ABORT, 'low'); END;
>> contract drop-trigger
<< CREATE TABLE box (id INTEGER PRIMARY KEY, seen int); CREATE TRIGGER touch AFTER UPDATE ON box BEGIN UPDATE box SET seen = 1; END;
DROP TRIGGER IF EXISTS touch;
>> additive already-held
<< CREATE TABLE box (id INTEGER PRIMARY KEY, seen int); CREATE TRIGGER touch AFTER UPDATE ON box BEGIN UPDATE box SET seen = 1; END;
DROP TRIGGER touch; CREATE TRIGGER touch AFTER UPDATE ON box BEGIN UPDATE box SET seen = 1; END;
>> additive already-held
<< CREATE TABLE box (id INTEGER PRIMARY KEY, n int); CREATE INDEX box_n ON box (n);
ALTER TABLE box RENAME TO old; CREATE TABLE box (id INTEGER PRIMARY KEY, n int); INSERT INTO box (id, n) SELECT id, n FROM old; DROP TABLE old; DROP INDEX IF EXISTS box_n;
