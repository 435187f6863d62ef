//! The multi-phase story on a real repository and a real database: expand, migrate, contract.

use std::fmt::Write as _;

use chrono::TimeDelta;
use rusqlite::Connection;
use trunkline::domain::caller::Caller;
use trunkline::domain::command::Action;
use trunkline::domain::ids::BuildNumber;
use trunkline::domain::plan::{Finding, Guard, Plan, Severity};
use trunkline::domain::schema::{Outlook, Verdict};
use trunkline::domain::snapshot::BuildRow;

use trunkline_testing::clock::SetClock;
use trunkline_testing::engine::{QUICK, World};

const SETTINGS: &str = r#"
[migrations]
dialect = "sqlite"
min_bake = "1h"
"#;

/// What each build adds to the schema, and what its code asks the database.
const BUILDS: [(&str, &str, &str); 4] = [
    (
        "migrations/0001_orders.sql",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, legacy_total TEXT NOT NULL DEFAULT '0');",
        "INSERT INTO orders (legacy_total) VALUES ('12.50'); SELECT legacy_total FROM orders;",
    ),
    (
        "migrations/0002_expand.sql",
        "ALTER TABLE orders ADD COLUMN total_cents INTEGER;",
        "INSERT INTO orders (legacy_total, total_cents) VALUES ('12.50', 1250);
         SELECT legacy_total, total_cents FROM orders;",
    ),
    (
        "migrations/readme.md",
        "the old column is not used any more",
        "INSERT INTO orders (total_cents) VALUES (1250); SELECT total_cents FROM orders;",
    ),
    (
        "migrations/0003_contract.sql",
        "ALTER TABLE orders DROP COLUMN legacy_total;",
        "INSERT INTO orders (total_cents) VALUES (1250); SELECT total_cents FROM orders WHERE id > 0;",
    ),
];

/// A service whose four builds walk through the phases, all of them in staging.
struct Story {
    world: World,
    clock: std::sync::Arc<SetClock>,
    builds: Vec<BuildNumber>,
}

impl Story {
    async fn begin() -> Self {
        let clock = SetClock::new();
        let mut world = World::with_file(&format!("{QUICK}{SETTINGS}"));
        world.start_by(clock.clone()).await;
        let mut builds = Vec::new();
        for (path, text, code) in BUILDS {
            world.repository.write(path, text);
            world.repository.write("app.sql", code);
            let sha = world.repository.commit_all("Ann", "ann@example.com", path);
            let verified =
                |row: &BuildRow| row.build.sha == sha && !row.build.verifications.is_empty();
            let row = world.until_build("the merge is verified in staging", verified).await;
            builds.push(row.build.number);
        }
        Self { world, clock, builds }
    }

    async fn promote_plan(&self, phase: usize) -> Plan {
        let build = self.builds[phase];
        self.world.plan("raj", Action::Promote { build }).await.unwrap()
    }

    /// How a rollback to a phase would go, by its plan.
    async fn way_back(&self, phase: usize) -> Verdict {
        let to = Some(self.builds[phase]);
        self.world.plan("raj", Action::Rollback { to }).await.unwrap().verdict.unwrap()
    }

    /// What the screen says of the rollback that one key would start.
    fn on_screen(&self) -> Verdict {
        let snapshot =
            self.world.handle().service(&self.world.service, &Caller::in_process("raj")).unwrap();
        snapshot.rollback.unwrap().verdict
    }
}

fn on_migrations(plan: &Plan) -> Vec<&Finding> {
    plan.findings.iter().filter(|finding| finding.guard == Guard::Migration).collect()
}

