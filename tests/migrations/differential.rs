//! Random schema changes on real databases: what breaks a statement of older code was not called fine.
//!
//! `PostgreSQL` and `MariaDB` are found on the machine; a missing one is said, and `.ci/databases` installs them. `SQLite`
//! is always there.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rusqlite::Connection;
use trunkline::migrations::{
    Class, Dialect, FileChange, MigrationFile, SchemaDefinitions, Tool, judge,
};
use trunkline_testing::dice::{Dice, Seed};

use crate::servers::{Server, start};

/// How many changes are tried on each server, and on `SQLite`, which is quicker.
const ON_SERVERS: u64 = 60;
const ON_SQLITE: u64 = 300;

/// A database as older code knows it, with rows.
const SCHEMA: [&str; 4] = [
    "CREATE TABLE item (id int PRIMARY KEY, name varchar(20) UNIQUE, qty int, price numeric(8,2) DEFAULT 0, kind varchar(9) NOT NULL DEFAULT 'x', note varchar(30), code varchar(9) NOT NULL)",
    "CREATE INDEX item_qty ON item (qty)",
    "CREATE UNIQUE INDEX item_code ON item (code)",
    "CREATE VIEW cheap AS SELECT id, name FROM item WHERE price < 5",
];
const PARTS: [(Dialect, &str); 3] = [
    (
        Dialect::Postgres,
        "CREATE TABLE part (id int PRIMARY KEY, item_id int REFERENCES item (id), label text CHECK (label <> ''))",
    ),
    (
        Dialect::Mysql,
        "CREATE TABLE part (id int PRIMARY KEY, item_id int, label varchar(9) CHECK (label <> ''), CONSTRAINT part_item FOREIGN KEY (item_id) REFERENCES item (id))",
    ),
    (
        Dialect::Sqlite,
        "CREATE TABLE part (id int PRIMARY KEY, item_id int REFERENCES item (id) ON DELETE CASCADE, label text CHECK (label <> ''))",
    ),
];
const MORE: [(Dialect, &str); 2] = [
    (Dialect::Postgres, "CREATE FUNCTION tag(a text) RETURNS text LANGUAGE sql AS $$ SELECT a $$"),
    (
        Dialect::Sqlite,
        "CREATE TRIGGER told AFTER INSERT ON part WHEN new.id > 900 BEGIN DELETE FROM part WHERE id = 900; END",
    ),
];
const ROWS: [&str; 2] = [
    "INSERT INTO item (id, name, qty, code) VALUES (1, 'a', 1, 'c1'), (2, 'b', 0, 'c2'), (3, NULL, NULL, 'c3')",
    "INSERT INTO part (id, item_id, label) VALUES (1, 1, 'l')",
];

/// What older code sends. It names its columns.
const OLD: [&str; 17] = [
    "SELECT id, name, qty, price, kind, note, code FROM item WHERE id = 1",
    "INSERT INTO item (id, name, qty, price, kind, note, code) VALUES (10, 'ten', 0, 1.5, 'y', 'n', 'c10')",
    "INSERT INTO item (id, code) VALUES (11, 'c11')",
    "INSERT INTO item (id, code, note) VALUES (12, 'c12', ''), (13, 'c13', '')",
    "INSERT INTO item (id, name, qty, code) VALUES (14, 'a234567890123456789', -5, 'c14')",
    "UPDATE item SET qty = 0",
    "UPDATE item SET note = 'same', kind = 'same'",
    "UPDATE item SET note = NULL, name = NULL, qty = NULL",
    "DELETE FROM item WHERE id = 3",
    "DELETE FROM part WHERE id = 1",
    "INSERT INTO part (id, item_id, label) VALUES (2, 2, 'm')",
    "INSERT INTO part (id, label) VALUES (3, 'k')",
    "INSERT INTO part (id, item_id) VALUES (4, NULL)",
    "SELECT part.label, item.name FROM part JOIN item ON item.id = part.item_id",
    "SELECT id, name FROM cheap",
    "SELECT kind, count(*) FROM item GROUP BY kind",
    "SELECT DISTINCT item.* FROM item",
];
const OLD_MORE: [(Dialect, &str); 7] = [
    (Dialect::Postgres, "SELECT tag('a')"),
    (Dialect::Postgres, "SELECT id, name, qty FROM item GROUP BY id"),
    (
        Dialect::Postgres,
        "INSERT INTO item (id, name, code) VALUES (20, 'a', 'c20') ON CONFLICT (name) DO UPDATE SET qty = 7",
    ),
    (
        Dialect::Postgres,
        "INSERT INTO item (id, code) VALUES (20, 'c1') ON CONFLICT (code) DO NOTHING",
    ),
    (
        Dialect::Sqlite,
        "INSERT INTO item (id, name, code) VALUES (20, 'a', 'c20') ON CONFLICT (name) DO UPDATE SET qty = 7",
    ),
    (
        Dialect::Sqlite,
        "INSERT INTO item (id, code) VALUES (20, 'c1') ON CONFLICT (code) DO NOTHING",
    ),
    // An upsert that inserts a second row fails nowhere, so that the rows are counted.
    (
        Dialect::Mysql,
        "INSERT INTO item (id, code) VALUES (20, 'c1') ON DUPLICATE KEY UPDATE qty = (SELECT 1 FROM (SELECT 1) a)",
    ),
];

