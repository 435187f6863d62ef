//! The words about what stays behind that reassure: that nothing else is known, and that all is ticked. For each, the
//! evidence that it needs; without it the word goes.

use trunkline::domain::event::{
    ChangeNote, DeploymentKind, DeploymentRequest, Fact, NoteKind, Outcome, UnknownCommit,
    UnknownDeployment,
};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, Seq};
use trunkline::domain::leftovers::{DeclaredLeftover, LeftoverTick, Leftovers, LeftoversListed};
use trunkline::domain::people::Actor;
use trunkline::domain::schema::SchemaChange;
use trunkline::migrations::Class;

use super::way_back::{Shop, failed};
use trunkline_testing::record::{person, request};

const PRODUCTION: Environment = Environment::Production;
const NOTHING: &str = "nothing else is known to stay behind";

/// #3 went live after #2, with what its promote brought.
fn live(change: impl FnOnce(&mut DeploymentRequest)) -> Shop {
    let mut shop = Shop::open();
    let mut asked = DeploymentRequest { kind: DeploymentKind::Promote, ..request(PRODUCTION, 3) };
    change(&mut asked);
    shop.run_of(asked, Outcome::Succeeded);
    shop
}

fn flag(what: &str) -> Fact {
    Fact::Noted(ChangeNote {
        kind: NoteKind::Flag,
        what: what.into(),
        who: None,
        undo: None,
        link: None,
        changed_at: None,
        observed: None,
    })
}

fn column_gone() -> SchemaChange {
    SchemaChange {
        path: "migrations/3.sql".into(),
        line: 1,
        statement: "ALTER TABLE t DROP COLUMN x".into(),
        class: Class::Data,
        build: BuildNumber(3),
        floor: BuildNumber(3),
        why: String::new(),
    }
}

fn with(fact: Fact) -> Shop {
    let mut shop = live(|_| ());
    shop.record.push(person("kim"), fact);
    shop
}

fn by_unknown_commit() -> Fact {
    let now = chrono::DateTime::UNIX_EPOCH;
    Fact::UnknownObserved(UnknownDeployment {
        environment: PRODUCTION,
        engine: "github".parse().unwrap(),
        run: "5513".into(),
        page: None,
        at: now,
        commit: UnknownCommit { sha: None, why: "its title does not name it".into() },
        taken_over: false,
    })
}

/// What is missing, a world without it, and what is said then.
type Case = (&'static str, fn() -> Shop, &'static str);

/// That nothing else is known to stay behind needs all of this.
const NEEDS: [Case; 9] = [
    (
        "no migration in what it takes away",
        || live(|asked| asked.migrations = Some(vec!["db/7_add.sql".into()])),
        "migration db/7_add.sql of #3",
    ),
    (
        "migrations that were looked for",
        || live(|asked| asked.migrations = None),
        "which migrations d",
    ),
    (
        "migrations that could be judged",
        || live(|asked| asked.schema_trouble = Some("git hangs".into())),
        "not all migrations of #3 are known: git hangs",
    ),
    (
        "no migration that an earlier rollback left",
        || {
            let mut asked =
                DeploymentRequest { kind: DeploymentKind::Promote, ..request(PRODUCTION, 3) };
            asked.schema = Some(vec![column_gone()]);
            let mut shop = Shop::open();
            shop.run_of(asked, Outcome::Succeeded);
            shop.run(PRODUCTION, 2, DeploymentKind::Rollback, Outcome::Succeeded);
            shop
        },
        "migration migrations/3.sql of #3",
    ),
    (
        "no declared leaves",
        || {
            let mut shop = live(|_| ());
            let (what, check, undo) = ("the page cache".to_owned(), None, None);
            shop.policy.leaves = Some(vec![DeclaredLeftover { what, check, undo }]);
            shop
        },
        "1 thing: the page cache",
    ),
    (
        "a service file that was read",
        || {
            let mut shop = live(|_| ());
            shop.policy.leaves = None;
            shop
        },
        "its trunkline.toml is not read",
    ),
    ("no note since", || with(flag("pay-v2 on")), "flag pay-v2 on"),
    ("a build that is known", || with(by_unknown_commit()), "is no known build"),
    (
        "a record without a gap",
        || {
            let at = chrono::DateTime::UNIX_EPOCH;
            with(Fact::RecordRestored { head: Seq(3), at })
        },
        "the record was restored from a copy",
    ),
];

