//! The record on a real disk: what was appended is read back, and what was tampered with is found.

use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, params};
use trunkline::domain::chain::{ChainFrom, ChainPage};
use trunkline::domain::command::Receipt;
use trunkline::domain::event::Fact;
use trunkline::domain::ids::{BuildNumber, IdempotencyKey, Seq, ServiceName};
use trunkline::domain::people::Actor;
use trunkline::domain::policy::VerifyBy;
use trunkline::store::{
    Answered, Hash, KnownService, NewEvent, NewestOf, Reader, Store, StoreError,
};

fn service() -> ServiceName {
    "checkout".parse().expect("a service name")
}

fn verified(number: u64) -> NewEvent {
    NewEvent {
        service: service(),
        actor: Actor::Person("jane".into()),
        fact: Fact::BuildVerified {
            build: BuildNumber(number),
            note: "looks good".into(),
            kind: VerifyBy::Person,
        },
    }
}

fn at(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
}

fn filled(folder: &tempfile::TempDir) -> Store {
    let mut store = Store::open(&folder.path().join("trunkline.db")).expect("it opens");
    for number in 1..=20 {
        store.append(at(1), vec![verified(number)], None).expect("it is written");
    }
    store
}

#[test]
fn events_come_back_as_they_were_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(&folder.path().join("trunkline.db")).expect("it opens");
    let written = store.append(at(7), vec![verified(1), verified(2)], None).expect("it is written");
    drop(store);
    let store = Store::open(&folder.path().join("trunkline.db")).expect("it opens again");
    let mut read = Vec::new();
    store.replay(|event| read.push(event)).expect("it can be read");
    assert_eq!(read, written);
    assert_eq!(store.head(), Seq(2));
    let page = store.reader().expect("it opens").events(Some(&service()), Seq(1), 10);
    assert_eq!(page.expect("it can be read"), written[1..]);
}

#[test]
fn what_the_engine_verified_before_there_were_kinds_was_verified_by_a_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(&folder.path().join("trunkline.db")).expect("it opens");
    let old = |actor, note: &str| {
        let fact = |kind| Fact::BuildVerified { build: BuildNumber(1), note: note.into(), kind };
        // A person's kind is not spelled out, so that this is stored as it was when there was none.
        NewEvent { service: service(), actor, fact: fact(VerifyBy::Person) }
    };
    let jane = || Actor::Person("jane".into());
    let events = vec![
        old(Actor::System, "step smoke of d12 succeeded"),
        old(Actor::System, "step talk of d1 of d12 succeeded"),
        old(Actor::System, "something else"),
        old(jane(), "step smoke of d12 succeeded"),
    ];
    store.append(at(1), events, None).expect("it is written");
    let mut kinds = Vec::new();
    store
        .replay(|event| {
            let Fact::BuildVerified { kind, .. } = event.fact else { panic!("{event:?}") };
            kinds.push(kind);
        })
        .expect("it can be read");
    let step = |name: &str| VerifyBy::Step(name.into());
    assert_eq!(kinds, [step("smoke"), step("talk of d1"), step(""), VerifyBy::Person]);
    assert_eq!(store.reader().expect("it opens").walk(None).expect("it can be read").broken, None);
}

#[test]
fn a_part_of_the_chain_goes_on_only_behind_the_row_that_it_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let reader = filled(&folder).reader().expect("it opens");
    let all = reader.chain(ChainFrom::default(), 1_000).expect("it can be read");
    let part = |seq, hash, limit| {
        let from = ChainFrom { seq: Seq(seq), hash };
        reader.chain(from, limit).expect("it can be read")
    };
    let behind_two = part(2, Some(all.rows[1].hash), 2);
    assert_eq!(behind_two.rows, all.rows[2..4]);
    assert!(behind_two.more && behind_two.broken.is_none());
    assert_eq!(part(2, None, 2), behind_two, "without a hash, that of the row");
    let broken = part(2, Some(Hash::of("another history")), 2);
    assert_eq!(broken.broken.map(|broken| broken.seq), Some(Seq(3)));
    assert_eq!((broken.rows, broken.more), (Vec::new(), false));
    let end = all.rows.last().expect("there are rows");
    assert_eq!(part(end.seq.0, Some(end.hash), 2), ChainPage::default());
}

#[test]
fn a_time_is_between_two_events_whatever_the_clock_did() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(&folder.path().join("trunkline.db")).expect("it opens");
    let reader = store.reader().expect("it opens");
    let span = |since: Option<i64>, until: Option<i64>| {
        let found = reader.span(since.map(at), until.map(at)).expect("it can be read");
        found.map(|span| (span.first.0, span.last.0))
    };
    assert_eq!(span(None, None), None);
    for second in [10, 20, 30, 5, 25] {
        store.append(at(second), vec![verified(1)], None).expect("it is written");
    }
    assert_eq!(span(None, None), Some((1, 5)));
    assert_eq!(span(Some(20), Some(26)), Some((2, 5)));
    assert_eq!(span(Some(21), None), Some((3, 5)));
    assert_eq!(span(None, Some(9)), Some((4, 4)));
    assert_eq!(span(Some(31), None), None);
    assert_eq!(span(Some(20), Some(20)), Some((2, 2)), "both ends count");
}