/// The parts of random changes. `@col` is a column of the item, `@num` one with numbers, `@new` one that another part may
/// add, `@any` any of these.
const CHANGES: [&str; 27] = [
    "ALTER TABLE item ADD COLUMN @new int",
    "ALTER TABLE item ADD COLUMN @new varchar(9) NOT NULL DEFAULT 'd'",
    "ALTER TABLE item ADD COLUMN @new int DEFAULT 5",
    "ALTER TABLE item ADD COLUMN @new int CHECK (@new > 3)",
    "ALTER TABLE item ADD COLUMN @new int DEFAULT 5 CHECK (@new > 3)",
    "ALTER TABLE item ADD COLUMN @new varchar(9) CHECK (@new IS NOT NULL)",
    "ALTER TABLE item ADD COLUMN @new varchar(9) CHECK (coalesce(@new, '') <> '')",
    "ALTER TABLE item DROP COLUMN @any",
    "ALTER TABLE item RENAME COLUMN @any TO n9",
    "ALTER TABLE item RENAME COLUMN n9 TO @any",
    "ALTER TABLE item RENAME TO thing",
    "CREATE VIEW item AS SELECT * FROM thing",
    "CREATE UNIQUE INDEX u1 ON item (@any)",
    "CREATE UNIQUE INDEX u2 ON item (id, @col)",
    "CREATE UNIQUE INDEX u3 ON item (@new, @col)",
    "CREATE INDEX i1 ON item (@any)",
    "CREATE TABLE lid (id int PRIMARY KEY, item_id int REFERENCES item (id))",
    "CREATE TABLE lid (id int PRIMARY KEY, item_id int)",
    "DROP TABLE lid",
    "DROP TABLE part",
    "DROP VIEW cheap",
    "CREATE VIEW cheap AS SELECT id, name FROM item",
    "CREATE VIEW dear AS SELECT id FROM item",
    "CREATE TABLE IF NOT EXISTS part (id int)",
    "UPDATE item SET note = 'n'",
    "DELETE FROM part",
    "ALTER TABLE part ADD COLUMN @new int DEFAULT 1",
];
const ON_POSTGRES: [&str; 34] = [
    "ALTER TABLE item ADD COLUMN @new json",
    "ALTER TABLE item ADD COLUMN @new int UNIQUE",
    "ALTER TABLE item ADD COLUMN @new int DEFAULT (1 + 1) UNIQUE",
    "ALTER TABLE item ADD COLUMN @new serial UNIQUE",
    "ALTER TABLE item ADD COLUMN @new numeric GENERATED ALWAYS AS (price / qty) STORED",
    "ALTER TABLE item ADD COLUMN @new text GENERATED ALWAYS AS (lower(name)) STORED",
    "ALTER TABLE item ADD COLUMN @new int NOT NULL",
    "ALTER TABLE item ADD COLUMN @new int REFERENCES item (id) ON DELETE SET NULL",
    "ALTER TABLE item ADD COLUMN @new int DEFAULT 9 REFERENCES item (id)",
    "ALTER TABLE item ALTER COLUMN @any SET NOT NULL",
    "ALTER TABLE item ALTER COLUMN @any DROP NOT NULL",
    "ALTER TABLE item ALTER COLUMN @any DROP DEFAULT",
    "ALTER TABLE item ALTER COLUMN @num SET DEFAULT 4",
    "ALTER TABLE item ALTER COLUMN name SET DEFAULT 'z'",
    "ALTER TABLE item ALTER COLUMN @new SET DEFAULT 4",
    "ALTER TABLE item ADD CONSTRAINT k1 CHECK (@num > 0) NOT VALID",
    "ALTER TABLE item ADD CONSTRAINT k2 CHECK (@new > 0 OR @new IS NULL)",
    "ALTER TABLE item ADD CONSTRAINT k3 CHECK (num_nonnulls(@new, n2) = 1) NOT VALID",
    "ALTER TABLE item ADD CONSTRAINT k4 UNIQUE (@any)",
    "ALTER TABLE item DROP CONSTRAINT k1",
    "ALTER TABLE item DROP CONSTRAINT item_name_key",
    "ALTER TABLE item ADD CONSTRAINT item_name_key UNIQUE (name)",
    "ALTER TABLE item ADD CONSTRAINT f1 FOREIGN KEY (@num) REFERENCES item (id) NOT VALID",
    "ALTER TABLE item ALTER COLUMN name TYPE varchar(40)",
    "ALTER TABLE item ALTER COLUMN note TYPE text USING note::text",
    "ALTER TABLE item ALTER COLUMN qty TYPE bigint",
    "ALTER TABLE item ALTER COLUMN price TYPE numeric(12,2)",
    "ALTER TABLE item ALTER COLUMN name TYPE varchar(9)",
    "CREATE INDEX x1 ON item ((100 / qty))",
    "CREATE INDEX x2 ON item (lower(name))",
    "DROP INDEX item_code",
    "CREATE UNIQUE INDEX item_code ON item (code)",
    "CREATE FUNCTION tag(a text, b text DEFAULT '') RETURNS text LANGUAGE sql AS $$ SELECT b $$",
    "DO $$ BEGIN ALTER TABLE item ADD COLUMN @new int; EXCEPTION WHEN duplicate_column THEN NULL; END $$",
];
const ON_MARIADB: [&str; 20] = [
    "ALTER TABLE item ADD COLUMN @new int NOT NULL",
    "ALTER TABLE item ADD COLUMN @new int UNIQUE",
    "ALTER TABLE item ADD COLUMN @new int GENERATED ALWAYS AS (100 DIV qty) STORED",
    "ALTER TABLE item MODIFY name varchar(40)",
    "ALTER TABLE item MODIFY name varchar(9)",
    "ALTER TABLE item MODIFY note text",
    "ALTER TABLE item MODIFY kind varchar(20)",
    "ALTER TABLE item MODIFY kind varchar(20) NOT NULL DEFAULT 'x'",
    "ALTER TABLE item MODIFY qty bigint",
    "ALTER TABLE item MODIFY qty bigint unsigned",
    "ALTER TABLE item MODIFY COLUMN @new int NOT NULL",
    "ALTER TABLE item ALTER COLUMN kind DROP DEFAULT",
    "ALTER TABLE item ALTER COLUMN name SET DEFAULT 'z'",
    "ALTER TABLE item ADD CONSTRAINT k1 CHECK (@num > 0)",
    "ALTER TABLE item ADD CONSTRAINT k2 CHECK (@new > 0)",
    "ALTER TABLE item ADD UNIQUE KEY k4 (@any)",
    "ALTER TABLE item DROP KEY k4",
    "DROP INDEX item_code ON item",
    "ALTER TABLE item ADD UNIQUE INDEX item_code (code)",
    "ALTER TABLE item COMMENT = 'x'",
];
const ON_LITE: [&str; 9] = [
    "ALTER TABLE item ADD COLUMN @new int NOT NULL",
    "ALTER TABLE item ADD COLUMN @new int REFERENCES item (id)",
    "ALTER TABLE item ADD COLUMN @new int GENERATED ALWAYS AS (qty / 2) VIRTUAL",
    "DROP INDEX item_code",
    "CREATE UNIQUE INDEX item_code ON item (code)",
    "PRAGMA foreign_keys=OFF",
    "CREATE TABLE n (id int PRIMARY KEY, name varchar(9) UNIQUE, qty int, price numeric(8,2) DEFAULT 0, kind varchar(9) NOT NULL DEFAULT 'x', note varchar(30), code varchar(9) NOT NULL); INSERT INTO n (id, name, qty, price, kind, note, code) SELECT id, name, qty, price, kind, note, code FROM item; DROP VIEW cheap; DROP TABLE item; ALTER TABLE n RENAME TO item; CREATE VIEW cheap AS SELECT id, name FROM item WHERE price < 5",
    "ALTER TABLE item RENAME TO old; CREATE TABLE item (id int PRIMARY KEY, name varchar(20) UNIQUE, qty int, price numeric(8,2) DEFAULT 0, kind varchar(9) NOT NULL DEFAULT 'x', note varchar(30), code varchar(9) NOT NULL); INSERT INTO item (id, name, qty, price, kind, note, code) SELECT id, name, qty, price, kind, note, code FROM old; DROP TABLE old",
    "CREATE TABLE p (id int PRIMARY KEY, item_id int REFERENCES item (id) ON DELETE CASCADE, label text CHECK (label <> '')); INSERT INTO p (id, item_id, label) SELECT id, item_id, label FROM part; DROP TABLE part; ALTER TABLE p RENAME TO part",
];

