//! Freezes by calendar and the rollback floor, as a person meets them.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use crossterm::event::Event;
use trunkline::backend::scripted::Scripted;
use trunkline::calendar::{FreezeKind, FreezeRule, FreezeRules, Tz};
use trunkline::console::Options;
use trunkline::domain::event::{DeploymentKind, DeploymentRequest, Fact};
use trunkline::domain::ids::{BuildNumber, Environment};
use trunkline::domain::people::Actor;
use trunkline::domain::plan::{Guard, Migrations, Severity};
use trunkline::domain::policy::FreezeMode;
use trunkline::domain::schema::SchemaChange;
use trunkline::migrations::Class;

use trunkline_testing::console::{Console, checkout, options, put_live, ready};

fn window(
    id: &str,
    policy: FreezeMode,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
) -> FreezeRule {
    FreezeRule {
        id: id.to_owned(),
        environments: vec!["production"],
        services: vec!["*".to_owned()],
        policy,
        reason: format!("{id} for all"),
        kind: FreezeKind::Window { from, until },
        exceptions: Vec::new(),
    }
}

/// Windows that begin and end so many minutes after now.
fn calendar(backend: &Scripted, windows: &[(&str, FreezeMode, i64, i64)]) {
    backend.change(|world| {
        let now = world.now();
        let at = |minutes: &i64| now + TimeDelta::minutes(*minutes);
        let rules = windows
            .iter()
            .map(|(id, policy, from, until)| window(id, *policy, (at(from), at(until))));
        let rules = FreezeRules::new(rules.collect());
        world.edit(&checkout(), |service| service.freezes = rules);
    });
}

/// What drops a column that builds older than `floor` read.
fn drops(build: u64, floor: u64) -> SchemaChange {
    SchemaChange {
        path: "migrations/0007_drop_total.sql".into(),
        line: 3,
        statement: "ALTER TABLE orders DROP COLUMN total".into(),
        class: Class::Contract,
        build: BuildNumber(build),
        floor: BuildNumber(floor),
        why: format!("#{floor} is the first that does not read it"),
    }
}

fn migrates(backend: &Scripted, changes: Vec<SchemaChange>) {
    backend.change(|world| {
        let min_bake = Duration::from_hours(1);
        let migrations = Migrations { changes, min_bake, ..Migrations::default() };
        world.edit(&checkout(), |service| service.migrations = migrations);
    });
}

/// The last deployment of production.
fn last(backend: &Scripted) -> DeploymentRequest {
    backend.change(|world| {
        let service = world.service(&checkout()).expect("it is there");
        let production =
            |request: &&DeploymentRequest| request.environment == Environment::Production;
        let mut requests = service.state.deployments.values().map(|deployment| &deployment.request);
        requests.rfind(production).expect("something went live").clone()
    })
}

/// Production runs #2, whose migration #1 cannot live with.
pub fn past_the_floor() -> Scripted {
    let backend = ready();
    backend.change(|world| {
        world.edit(&checkout(), |service| service.state.schema.push(drops(2, 2)));
    });
    backend
}

/// How many rollbacks were asked for.
fn rollbacks(backend: &Scripted) -> usize {
    backend.change(|world| {
        let service = world.service(&checkout()).expect("it is there");
        let deployments = service.state.deployments.values();
        deployments.filter(|d| d.request.kind == DeploymentKind::Rollback).count()
    })
}