#[test]
fn that_nothing_is_known_to_stay_behind_needs_each_piece_of_evidence() {
    let tells = ["plan", "dialog", "emergency", "api"];
    for (place, text) in live(|_| ()).place().said() {
        assert_eq!(text.contains(NOTHING), tells.contains(&place), "{place}: {text}");
        assert!(!text.contains("nothing stays behind"), "{place}: {text}");
    }
    for (needs, world, says) in NEEDS {
        for (place, text) in world().place().said() {
            assert!(!text.contains(NOTHING), "without {needs}, {place}: {text}");
            let is_told = !tells.contains(&place) || text.contains(says);
            assert!(is_told, "without {needs}, {place}: {text}");
        }
    }
}

/// A note from before the build that is taken away began is nothing that it left; one that nobody remembers may be.
#[test]
fn only_what_was_noted_since_the_build_began_counts_and_what_is_forgotten_is_no_nothing() {
    let mut shop = Shop::open();
    shop.record.push(person("kim"), flag("old"));
    shop.record.now += chrono::TimeDelta::minutes(1);
    shop.run(PRODUCTION, 3, DeploymentKind::Promote, Outcome::Succeeded);
    let left = shop.place().back().stays_behind.unwrap();
    assert!(left.in_brief().contains(NOTHING), "{left:?}");
    for number in 0..60 {
        shop.record.push(person("kim"), flag(&number.to_string()));
    }
    let left = shop.place().back().stays_behind.unwrap();
    assert_eq!(left.items.len(), 20, "a list that nobody reads helps nobody");
    assert_eq!(left.items[0].what, "flag 59", "the newest first");
    let said = left.doubt().unwrap();
    assert_eq!(
        said,
        "there may be more: at least 30 more changes were noted; older notes are not looked at"
    );
}

#[test]
fn how_long_it_could_write_is_told_from_when_its_steps_began_also_where_it_never_was_live() {
    let mut shop = live(|_| ());
    shop.record.now += chrono::TimeDelta::minutes(42);
    let said = |shop: &Shop| shop.place().back().stays_behind.unwrap().written.unwrap().sentence();
    assert_eq!(said(&shop), "#3 ran 42m before it and may have written data in its own form");
    let mut broken = Shop::open();
    broken.run(PRODUCTION, 3, DeploymentKind::Promote, failed());
    broken.record.now += chrono::TimeDelta::minutes(2);
    assert_eq!(said(&broken), "#3 ran 2m before it and may have written data in its own form");
    // Two builds back: both wrote.
    let to = Some(BuildNumber(1));
    let action = trunkline::domain::command::Action::Rollback { to };
    let plan = broken.place().plan(action, &[]);
    let said = plan.stays_behind.unwrap().written.unwrap().sentence();
    assert_eq!(said, "#3, #2 ran 2m before it and may have written data in their own form");
}

/// A rollback from #3 to #2 whose hold has this list.
fn held(left: Leftovers) -> (Shop, Seq) {
    let mut shop = live(|_| ());
    let rollback = shop.run(PRODUCTION, 2, DeploymentKind::Rollback, Outcome::Succeeded);
    let hold = place(&mut shop, rollback);
    let listed = LeftoversListed { environment: PRODUCTION, hold, rollback, left };
    shop.record.push(person("kim"), Fact::LeftoversListed(listed));
    (shop, hold)
}

fn place(shop: &mut Shop, rollback: DeploymentId) -> Seq {
    let reason = "rolled back from #3 to #2".to_owned();
    let (environment, rollback, all) = (PRODUCTION, Some(rollback), false);
    shop.record.push(person("kim"), Fact::HoldPlaced { environment, reason, rollback, all })
}