/// What the database says to the code of a phase when the migrations up to another one have run.
fn runs(code: usize, schema: usize) -> Result<(), String> {
    let database = Connection::open_in_memory().unwrap();
    for (path, text, _) in BUILDS[..=schema].iter().filter(|(_, text, _)| text.ends_with(';')) {
        database.execute_batch(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    for statement in BUILDS[code].2.split_inclusive(';') {
        let mut prepared = database.prepare(statement).map_err(|error| error.to_string())?;
        let mut rows = prepared.query([]).map_err(|error| error.to_string())?;
        while rows.next().map_err(|error| error.to_string())?.is_some() {}
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_phases_of_a_schema_change_are_walked_one_by_one() {
    let mut story = Story::begin().await;
    story.world.live(story.builds[0]).await;

    // Expand: the code before lives with it.
    let expand = story.promote_plan(1).await;
    assert!(on_migrations(&expand).iter().all(|f| f.severity < Severity::Override), "{expand:#?}");
    story.world.live(story.builds[1]).await;
    assert_eq!(story.on_screen().outlook, Outlook::Safe);
    assert_eq!(runs(0, 1), Ok(()), "the verdict is what the database says");

    // Collapsed: the build that stops using the column and the one that drops it at once.
    let collapsed = story.promote_plan(3).await;
    let caught = on_migrations(&collapsed);
    assert_eq!(caught[0].severity, Severity::Override, "{caught:#?}");
    let advice = format!("promote {} first", story.builds[2]);
    assert!(caught[0].sentence.contains(&advice), "{caught:#?}");
    assert!(caught[0].sentence.contains("migrations/0003_contract.sql:1"), "{caught:#?}");
    assert!(runs(1, 3).is_err(), "and so says the database");

    // The stepping stone is live, but not for long enough.
    story.world.live(story.builds[2]).await;
    let early = story.promote_plan(3).await;
    assert_eq!(on_migrations(&early)[0].severity, Severity::Override);
    assert!(on_migrations(&early)[0].sentence.contains("needs 1h"), "{early:#?}");

    // Contract: now it may go, and the plan says how far the way back goes.
    story.clock.set(TimeDelta::hours(2));
    let contract = story.promote_plan(3).await;
    let said = on_migrations(&contract);
    assert_eq!(said[0].severity, Severity::Warn, "{said:#?}");
    let floor = format!("after this, builds before {} break", story.builds[2]);
    assert!(said[0].sentence.contains(&floor), "{said:#?}");
    story.world.live(story.builds[3]).await;

    let verdict = story.on_screen();
    assert_eq!((verdict.outlook, verdict.floor), (Outlook::Safe, Some(story.builds[2])));
    assert_eq!(runs(2, 3), Ok(()));
    let past = story.way_back(1).await;
    assert_eq!((past.outlook, past.floor), (Outlook::PointOfNoReturn, Some(story.builds[2])));
    assert!(past.why[0].contains("DROP COLUMN legacy_total"), "{past:?}");
    assert!(runs(1, 3).is_err());

    let plan = story.world.plan("raj", Action::Rollback { to: Some(story.builds[1]) }).await;
    let plan = plan.unwrap();
    let stays = format!(
        "A rollback does not undo the migrations of {}; choose {} or newer",
        story.builds[3], story.builds[2]
    );
    assert!(on_migrations(&plan)[1].sentence.contains(&stays), "{plan:#?}");

    // Past the floor is still possible, and asks for no reason.
    let to = Some(story.builds[1]);
    let plan = story.world.plan("raj", Action::Rollback { to }).await.unwrap();
    assert!(plan.severity() < Severity::Override, "{plan:#?}");
    let receipt = story.world.execute("raj", &plan).await.unwrap();
    story.world.ended(receipt.deployment.unwrap()).await;
    assert_eq!(story.world.live_now(), to);
    story.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn phases_that_were_collapsed_against_advice_close_the_way_back_also_after_a_restart() {
    let mut story = Story::begin().await;
    story.world.live(story.builds[1]).await;
    story.world.live(story.builds[3]).await;
    let seen = story.on_screen();
    assert_eq!(seen.outlook, Outlook::PointOfNoReturn, "{seen:?}");
    story.world.stop().await;
    story.world.start_by(story.clock.clone()).await;
    let newest = story.builds[3];
    story.world.until_build("the builds are back", |row| row.build.number == newest).await;
    assert_eq!(story.on_screen(), seen);
    story.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promote_that_failed_midway_may_have_changed_the_schema() {
    let mut story = Story::begin().await;
    story.world.live(story.builds[1]).await;
    story.world.close_gate();
    let id = story.world.promote(story.builds[3]).await;
    story.world.running(id).await;
    assert_eq!(story.on_screen().outlook, Outlook::PointOfNoReturn);
    let back = story.world.rollback().await;
    story.world.ended(back).await;
    story.world.open_gate();
    story.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_with_a_reason_settles_what_nobody_can_tell() {
    let mut world = World::open(&format!("{QUICK}{SETTINGS}")).await;
    let first = world.verified("first").await;
    world.live(first).await;
    let mut plans = String::new();
    let texts = [
        "UPDATE orders SET total_cents = 0;",
        "-- deploy: rollback-safe, only test rows\nUPDATE orders SET total_cents = 0;",
        "-- deploy: rollback-safe\nUPDATE orders SET total_cents = 0;",
    ];
    for (at, text) in texts.into_iter().enumerate() {
        world.repository.write("migrations/0001_data.sql", text);
        let sha = world.repository.commit_all("Ann", "ann@example.com", "data");
        let verified = |row: &BuildRow| row.build.sha == sha && !row.build.verifications.is_empty();
        let build = world.until_build("it is in staging", verified).await.build.number;
        let plan = world.plan("raj", Action::Promote { build }).await.unwrap();
        for finding in on_migrations(&plan) {
            writeln!(plans, "{at} {:?}: {}", finding.severity, finding.sentence).unwrap();
        }
    }
    insta::assert_snapshot!(plans);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_shares_the_database_is_asked_too() {
    let mut world = World::with_file(&format!("database = \"main\"\n{QUICK}{SETTINGS}"));
    let worker =
        QUICK.replace("service = \"checkout\"", "service = \"worker\"\ndatabase = \"main\"");
    let worker = worker.replace("./release", "true");
    world.repository.write("worker/trunkline.toml", &worker);
    world.repository.write("worker/app.sql", "SELECT legacy_total FROM orders;");
    world.repository.write("migrations/0001_orders.sql", BUILDS[0].1);
    world.repository.commit_all("Ann", "ann@example.com", "two services");
    world.start_folders(&[None, Some("worker")]).await;
    let first = world
        .until_build("checkout is in staging", |row| !row.build.verifications.is_empty())
        .await;
    world.live(first.build.number).await;
    let checkout = std::mem::replace(&mut world.service, "worker".parse().unwrap());
    let other =
        world.until_build("worker is in staging", |row| !row.build.verifications.is_empty()).await;
    world.live(other.build.number).await;
    let worker_goes_on = async |world: &World, note: &str| {
        world.repository.write("worker/note", note);
        let sha = world.repository.commit_all("Ann", "ann@example.com", note);
        let there = |row: &BuildRow| row.build.sha == sha && !row.build.verifications.is_empty();
        let build = world.until_build("worker is in staging", there).await.build.number;
        world.live(build).await;
    };
    worker_goes_on(&world, "second").await;
    let worker = std::mem::replace(&mut world.service, checkout);
    world.repository.write("migrations/0002_drop.sql", BUILDS[3].1);
    let sha = world.repository.commit_all("Ann", "ann@example.com", "drop it");
    let verified = |row: &BuildRow| row.build.sha == sha && !row.build.verifications.is_empty();
    let build = world.until_build("the drop is in staging", verified).await.build.number;
    let plan = world.plan("raj", Action::Promote { build }).await.unwrap();
    let said = on_migrations(&plan);
    let asks = |part: &str| {
        said.iter().any(|f| f.severity == Severity::Override && f.sentence.contains(part))
    };
    assert!(asks("worker #2 is live and still uses \"legacy_total\""), "{said:#?}");
    assert!(asks("migrations/0002_drop.sql:1 drops"), "{said:#?}");

    // Done against the advice, it is a risk for whatever the other service goes back to, by name.
    world.live(build).await;
    world.service = worker;
    let verdict = |world: &World| {
        let snapshot = world.handle().service(&world.service, &Caller::in_process("raj")).unwrap();
        snapshot.rollback.unwrap().verdict
    };
    let risk = verdict(&world);
    assert_eq!(risk.outlook, Outlook::Risk, "{risk:?}");
    assert!(risk.why[0].starts_with("checkout #"), "{risk:?}");
    assert!(risk.why[0].contains("DROP COLUMN legacy_total"), "{risk:?}");
    world.stop().await;
    world.start_folders(&[None, Some("worker")]).await;
    world.until("worker is back", |snapshot| snapshot.rollback.clone()).await;
    assert_eq!(verdict(&world), risk, "also after a restart");
    // What was put live after it, and stood, lives with it.
    for note in ["third", "fourth"] {
        worker_goes_on(&world, note).await;
    }
    assert_eq!(verdict(&world).outlook, Outlook::Safe);
    world.stop().await;
}
