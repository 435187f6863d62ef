//! The hash chain against somebody who owns the file.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use chrono::DateTime;
use rusqlite::{Connection, params};
use trunkline::domain::chain::{ChainHead, ChainWalk};
use trunkline::domain::event::Fact;
use trunkline::domain::ids::{BuildNumber, Seq};
use trunkline::domain::people::Actor;
use trunkline::domain::policy::VerifyBy;
use trunkline::store::{NewEvent, Reader, Store};

use super::export::recorded;

const ROWS: u64 = 6;

struct Record {
    folder: tempfile::TempDir,
}

impl Record {
    fn of(note: &str) -> Self {
        let record = Self { folder: tempfile::tempdir().unwrap() };
        let mut store = Store::open(&record.database()).unwrap();
        for number in 1..=ROWS {
            let fact = Fact::BuildVerified {
                build: BuildNumber(number),
                note: note.into(),
                kind: VerifyBy::Person,
            };
            let (service, actor) = ("shop".parse().unwrap(), Actor::Person("jane".into()));
            let event = NewEvent { service, actor, fact };
            store.append(DateTime::UNIX_EPOCH, vec![event], None).unwrap();
        }
        record
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("trunkline.db")
    }

    fn forger(&self) -> Connection {
        forger(&self.database())
    }

    fn walk(&self, before: Option<&ChainHead>) -> ChainWalk {
        Reader::open(&self.database()).unwrap().walk(before).unwrap()
    }

    fn broken_at(&self, before: Option<&ChainHead>) -> Option<u64> {
        self.walk(before).broken.map(|broken| broken.seq.0)
    }

    fn trunkline(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_trunkline"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("TRUNKLINE_DATA_DIR", self.folder.path())
            .env("TRUNKLINE_CONFIG_DIR", self.folder.path())
            .output()
            .unwrap()
    }
}

/// A connection that nothing stands in the way of.
fn forger(database: &Path) -> Connection {
    let forger = Connection::open(database).unwrap();
    let free = "PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON;
                DROP TRIGGER events_are_never_changed; DROP TRIGGER events_are_never_deleted";
    forger.execute_batch(free).unwrap();
    forger
}

#[test]
fn a_single_changed_byte_of_any_column_names_its_row() {
    let record = Record::of("good");
    let forger = record.forger();
    for seq in [1_u32, 3, 6] {
        for column in ["at", "service", "actor", "kind", "fact", "hash"] {
            let read = format!("SELECT CAST({column} AS BLOB) FROM events WHERE seq = ?1");
            let whole: Vec<u8> = forger.query_row(&read, [seq], |row| row.get(0)).unwrap();
            let kind = if column == "hash" { "BLOB" } else { "TEXT" };
            let write = format!("UPDATE events SET {column} = CAST(?2 AS {kind}) WHERE seq = ?1");
            for at in 0..whole.len() {
                let mut changed = whole.clone();
                changed[at] ^= 1;
                forger.execute(&write, params![seq, changed]).unwrap();
                assert_eq!(record.broken_at(None), Some(seq.into()), "byte {at} of {column}");
            }
            forger.execute(&write, params![seq, whole]).unwrap();
        }
    }
    assert_eq!(record.broken_at(None), None, "it is as it was again");
}

#[test]
fn a_row_of_another_type_is_named_and_not_a_failure() {
    let record = Record::of("good");
    record.forger().execute("UPDATE events SET hash = x'00' WHERE seq = 4", []).unwrap();
    assert_eq!(record.broken_at(None), Some(4));
}

#[test]
fn a_row_that_is_missing_swapped_or_forged_is_named() {
    const SWAP: &str = "UPDATE events SET seq = -1 WHERE seq = 3;
                        UPDATE events SET seq = 3 WHERE seq = 5;
                        UPDATE events SET seq = 5 WHERE seq = -1";
    const FORGE: &str = "INSERT INTO events (seq, at, service, actor, kind, fact, hash)
                         SELECT 7, at, service, actor, kind, fact, hash FROM events WHERE seq = 6";
    let cases = [
        ("DELETE FROM events WHERE seq = 1", 2),
        ("DELETE FROM events WHERE seq = 3", 4),
        (SWAP, 3),
        (FORGE, 7),
    ];
    for (forgery, named) in cases {
        let record = Record::of("good");
        record.forger().execute_batch(forgery).unwrap();
        assert_eq!(record.broken_at(None), Some(named), "{forgery}");
    }
}

