//! The record itself: images of it as a crash would leave them, and files that were cut off or replaced.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use trunkline::domain::event::Fact;
use trunkline::domain::ids::BuildNumber;
use trunkline::domain::people::Actor;
use trunkline::domain::policy::VerifyBy;
use trunkline::engine::clock::{Clock as _, SystemClock};
use trunkline::store::{NewEvent, Store};

use super::engine::{Engine, PATIENCE};
use super::history::is_sound;
use super::shop::Shop;
use trunkline_testing::dice::{Dice, Seed, number};

/// How many images a plain `cargo test` takes; `TRUNKLINE_IMAGES` sets another number.
const IMAGES: u64 = 30;
/// How often something is appended while one is taken.
const APPENDS_OF_AN_IMAGE: u32 = 20;

#[test]
fn every_image_of_a_crash_holds_what_was_acknowledged_before() {
    let (images, seed) = (number("TRUNKLINE_IMAGES").unwrap_or(IMAGES), Seed::of_this_run());
    let mut dice = Dice::of(seed.0);
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("trunkline.db");
    let acknowledged = AtomicU64::new(0);
    let store = Store::open(&database).unwrap();
    let (go, starts) = mpsc::sync_channel(1);
    std::thread::scope(|threads| {
        let acknowledged = &acknowledged;
        threads.spawn(move || write(store, acknowledged, &starts));
        // Dropped at the end, also at a bad one, and with it the writer ends.
        let go = go;
        let copy = folder.path().join("copy.db");
        for image in 0..images {
            go.send(()).unwrap();
            let before = acknowledged.load(Ordering::SeqCst);
            let whole = take_image(&database, &copy);
            // Every other one is torn: a power cut may take the end of what was not acknowledged.
            let is_torn = image % 2 == 1 && tear(&copy, whole, &mut dice);
            let head = Store::open(&copy).unwrap().head().0;
            is_sound(&copy);
            assert!(is_torn || head >= before, "{before} were acknowledged, {head} are there");
        }
    });
    assert!(acknowledged.load(Ordering::SeqCst) > images, "hardly anything was written");
}

/// Appends while an image is taken, one to three events at a time; not more, or each image would be larger than all
/// before it together.
fn write(mut store: Store, acknowledged: &AtomicU64, starts: &mpsc::Receiver<()>) {
    for () in starts {
        for _ in 0..APPENDS_OF_AN_IMAGE {
            let count = 1 + store.head().0 % 3;
            let event = |number| NewEvent {
                service: Shop::service(),
                actor: Actor::System,
                fact: Fact::BuildVerified {
                    build: BuildNumber(number),
                    note: "x".repeat(200),
                    kind: VerifyBy::Person,
                },
            };
            store.append(SystemClock.now(), (0..count).map(event).collect(), None).unwrap();
            acknowledged.store(store.head().0, Ordering::SeqCst);
        }
    }
}

/// Copies both files as they are at one moment: again, when a checkpoint came in between. The length of the second.
fn take_image(database: &Path, copy: &Path) -> u64 {
    let wal = |path: &Path| path.with_extension("db-wal");
    loop {
        let before = fs::read(database).unwrap();
        let ahead = fs::read(wal(database)).unwrap();
        if fs::read(database).unwrap() != before {
            continue;
        }
        let _none_left_behind = fs::remove_file(copy.with_extension("db-shm"));
        fs::write(copy, before).unwrap();
        fs::write(wal(copy), &ahead).unwrap();
        return ahead.len() as u64;
    }
}

fn tear(copy: &Path, whole: u64, dice: &mut Dice) -> bool {
    let wal = fs::OpenOptions::new().write(true).open(copy.with_extension("db-wal")).unwrap();
    wal.set_len(dice.roll() % (whole + 1)).unwrap();
    true
}

/// What an engine says that does not start.
fn refused(shop: &Shop) -> String {
    let mut command = shop.home.command(&["serve"]);
    let mut engine = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while engine.try_wait().unwrap().is_none() && Instant::now() < deadline {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let _ended_already = engine.kill();
    let Output { status, stderr, .. } = engine.wait_with_output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "it was not refused: {said}");
    said
}

/// A shop whose engine has ended after a first deployment, and a copy of its record from before that.
async fn with_history() -> (Shop, Vec<u8>) {
    let shop = Shop::new();
    let engine = Engine::start(&shop.home);
    engine
        .until("the first build is verified", |snapshot| {
            snapshot.builds.first()?.build.verifications.first().map(drop)
        })
        .await;
    engine.stop();
    let connection = Connection::open(shop.database()).unwrap();
    let count: i64 =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    assert_eq!(count, 0, "nobody else has it");
    drop(connection);
    let first = fs::read(shop.database()).unwrap();
    let engine = Engine::start(&shop.home);
    let sha = shop.repository.commit("another");
    engine
        .until("the second build is verified", |snapshot| {
            let newest = &snapshot.builds.first()?.build;
            (newest.sha == sha && !newest.verifications.is_empty()).then_some(())
        })
        .await;
    engine.stop();
    (shop, first)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_was_cut_off_or_replaced_is_refused_with_a_way_out() {
    let (shop, older) = with_history().await;
    let (database, wal) = (shop.database(), shop.database().with_extension("db-wal"));
    let connection = Connection::open(&database).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(connection);
    let good = fs::read(&database).unwrap();
    let mut torn = good.clone();
    torn[100..].fill(0xa5);
    let replaced = [
        ("emptied", Vec::new(), "was replaced or cut off; restore the right record"),
        ("an older one", older, "was replaced or cut off; restore the right record"),
        ("cut in the middle", good[..good.len() / 2].to_vec(), "is damaged"),
        ("overwritten", torn, "is damaged"),
        ("something else", b"#!/bin/sh\nexit 0\n".repeat(400), "is damaged"),
    ];
    for (what, content, sentence) in replaced {
        let _none_left_behind = fs::remove_file(&wal);
        fs::write(&database, &content).unwrap();
        let said = refused(&shop);
        assert!(said.contains(sentence), "{what}: {said}");
        assert!(said.contains("trunkline.db"), "{what}: {said}");
    }
    let _none_left_behind = fs::remove_file(&wal);
    fs::write(&database, &good).unwrap();
    let engine = Engine::start(&shop.home);
    assert_eq!(engine.snapshot().await.builds.len(), 2, "the right one is taken again");
    engine.stop();
}