fn of<'t>(dialect: Dialect, texts: &[(Dialect, &'t str)]) -> impl Iterator<Item = &'t str> {
    texts.iter().filter(move |(own, _)| *own == dialect).map(|(_, text)| *text)
}

fn schema(dialect: Dialect) -> Vec<&'static str> {
    SCHEMA.into_iter().chain(of(dialect, &PARTS)).chain(of(dialect, &MORE)).collect()
}

fn old_code(dialect: Dialect) -> Vec<&'static str> {
    OLD.into_iter().chain(of(dialect, &OLD_MORE)).collect()
}

/// One to four random parts, as the statements of one file.
fn change(dialect: Dialect, dice: &mut Dice) -> Vec<String> {
    let own: &[&str] = match dialect {
        Dialect::Postgres => &ON_POSTGRES,
        Dialect::Mysql => &ON_MARIADB,
        Dialect::Sqlite => &ON_LITE,
    };
    let parts = (0..=dice.below(4)).map(|_| {
        let part = if dice.chance(50) { dice.one_of(own) } else { dice.one_of(&CHANGES) };
        let new = dice.one_of(&["n1", "n2"]);
        let column = dice.one_of(&["name", "qty", "price", "kind", "note", "code"]);
        let any = if dice.chance(50) { new } else { column };
        part.replace("@new", new)
            .replace("@col", column)
            .replace("@num", dice.one_of(&["qty", "price"]))
            .replace("@any", any)
    });
    let parts: Vec<String> = parts.collect();
    let one_each = |part: &String| {
        let is_whole = part.starts_with("CREATE FUNCTION") || part.starts_with("DO ");
        let parts = part.split("; ").map(str::to_owned);
        if is_whole { vec![part.clone()] } else { parts.collect() }
    };
    parts.iter().flat_map(one_each).collect()
}