#[test]
fn a_head_that_was_kept_finds_a_tail_that_was_cut_off() {
    let record = Record::of("good");
    let head = record.walk(None).head.unwrap();
    assert_eq!((head.seq, head.rows), (Seq(ROWS), ROWS));
    record.forger().execute("DELETE FROM events WHERE seq > 4", []).unwrap();
    assert_eq!(record.broken_at(None), None, "the rest holds in itself");
    assert_eq!(record.broken_at(Some(&head)), Some(5));
    std::fs::remove_file(record.database()).unwrap();
    Connection::open(record.database()).unwrap().pragma_update(None, "user_version", 0).unwrap();
    assert_eq!(record.broken_at(Some(&head)), Some(1), "nothing at all is left");
}

#[test]
fn a_head_that_was_kept_finds_a_history_that_was_written_anew() {
    let head = Record::of("good").walk(None).head.unwrap();
    let rewritten = Record::of("fine");
    assert_eq!(rewritten.broken_at(None), None, "it holds in itself");
    assert_eq!(rewritten.broken_at(Some(&head)), Some(ROWS));
}

#[test]
fn a_head_that_was_kept_is_still_there_when_the_record_has_grown() {
    let record = Record::of("good");
    let kept = record.trunkline(&["audit", "head", "trunkline.db", "--output", "head.json"]);
    assert!(kept.status.success(), "{kept:?}");
    let mut store = Store::open(&record.database()).unwrap();
    let fact =
        Fact::BuildVerified { build: BuildNumber(7), note: "more".into(), kind: VerifyBy::Person };
    let event = NewEvent { service: "shop".parse().unwrap(), actor: Actor::System, fact };
    store.append(DateTime::UNIX_EPOCH, vec![event], None).unwrap();
    // The writer still has the database open.
    let verified = record.trunkline(&["audit", "verify", "trunkline.db", "--head", "head.json"]);
    let said = String::from_utf8(verified.stdout).unwrap();
    assert!(verified.status.success() && said.contains("7 rows are intact"), "{said}");
    let again = record.trunkline(&["audit", "head", "trunkline.db", "--output", "head.json"]);
    assert_eq!(again.status.code(), Some(1), "a head that was kept is never overwritten");
}

#[test]
fn a_broken_chain_ends_with_exit_code_1_and_the_row_s_number() {
    let record = Record::of("good");
    record.forger().execute("UPDATE events SET actor = '\"system\"' WHERE seq = 2", []).unwrap();
    let verified = record.trunkline(&["audit", "verify", "trunkline.db"]);
    let said = String::from_utf8(verified.stderr).unwrap();
    assert_eq!(verified.status.code(), Some(1));
    assert!(said.contains("event 2 is broken"), "{said}");
}

#[test]
fn a_database_that_is_not_there_is_said_and_not_made() {
    let record = Record::of("good");
    std::fs::remove_file(record.database()).unwrap();
    let verified = record.trunkline(&["audit", "verify", "trunkline.db"]);
    let said = String::from_utf8(verified.stderr).unwrap();
    assert_eq!(verified.status.code(), Some(1));
    assert!(said.contains("there is no record at \"trunkline.db\""), "{said}");
    assert!(!record.database().exists());
}

#[test]
fn the_engine_s_record_is_walked_through_the_engine_and_a_change_behind_its_back_is_named() {
    let home = recorded(&["good".to_owned(), "fine".to_owned()]);
    let said = home.said(&["audit", "verify"]);
    assert!(said.contains("rows are intact; the head is event"), "{said}");
    home.said(&["audit", "head", "--output", "head.json"]);
    home.said(&["audit", "verify", "--head", "head.json"]);
    let doctor = home.trunkline(&["doctor"]);
    assert!(
        String::from_utf8_lossy(&doctor.stdout).contains("its hash chain is whole"),
        "{doctor:?}"
    );
    let forger = forger(&home.path("data").join("trunkline.db"));
    forger.execute("UPDATE events SET actor = '\"system\"' WHERE seq = 2", []).unwrap();
    let verified = home.trunkline(&["audit", "verify"]);
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert_eq!(verified.status.code(), Some(1), "{verified:?}");
    assert!(
        said.contains("event 2 is broken") && said.contains("1 rows before it are intact"),
        "{said}"
    );
    let doctor = home.trunkline(&["doctor"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(said.contains("event 2 was changed outside trunkline"), "{said}");
}

#[test]
fn a_record_that_no_engine_can_open_is_still_checked_as_a_file() {
    let home = recorded(&["good".to_owned()]);
    let database = home.path("data").join("trunkline.db");
    std::fs::write(&database, "no record ".repeat(100)).unwrap();
    let verified = home.trunkline(&["audit", "verify"]);
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert_eq!(verified.status.code(), Some(1), "{verified:?}");
    assert!(said.contains("run: trunkline audit verify"), "{said}");
    let verified = home.trunkline(&["audit", "verify", database.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.code() == Some(1) && said.contains("is damaged"), "{said}");
}