fn two_things() -> Leftovers {
    let mut shop = live(|asked| asked.migrations = Some(vec!["db/7_add.sql".into()]));
    shop.record.push(person("kim"), flag("pay-v2 on"));
    *shop.place().back().stays_behind.unwrap()
}

fn ticked(shop: &mut Shop, hold: Seq, item: u32) {
    let tick = LeftoverTick { environment: PRODUCTION, hold, item, what: "it".into() };
    shop.record.push(person("kim"), Fact::LeftoverTicked(tick));
}

/// That all is ticked is said only while every thing of this very hold is.
#[test]
fn all_is_ticked_only_while_everything_on_this_hold_is() {
    let all = |shop: &Shop, says: bool, count: &str| {
        for (place, text) in shop.place().said() {
            // The header and the dialogs of a rollback are about other things.
            let tells = ["status", "fleet", "api"].contains(&place);
            assert_eq!(text.contains("all 2 ticked"), says && tells, "{place}: {text}");
            assert_eq!(text.contains(count), tells, "{count:?} in {place}: {text}");
        }
    };
    let (mut shop, hold) = held(two_things());
    all(&shop, false, "2 of 2 open");
    ticked(&mut shop, hold, 1);
    all(&shop, false, "1 of 2 open");
    ticked(&mut shop, hold, 2);
    all(&shop, true, "all 2 ticked");
    let tick = LeftoverTick { environment: PRODUCTION, hold, item: 1, what: "it".into() };
    shop.record.push(person("kim"), Fact::LeftoverUnticked(tick));
    all(&shop, false, "1 of 2 open");
    // A tick of another hold is none of this one.
    let (mut other, hold) = held(two_things());
    ticked(&mut other, Seq(hold.0 + 50), 1);
    ticked(&mut other, hold, 7);
    all(&other, false, "2 of 2 open");
}

/// A rollback whose hold takes the place of another keeps what is open there.
#[test]
fn what_is_open_on_a_hold_stays_on_that_of_the_next_rollback() {
    let (mut shop, hold) = held(two_things());
    ticked(&mut shop, hold, 1);
    let open = shop.record.state.holds[&PRODUCTION].left.clone().unwrap();
    let open: Vec<_> = open.open().map(|(_, item)| item.what.clone()).collect();
    let action = trunkline::domain::command::Action::Rollback { to: Some(BuildNumber(1)) };
    let next = shop.place().plan(action, &[]).stays_behind.unwrap();
    let names: Vec<_> = next.items.iter().map(|item| item.what.clone()).collect();
    assert_eq!((open.len(), &names[names.len() - 1..]), (1, &open[..]), "{names:?}");
    assert!(next.items.iter().all(|item| item.ticked.is_none()));
    let by: Vec<_> = shop.record.state.holds[&PRODUCTION]
        .left
        .as_ref()
        .unwrap()
        .items
        .iter()
        .filter_map(|item| item.ticked.as_ref().map(|mark| mark.by.clone()))
        .collect();
    assert_eq!(by, [Actor::Person("kim".into())]);
}

/// The history tells what was open when the hold was released.
#[test]
fn what_was_open_at_the_release_is_told_with_its_rollback() {
    let (mut shop, _) = held(two_things());
    let (environment, bad, open) = (PRODUCTION, Vec::new(), vec!["flag pay-v2 on".to_owned()]);
    let reason = "well".to_owned();
    let released = Fact::HoldReleased { environment, reason, bad, open };
    shop.record.push(person("kim"), released);
    let event = shop.record.events.last().unwrap();
    assert_eq!(
        event.sentence(),
        "kim released the hold on production: well; left open: flag pay-v2 on"
    );
    let last = shop.record.state.deployments.values().next_back().unwrap();
    let said = trunkline::domain::words::outcome(last, shop.record.now);
    let tells = "; its hold was released with this open: flag pay-v2 on";
    assert!(said.ends_with(tells), "{said}");
}
