//! Thousands of random histories through the engine's decisions, against a reference that knows only the promises.
//!
//! No process, no disk, no clock: `TRUNKLINE_HISTORIES=100000 cargo test --test domain simulation` takes as long as it takes, and
//! `TRUNKLINE_SEED` with `TRUNKLINE_HISTORIES=1` repeats the one that failed.

mod build;
mod reference;
pub mod screen;
mod story;
mod subject;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use story::Story;
use trunkline_testing::dice::{Dice, Seed, number};

/// How many histories an ordinary run has.
const HISTORIES: u64 = 400;
/// How much happens in each.
const STEPS: usize = 60;

#[test]
fn no_history_breaks_a_promise() {
    let Seed(first) = Seed::of_this_run();
    let count = number("TRUNKLINE_HISTORIES").unwrap_or(HISTORIES);
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let seeds = (first..first + count).filter(move |seed| seed % threads == thread);
            scope.spawn(move || seeds.for_each(play));
        }
    });
}

/// Plays one history to its end.
fn play(seed: u64) {
    let mut story = Story::new(Dice::of(seed));
    let played = catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..STEPS {
            story.go_on();
        }
        story.end();
    }));
    if let Err(broken) = played {
        eprintln!("what happened: {:#?}", story.told());
        eprintln!("repeat it with TRUNKLINE_SEED={seed} TRUNKLINE_HISTORIES=1");
        resume_unwind(broken);
    }
}

/// What the histories have to be made of, so that none of the promises holds for want of trying.
#[test]
fn the_histories_contain_what_they_are_for() {
    let mut counts = std::collections::BTreeMap::new();
    for seed in 0..400 {
        let mut story = Story::new(Dice::of(seed)).unseen();
        (0..STEPS).for_each(|_| story.go_on());
        story.end();
        for word in story.told() {
            *counts.entry(word.clone()).or_insert(0_u32) += 1;
        }
    }
    for needed in [
        "promote accepted",
        "promote refused",
        "promote changed",
        "rollback accepted",
        "rollback refused",
        "rollback changed",
        "emergency accepted",
        "offer accepted",
        "offer skips a bad build",
        "redeploy accepted",
        "retry in staging accepted",
        "retry in production accepted",
        "retry refused",
        "cancel accepted",
        "crash",
        "late report",
        "override",
        "ask accepted",
        "ask refused",
        "withdraw accepted",
        "withdraw refused",
        "quarantine accepted",
        "clear accepted",
        "release accepted",
        "release refused",
        "request taken",
        "request superseded",
        "request withdrawn",
        "request expired",
        "quarantine wants a reason",
        "migration wants a reason",
        "screens",
        "schema SAFE",
        "RISK",
        "POINT OF NO RETURN",
    ] {
        let count = counts.get(needed).copied().unwrap_or(0);
        assert!(count >= 10, "{needed} happened {count} times: {counts:?}");
    }
}