#[tokio::test(start_paused = true)]
async fn the_header_freezes_at_the_edge_with_no_word_from_the_backend() {
    let backend = ready();
    // Between two minutes, when no age on screen changes.
    backend.change(|world| {
        let now = world.now();
        let span = (now + TimeDelta::seconds(90), now + TimeDelta::seconds(150));
        let rules = FreezeRules::new(vec![window("feast", FreezeMode::Override, span)]);
        world.edit(&checkout(), |service| service.freezes = rules);
    });
    let console = Console::open(&backend);
    console.until("OPEN").await.rest(Duration::from_secs(85)).await;
    assert!(console.text().contains("OPEN"), "{}", console.text());
    console.rest(Duration::from_secs(10)).await;
    assert!(console.text().contains("FROZEN to"), "{}", console.text());
    console.rest(Duration::from_mins(1)).await;
    assert!(console.text().contains("OPEN"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn a_window_that_only_warns_says_so() {
    let backend = ready();
    calendar(&backend, &[("party", FreezeMode::Warn, -5, 50)]);
    let console = Console::open(&backend);
    console.until("WARN to ").await;
    assert!(console.line("WARN to").contains("SAFE"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn a_promote_in_a_freeze_wants_a_reason_and_the_number_and_is_recorded_with_the_sentence() {
    let backend = ready();
    calendar(&backend, &[("feast", FreezeMode::Override, -5, 500)]);
    let console = Console::open(&backend);
    console.until("FROZEN to").await.press(&["P"]).until("[!!]").await;
    console.type_text("the checkout is down");
    console
        .until("off: type 3 to go on")
        .await
        .press(&["tab"])
        .type_text("3")
        .until_gone("off:")
        .await;
    console.press(&["tab", "tab", "tab"]).quiet().await.press(&["enter"]);
    console.until_gone("Promote #3").await;
    let request = last(&backend);
    assert_eq!(request.build, BuildNumber(3));
    let reason = request.overrides.get(&Guard::Freeze).map(String::as_str);
    assert_eq!(reason, Some("the checkout is down"));
    let said = |f: &&trunkline::domain::plan::Finding| f.severity == Severity::Override;
    let sentence = request.findings.iter().find(said).expect("the finding is recorded");
    assert!(sentence.sentence.contains("feast"), "{sentence:?}");
}

#[tokio::test(start_paused = true)]
async fn collapsed_phases_are_named_with_the_build_to_promote_first() {
    let backend = ready();
    backend.change(|world| world.verified_build(&checkout(), "ada"));
    migrates(&backend, vec![drops(4, 3)]);
    let console = Console::sized(&backend, (120, 40));
    console.until("#4").await.press(&["P"]).until("two phases in one promote").await;
    console.until("promote #3 first").await;
    console.type_text("known").press(&["tab"]).type_text("4");
    console.until_gone("off:").await.until("Undo NO RETURN").await;
    console.press(&["tab", "tab", "tab"]).quiet().await.press(&["enter"]);
    console.until_gone("Promote #4 to").await;
    assert_eq!(last(&backend).overrides.get(&Guard::Migration).map(String::as_str), Some("known"));
}

#[tokio::test(start_paused = true)]
async fn the_verdict_follows_a_contract_migration() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.until("R → #1 ").await;
    assert!(console.line("R →").contains("SAFE"), "{}", console.text());
    backend.change(|world| {
        put_live(world, BuildNumber(3));
        world.edit(&checkout(), |service| service.state.schema.push(drops(3, 3)));
    });
    console.until("NO RETURN").await;
    assert!(console.line("NO RETURN").contains("R → #2"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn a_freeze_that_nobody_can_lift_is_not_said_to_last_until_somebody_does() {
    let backend = ready();
    let unreadable = FreezeRules::unreadable("freezes.toml", "a comma too many");
    backend.change(|world| world.edit(&checkout(), |service| service.freezes = unreadable));
    let console = Console::sized(&backend, (120, 40));
    console.until("FROZEN, no known end").await.until("→ no known end").await;
    for lie in ["until lifted", "1 Jan"] {
        assert!(!console.text().contains(lie), "{}", console.text());
    }
}

#[tokio::test(start_paused = true)]
async fn the_verdict_stands_in_the_header_of_the_smallest_screen() {
    let backend = past_the_floor();
    calendar(&backend, &[("feast", FreezeMode::Override, -5, 5000)]);
    let console = Console::sized(&backend, (60, 12));
    console.until("NO RETURN").await.until("FROZEN").await;
    let console = Console::sized(&backend, (80, 24));
    console.until("NO RETURN").await.until("FROZEN").await;
}

#[tokio::test(start_paused = true)]
async fn what_runs_pushes_neither_the_hold_nor_the_verdict_out_of_the_header() {
    let backend = ready();
    backend.change(|world| {
        let (service, build) = (checkout(), BuildNumber(1286));
        let sha = format!("{:040x}", build.0).parse().unwrap();
        let found = Fact::BuildFound {
            build,
            sha,
            commits: Vec::new(),
            more: 0,
            reverts: Vec::new(),
            recipe: None,
            trunk: None,
        };
        world.record(&service, Actor::System, found);
        for _ in 0..2 {
            let build = world.verified_build(&service, "ada");
            put_live(world, build);
        }
        let build = world.verified_build(&service, "ada");
        world.edit(&service, |service| service.state.schema.push(drops(1289, 1289)));
        let (environment, reason) = (Environment::Production, "look first".into());
        world.record(
            &service,
            Actor::Person("kim".into()),
            Fact::HoldPlaced { all: false, environment, reason, rollback: None },
        );
        let kind = DeploymentKind::Promote;
        world.request(&service, build, environment, kind, Actor::Person("sam".into()));
        world.advance(&service);
        world.pass(Duration::from_secs(110));
    });
    for size in [(60, 12), (72, 20), (80, 24), (92, 24), (120, 40), (200, 60)] {
        let console = Console::sized(&backend, size);
        console.until("#1288").await.until("NO RETURN").await;
        let line = console.line("NO RETURN");
        for part in ["#1288", "#1289", "ON HOLD", "NO RETURN"] {
            assert!(line.contains(part), "{part:?} is not in {line:?} at {size:?}");
        }
        assert!(console.text().contains(" RW"), "{size:?}: {}", console.text());
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_past_the_floor_wants_the_number_typed() {
    let backend = past_the_floor();
    let console = Console::open(&backend);
    console.until("NO RETURN").await.press(&["R"]).until("POINT OF NO RETURN").await;
    console.until("DROP COLUMN").await.until("off: type 1 to go on").await;
    console.press(&["left"]).quiet().await.press(&["enter"]).settled().await;
    assert_eq!(rollbacks(&backend), 0);
    console.press(&["right", "down"]).type_text("2").until("off: type 1").await;
    console.press(&["backspace"]);
    console.event(Event::Paste("1".into()));
    console.until_gone("off:").await;
    // Typed ahead of the quiet, Enter still presses nothing.
    console.press(&["tab", "tab", "enter"]).settled().await;
    assert_eq!(rollbacks(&backend), 0);
    console.quiet().await.press(&["enter"]).until_gone("Roll PRODUCTION back").await;
    assert_eq!(rollbacks(&backend), 1);
    assert!(last(&backend).overrides.is_empty(), "no reason is asked for");
}

#[tokio::test(start_paused = true)]
async fn an_emergency_past_the_floor_does_not_fire_by_itself() {
    let backend = past_the_floor();
    calendar(&backend, &[("feast", FreezeMode::Override, -5, 5000)]);
    let console = Console::open(&backend);
    console.until("NO RETURN").await.press(&["!", "1"]).until("type 1").await;
    console.rest(Duration::from_secs(20)).await;
    assert_eq!(rollbacks(&backend), 0);
    console.press(&["enter"]).settled().await;
    assert_eq!(rollbacks(&backend), 0, "nothing was typed where it could be seen");
    console.type_text("2").quiet().await.press(&["enter"]).settled().await;
    assert_eq!(rollbacks(&backend), 0, "another number");
    console.event(Event::Paste("1".into()));
    console.until("[21").await.quiet().await.press(&["enter"]).settled().await;
    assert_eq!(rollbacks(&backend), 0, "what was pasted is typed, and no more");
    console.press(&["backspace", "backspace"]).type_text("1").press(&["enter"]).settled().await;
    assert_eq!(rollbacks(&backend), 0, "typed ahead of the quiet");
    console.until("Enter rolls back now").await.press(&["enter"]).until("ON HOLD").await;
    assert_eq!(rollbacks(&backend), 1);
}

#[tokio::test(start_paused = true)]
async fn a_countdown_that_turns_out_to_go_past_the_floor_stops() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(&["!"]).until("in 2").await;
    backend.change(|world| {
        world.edit(&checkout(), |service| service.state.schema.push(drops(2, 2)));
    });
    console.until("NO RETURN: roll back").await.rest(Duration::from_secs(20)).await;
    assert_eq!(rollbacks(&backend), 0);
    console.press(&["esc"]).until_gone("NO RETURN: roll back").await;
}

#[tokio::test(start_paused = true)]
async fn an_emergency_with_a_risk_says_it_and_fires() {
    let backend = ready();
    backend.change(|world| {
        let change = SchemaChange { class: Class::Data, ..drops(2, 2) };
        world.edit(&checkout(), |service| service.state.schema.push(change));
    });
    let console = Console::open(&backend);
    console.until("RISK").await.press(&["!"]).until("verdict").await.until("in 1").await;
    assert!(console.line("verdict").contains("RISK"), "{}", console.text());
    console.until_gone("ROLLING BACK").await;
    assert_eq!(rollbacks(&backend), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_past_the_floor_names_the_builds_that_would_do() {
    for key in ["R", "!"] {
        let console = Console::sized(&past_the_floor(), (120, 40));
        console.until("NO RETURN").await.press(&[key]).until("POINT OF NO RETURN").await;
        console.until("choose #2 or newer").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_promote_says_before_anything_is_typed_that_there_is_no_way_back_from_it() {
    let backend = past_the_floor();
    backend.change(|world| {
        let (environment, kind) = (Environment::Production, DeploymentKind::Rollback);
        world.request(&checkout(), BuildNumber(1), environment, kind, Actor::Person("sam".into()));
        world.finish(&checkout());
    });
    for key in ["P", "p"] {
        let console = Console::sized(&backend, (80, 24));
        console.until("LIVE").await.press(&["1", "g", key]).until("way back").await;
        let line = console.line("way back");
        assert!(line.contains("POINT OF NO RETURN: builds before #2 break"), "{}", console.text());
    }
    let console = Console::open(&ready());
    console.until("#3").await.press(&["P"]).until("Undo schema SAFE").await;
    assert!(!console.text().contains("(after this)"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_freeze_stands_beside_the_reason_of_what_ends_then() {
    let backend = ready();
    calendar(
        &backend,
        &[("brief", FreezeMode::Override, -5, 30), ("feast", FreezeMode::Override, -5, 90)],
    );
    let console = Console::sized(&backend, (150, 40));
    console.until("FROZEN to 15:35 ").await;
    for line in console.text().lines().filter(|line| line.contains("FROZEN to")) {
        assert!(line.contains("feast for all"), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_only_warns_afterwards_makes_no_freeze_longer() {
    let backend = ready();
    calendar(
        &backend,
        &[("feast", FreezeMode::Override, -5, 60), ("party", FreezeMode::Warn, 60, 600)],
    );
    let console = Console::sized(&backend, (120, 40));
    console.until("FROZEN to").await;
    let text = console.text();
    let ends: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.split_once("FROZEN to "))
        .filter_map(|(_, rest)| rest.split_whitespace().next())
        .collect();
    assert_eq!(ends.len(), 1, "the header and the pane agree: {text}");
}

#[tokio::test(start_paused = true)]
async fn the_target_of_a_rollback_tells_its_floor_and_why() {
    let console = Console::sized(&past_the_floor(), (120, 40));
    console.until("#3").await.press(&["2", "j"]).until("POINT OF NO RETURN").await;
    console.until("before #2 break").await.until("DROP COLUMN").await;
}

#[tokio::test(start_paused = true)]
async fn what_was_set_by_hand_stands_beside_the_calendar_with_its_owner_and_the_way_to_lift_it() {
    let backend = november();
    backend.change(|world| {
        let (from, until) = (world.now() - TimeDelta::hours(1), None);
        let fact = Fact::FreezePlaced { from, until, reason: "the till is on fire".into() };
        world.record(&checkout(), Actor::Person("kim".into()), fact);
    });
    let console = Console::sized(&backend, (90, 24));
    console.until("FROZEN until lifted").await.press(&["5"]).until("(kim, F lifts)").await;
    console.until("the till is on fire").await.until("feast: feast for all").await;
    console.press(&["F"]).until("Lift the freeze").await;
}

/// A month with everything in it.
fn november() -> Scripted {
    let backend = ready();
    let day = 24 * 60;
    calendar(
        &backend,
        &[
            ("party", FreezeMode::Warn, day, day + 300),
            ("feast", FreezeMode::Override, 2 * day, 4 * day),
            ("year-end", FreezeMode::Override, 28 * day, 40 * day),
        ],
    );
    backend
}

#[tokio::test(start_paused = true)]
async fn the_freeze_pane_at_80x24() {
    let console = Console::open(&november());
    console.until("#3").await.press(&["5"]).until("next freeze ").await.settled().await;
    insta::assert_snapshot!(console.text());
}

/// A month of which three things are wrong.
fn troubled() -> Scripted {
    let backend = november();
    backend.change(|world| {
        world.edit(&checkout(), |service| {
            let troubles = [
                "feasts: the feed cannot be fetched: its server says 500 \u{1b}[31m\u{202e}and much more that nobody reads",
                "freezes.toml:2:6: freeze.id: found a number",
                "the holiday table of US (\"us\") ends on 2027-01-01",
            ];
            let rules = service.freezes.clone();
            service.freezes = rules.with_troubles(troubles.map(str::to_owned));
        });
    });
    backend
}

#[tokio::test(start_paused = true)]
async fn the_freeze_pane_tells_what_is_wrong_with_the_calendars_at_80x24() {
    let console = Console::open(&troubled());
    console.until("#3").await.press(&["5"]).until("+2 more").await.settled().await;
    insta::assert_snapshot!(console.text());
    console.press(&["z"]).until("found a number").await.until("ends on 2027-01-01").await;
}

#[tokio::test(start_paused = true)]
async fn the_freeze_pane_tells_what_is_wrong_beside_the_month() {
    let console = Console::sized(&troubled(), (120, 40));
    console.until("#3").await.press(&["5"]).until("+2 more").await.until("today").await;
    insta::assert_snapshot!(console.settled().await.text());
}

#[tokio::test(start_paused = true)]
async fn the_freeze_pane_at_120x40() {
    let console = Console::sized(&november(), (120, 40));
    console.until("#3").await.press(&["5"]).until("today").await.settled().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn the_freeze_pane_at_200x60() {
    let console = Console::sized(&november(), (200, 60));
    console.until("#3").await.press(&["5"]).until("today").await.settled().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn the_rollback_dialog_past_the_floor() {
    let console = Console::open(&past_the_floor());
    console.until("NO RETURN").await.press(&["R"]).until("off: type 1").await.quiet().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn the_emergency_past_the_floor() {
    let console = Console::open(&past_the_floor());
    console.until("NO RETURN").await.press(&["!"]).until("type 1").await.quiet().await;
    insta::assert_snapshot!(console.text());
}

#[tokio::test(start_paused = true)]
async fn a_dialog_says_every_time_in_the_zone_of_its_reader() {
    let backend = ready();
    calendar(&backend, &[("party", FreezeMode::Warn, -5, 50)]);
    let berlin = Options { zone: Tz::Europe__Berlin, ..options() };
    let console = Console::with(&backend, (100, 40), berlin, |_| {});
    console.until("#3").await.press(&["P"]).until("Promote #3").await;
    calendar(&backend, &[("feast", FreezeMode::Override, -5, 500)]);
    console.until("DISARMED").await.until("the freezes changed").await;
    let screen = console.text();
    assert!(screen.matches("CET").count() > 1 && !screen.contains("UTC"), "{screen}");
    console.press(&["esc"]).until_gone("DISARMED").await.press(&["F"]).until("Freeze PROD").await;
    console.type_text("launch").press(&["tab"]).type_text("2h").press(&["tab", "tab"]);
    console.quiet().await.press(&["enter"]).until("launch").await.settled().await;
    console.press(&["F"]).until("Lift the freeze").await.until("15:05 → 17:05 CET").await;
    assert!(!console.text().contains("UTC"), "{}", console.text());
}