#[test]
fn a_receipt_is_written_with_its_events_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(&folder.path().join("trunkline.db")).expect("it opens");
    let key = IdempotencyKey::try_from("0123456789".to_owned()).expect("a key");
    let receipt = Receipt { seq: Seq(1), at: at(1), deployment: None, said: "done".into() };
    let answered = Answered { key: key.clone(), request: Hash::of("it"), receipt: receipt.clone() };
    store.append(at(1), vec![verified(1)], Some(&answered)).expect("it is written");
    assert_eq!(store.answered(&key).expect("it can be read"), Some((Hash::of("it"), receipt)));
    store.append(at(2), vec![verified(2)], Some(&answered)).expect_err("the key is taken");
    assert_eq!(store.head(), Seq(1), "nothing of a failed transaction stays");
    store.append(at(2), vec![verified(2)], None).expect("the next one fits the chain");
    assert_eq!(store.reader().expect("it opens").walk(None).expect("it can be read").broken, None);
}

#[test]
fn every_change_to_a_row_is_found() {
    let statements = [
        "UPDATE events SET at = '2020-01-01T00:00:00.000000Z' WHERE seq = 5",
        "UPDATE events SET service = 'other' WHERE seq = 5",
        "UPDATE events SET actor = '\"system\"' WHERE seq = 5",
        "UPDATE events SET kind = 'x' WHERE seq = 5",
        "UPDATE events SET fact = replace(fact, 'good', 'fine') WHERE seq = 5",
        "UPDATE events SET hash = zeroblob(32) WHERE seq = 5",
        "DELETE FROM events WHERE seq = 5",
    ];
    for statement in statements {
        let folder = tempfile::tempdir().expect("a folder");
        let store = filled(&folder);
        assert_eq!(
            store.reader().expect("it opens").walk(None).expect("it can be read").broken,
            None
        );
        let forger = Connection::open(folder.path().join("trunkline.db")).expect("it opens");
        forger.execute(statement, []).expect_err("the schema stands in the way");
        forger
            .execute_batch(
                "DROP TRIGGER events_are_never_changed; DROP TRIGGER events_are_never_deleted",
            )
            .expect("the forger owns the file");
        forger.execute(statement, []).expect("now nothing stands in the way");
        let found = store.reader().expect("it opens").walk(None).expect("it can be read").broken;
        let seq = found.unwrap_or_else(|| panic!("not found: {statement}")).seq;
        assert!(seq == Seq(5) || seq == Seq(6), "{statement}: found at {seq}");
    }
}

#[test]
fn a_newer_database_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trunkline.db");
    drop(Store::open(&path).expect("it opens"));
    let newer = Connection::open(&path).expect("it opens");
    newer.pragma_update(None, "user_version", 99).expect("it is written");
    let error = Store::open(&path).expect_err("it is from the future");
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    assert!(error.to_string().contains("install that version"), "{error}");
}

#[test]
fn a_commit_is_durable_before_it_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let _store = filled(&folder);
    let other = Connection::open(folder.path().join("trunkline.db")).expect("it opens");
    let mode: String =
        other.query_row("PRAGMA journal_mode", [], |row| row.get(0)).expect("a mode");
    assert_eq!(mode, "wal");
    let count: i64 = other
        .query_row("SELECT count(*) FROM events", params![], |row| row.get(0))
        .expect("a count");
    assert_eq!(count, 20, "another connection sees all that was answered");
}

#[test]
fn a_service_is_remembered_by_its_repository() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = filled(&folder);
    let known = |folder: &str| KnownService {
        name: service(),
        repository: "/srv/git/checkout".into(),
        folder: folder.into(),
    };
    store.know(&known("")).expect("it is written");
    store.know(&known("services/checkout")).expect("it moves");
    assert_eq!(store.services().expect("it can be read"), [known("services/checkout")]);
}

#[test]
fn a_new_database_is_its_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let _store = filled(&folder);
    for file in std::fs::read_dir(folder.path()).expect("the folder").flatten() {
        let mode = file.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", file.file_name());
    }
}

#[test]
fn what_others_did_and_what_came_later_takes_no_place_of_the_events_of_a_period() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trunkline.db");
    let mut store = Store::open(&path).unwrap();
    let other: ServiceName = "search".parse().unwrap();
    for second in 1..=9 {
        let elsewhere = NewEvent { service: other.clone(), ..verified(100) };
        let of_both = vec![verified(u64::try_from(second).unwrap()), elsewhere];
        store.append(at(second), of_both, None).unwrap();
    }
    let reader = Reader::open(&path).unwrap();
    let read = |is_other: bool, until: Option<i64>, limit: usize| {
        let (since, until, service) = (at(3), until.map(at), service());
        let of = NewestOf { since, until, before: None, service, is_other };
        let events = reader.newest_of(&["build_verified"], &of, limit).unwrap();
        let of_one = |event: &trunkline::domain::event::Event| (event.service == other) == is_other;
        assert!(events.iter().all(of_one), "{events:?}");
        events.iter().map(|event| event.at).collect::<Vec<_>>()
    };
    assert_eq!(read(false, Some(5), 9), [at(5), at(4), at(3)]);
    assert_eq!(read(false, Some(5), 2), [at(5), at(4)], "the newest of the period");
    assert_eq!(read(true, Some(4), 9), [at(4), at(3)]);
    assert_eq!(read(false, None, 9).len(), 7);
}