fn class(dialect: Dialect, change: &[String]) -> Class {
    let mut known = SchemaDefinitions::default();
    known.learn(&schema(dialect).join(";\n"), dialect);
    let text = format!("{};\n", change.join(";\n"));
    let file = MigrationFile { path: "db/2.sql", text: &text, change: FileChange::Added };
    judge(&file, Tool::Other, dialect, &known).judged()
}

/// What became of the changes.
#[derive(Debug, Default)]
struct Tally {
    applied: usize,
    broke: usize,
    fine: usize,
    untrue: String,
}

impl Tally {
    fn count(&mut self, dialect: Dialect, change: &[String], broken: &[&str]) {
        let class = class(dialect, change);
        self.applied += usize::from(!change.is_empty());
        self.broke += usize::from(!broken.is_empty());
        self.fine += usize::from(class == Class::Additive);
        if class == Class::Additive && !broken.is_empty() {
            let told = format!("{}\n  breaks {broken:?}", change.join(";\n"));
            writeln!(self.untrue, "{told}\n").unwrap();
        }
    }

    fn check(&self, dialect: Dialect) {
        let name = dialect.as_str();
        assert!(self.untrue.is_empty(), "called fine on {name}:\n{}", self.untrue);
        assert!(self.applied > 60 && self.broke > 20 && self.fine > 10, "{name}: {self:?}");
    }
}

#[test]
fn what_breaks_older_code_on_sqlite_was_not_called_fine() {
    let seed = Seed::of_this_run();
    let mut tally = Tally::default();
    for number in 0..ON_SQLITE {
        let change = change(Dialect::Sqlite, &mut Dice::of(seed.0).fork(number));
        let database = Connection::open_in_memory().unwrap();
        database.execute_batch("PRAGMA foreign_keys = ON").unwrap();
        for statement in schema(Dialect::Sqlite).into_iter().chain(ROWS) {
            database.execute_batch(statement).unwrap();
        }
        let runs = |statement: &str| {
            let ran = database.execute_batch(&format!("SAVEPOINT old; {statement};")).is_ok();
            database.execute_batch("ROLLBACK TO old; RELEASE old").unwrap();
            ran
        };
        let old: Vec<_> = old_code(Dialect::Sqlite).into_iter().filter(|old| runs(old)).collect();
        // A statement that fails changes nothing.
        let applied: Vec<_> =
            change.into_iter().filter(|one| database.execute_batch(one).is_ok()).collect();
        database.execute_batch("PRAGMA foreign_keys = ON").unwrap();
        let mut broken: Vec<_> = old.into_iter().filter(|old| !runs(old)).collect();
        let parts = database.query_row("SELECT count(*) FROM part", [], |row| row.get(0));
        if parts == Ok(0) && !applied.iter().any(|one| one.starts_with("DELETE")) {
            broken.push("the rows of part are gone");
        }
        tally.count(Dialect::Sqlite, &applied, &broken);
    }
    tally.check(Dialect::Sqlite);
}

#[test]
fn what_breaks_older_code_on_postgresql_was_not_called_fine() {
    on_server(Dialect::Postgres);
}

#[test]
fn what_breaks_older_code_on_mariadb_was_not_called_fine() {
    on_server(Dialect::Mysql);
}

fn on_server(dialect: Dialect) {
    let Some(server) = start(dialect) else { return };
    let seed = Seed::of_this_run();
    let changes: Vec<_> =
        (0..ON_SERVERS).map(|number| change(dialect, &mut Dice::of(seed.0).fork(number))).collect();
    let mut script = Script::default();
    let places: Vec<Places> =
        changes.iter().enumerate().map(|(at, change)| script.case(dialect, at, change)).collect();
    let failed = server.failed_lines(&script.text);
    let mut tally = Tally::default();
    for (change, places) in changes.iter().zip(&places) {
        let works = |line: &usize| !failed.contains(line);
        assert!(places.schema.iter().all(works), "the schema itself fails: {failed:?}");
        // A statement that fails changes nothing.
        let applied = change.iter().zip(&places.change).filter(|(_, line)| works(line));
        let applied: Vec<_> = applied.map(|(statement, _)| statement.clone()).collect();
        let old = old_code(dialect).into_iter().zip(places.before.iter().zip(&places.after));
        let broke = old.filter(|(_, (before, after))| works(before) && !works(after));
        let broken: Vec<_> = broke.map(|(statement, _)| statement).collect();
        tally.count(dialect, &applied, &broken);
    }
    tally.check(dialect);
}

/// The lines of one case in a script.
#[derive(Default)]
struct Places {
    schema: Vec<usize>,
    before: Vec<usize>,
    change: Vec<usize>,
    after: Vec<usize>,
}

/// Statements for a client, one on each line.
#[derive(Default)]
struct Script {
    text: String,
    lines: usize,
}

impl Script {
    fn line(&mut self, statement: &str) -> usize {
        writeln!(self.text, "{statement};").unwrap();
        self.lines += 1;
        self.lines
    }

    fn old(&mut self, dialect: Dialect) -> Vec<usize> {
        let all = old_code(dialect);
        let mut lines = Vec::new();
        for statement in all {
            self.line("BEGIN");
            lines.push(self.line(statement));
            self.line("ROLLBACK");
        }
        lines
    }

    fn case(&mut self, dialect: Dialect, number: usize, change: &[String]) -> Places {
        let mut places = Places::default();
        let name = format!("case{number}");
        if dialect == Dialect::Mysql {
            self.line(&format!("CREATE DATABASE {name}"));
            self.line(&format!("USE {name}"));
        } else {
            self.line(&format!("CREATE SCHEMA {name}"));
            self.line(&format!("SET search_path = {name}"));
        }
        places.schema = schema(dialect).into_iter().chain(ROWS).map(|one| self.line(one)).collect();
        places.before = self.old(dialect);
        places.change = change.iter().map(|one| self.line(one)).collect();
        places.after = self.old(dialect);
        places
    }
}

/// The lines that failed, from the messages of a client.
pub fn failed_lines(said: &str) -> BTreeSet<usize> {
    let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let of_line = |line: &str| {
        let postgres = line.split_once("psql:<stdin>:").filter(|_| line.contains("ERROR"));
        let mariadb = line.split_once("at line ").filter(|_| line.starts_with("ERROR"));
        let (_, rest) = postgres.or(mariadb)?;
        number(rest).parse().ok()
    };
    said.lines().filter_map(of_line).collect()
}

impl Server {
    fn failed_lines(&self, script: &str) -> BTreeSet<usize> {
        failed_lines(&self.run(script))
    }
}
