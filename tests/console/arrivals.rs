//! What comes under a cursor by itself: no key that was meant for the row before takes it.

use std::time::Duration;

use chrono::TimeDelta;
use trunkline::backend::scripted::{Scripted, ScriptedWorld};
use trunkline::console::Options;
use trunkline::domain::event::{DeploymentKind, Fact, StepOutcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, ServiceName};
use trunkline::domain::people::Actor;

use trunkline_testing::console::{Console, SMALL, checkout, monday, options, ready};

const NOW: &str = "came just now: look, then press";

/// A new build that can be promoted and verified.
fn comes(world: &mut ScriptedWorld) {
    let build = world.merge(&checkout(), "ada", "One more");
    world.stage(&checkout(), build);
}

/// A new build that is being deployed to staging.
fn begins(world: &mut ScriptedWorld) {
    let build = world.merge(&checkout(), "ada", "One more");
    world.request(&checkout(), build, Environment::Staging, DeploymentKind::Auto, Actor::System);
}

async fn when_a_build_comes(keys: &[&str]) -> (Scripted, Console) {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(keys).quiet().await;
    backend.change(comes);
    console.until("One more").await;
    (backend, console)
}

#[tokio::test(start_paused = true)]
async fn a_build_that_came_under_the_cursor_just_now_is_not_taken() {
    for (key, title) in
        [("P", "Promote #4 to PRODUCTION"), ("V", "Verify #4"), ("p", "Preview: Promote #4")]
    {
        let (_, console) = when_a_build_comes(&[]).await;
        console.press(&[key]).until(&format!("#4 {NOW} {key} again")).await;
        assert!(!console.text().contains(title), "{}", console.text());
        console.quiet().await.press(&[key]).until(title).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_that_came_in_a_pause_is_not_taken_by_the_key_after_it() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(&["space"]).until("updates paused").await;
    backend.change(comes);
    console.rest(Duration::from_secs(9)).await.press(&["space"]).settled().await;
    console.press(&["P"]).until(&format!("#4 {NOW} P again")).await;
}

#[tokio::test(start_paused = true)]
async fn a_build_that_came_long_ago_is_taken_by_one_key() {
    let (_, console) = when_a_build_comes(&[]).await;
    console.rest(Duration::from_secs(20)).await.press(&["P"]).until("Promote #4 to").await;
}

#[tokio::test(start_paused = true)]
async fn a_cursor_that_a_person_moved_takes_its_row_at_once() {
    let (_, console) = when_a_build_comes(&["j"]).await;
    console.press(&["P"]).until("#2 to PRODUCTION").await;
}

#[tokio::test(start_paused = true)]
async fn a_build_that_came_under_a_page_was_not_seen() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(&["?"]).type_text("promote the selected").settled().await;
    backend.change(comes);
    console.rest(Duration::from_secs(9)).await.press(&["enter"]);
    console.until(&format!("#4 {NOW} P again")).await;
}

#[tokio::test(start_paused = true)]
async fn what_runs_for_a_build_that_came_just_now_is_not_stopped() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.quiet().await;
    backend.change(begins);
    console.until("One more").await.press(&["X"]).until(&format!("#4 {NOW} X again")).await;
    console.quiet().await.press(&["X"]).until("Stop d").await;
}

#[tokio::test(start_paused = true)]
async fn what_failed_for_a_build_that_came_just_now_is_not_run_again() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.quiet().await;
    backend.change(|world| {
        begins(world);
        runs(world);
        world.advance_with(&checkout(), StepOutcome::Exited(1));
        world.finish(&checkout());
    });
    console.until("One more").await.press(&["T"]).until(&format!("#4 {NOW} T again")).await;
    console.quiet().await.press(&["T"]).until("Deploy #4 to STAGING again").await;
}

fn by_kim(world: &mut ScriptedWorld, build: BuildNumber) -> DeploymentId {
    let (environment, kind) = (Environment::Production, DeploymentKind::Promote);
    let kim = Actor::Person("kim".into());
    world.request(&checkout(), build, environment, kind, kim)
}

/// Its first step runs.
fn runs(world: &mut ScriptedWorld) {
    world.advance(&checkout());
    world.advance(&checkout());
}

fn fails(world: &mut ScriptedWorld, build: BuildNumber) -> DeploymentId {
    let id = by_kim(world, build);
    runs(world);
    world.advance_with(&checkout(), StepOutcome::Exited(1));
    world.finish(&checkout());
    id
}

/// Nothing was ever live, and the promote of #1 failed: the cursor of Production is on the newest row.
fn never_live() -> Scripted {
    let backend = Scripted::new(monday() - TimeDelta::hours(30));
    backend.change(|world| {
        let first = world.verified_build(&checkout(), "kim");
        fails(world, first);
        world.verified_build(&checkout(), "ada");
    });
    backend
}

#[tokio::test(start_paused = true)]
async fn what_came_to_production_just_now_is_not_tried_again_or_stopped() {
    type Case = (&'static str, fn(&mut ScriptedWorld) -> DeploymentId, &'static str, &'static str);
    let cases: [Case; 2] = [
        ("T", |world| fails(world, BuildNumber(2)), "of #2 failed", "#2 to PRODUCTION again"),
        ("X", |world| by_kim(world, BuildNumber(2)), "→ #2 promote", "Stop d"),
    ];
    for (key, comes, seen, title) in cases {
        let backend = never_live();
        let console = Console::open(&backend);
        console.until("#2").await.press(&["2"]).quiet().await;
        let id = backend.change(comes);
        console.until(seen).await.press(&[key]);
        console.until(&format!("{id} {NOW} {key} again")).await;
        assert!(!console.text().contains(title), "{}", console.text());
        console.quiet().await.press(&[key]).until(title).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_runs_beside_the_cursor_is_not_stopped_by_a_key_that_came_before_it_was_seen() {
    // Production is about what runs there while its cursor is on what is live; the log about the deployment that it shows.
    for (before_it, stop) in [(&["2"][..], &["X"][..]), (&["j", "L"], &["4", "X"])] {
        let backend = ready();
        let before = backend.change(|world| {
            let id = by_kim(world, BuildNumber(3));
            runs(world);
            id
        });
        let console = Console::open(&backend);
        console.until("→ #3 promote").await.press(before_it).quiet().await;
        console.press(stop).until(&format!("Stop {before}")).await.press(&["esc", "1"]);
        console.until_gone("Stop d").await.press(before_it).quiet().await;
        let id = backend.change(|world| {
            world.advance_with(&checkout(), StepOutcome::Exited(1));
            world.finish(&checkout());
            let id = by_kim(world, BuildNumber(3));
            runs(world);
            id
        });
        console.settled().await.press(stop).until(&format!("{id} {NOW} X again")).await;
        console.quiet().await.press(&["X"]).until(&format!("Stop {id}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_came_just_now_is_not_lifted_by_the_key_that_was_to_begin_one() {
    type Case = (&'static str, fn(&mut ScriptedWorld), &'static str, &'static str);
    let hold = |world: &mut ScriptedWorld| {
        let (environment, reason) = (Environment::Production, "kim looks".to_owned());
        let fact = Fact::HoldPlaced { all: false, environment, reason, rollback: None };
        world.record(&checkout(), Actor::Person("kim".into()), fact);
    };
    let freeze = |world: &mut ScriptedWorld| {
        let (from, reason) = (world.now(), "the sale".to_owned());
        let fact = Fact::FreezePlaced { from, until: None, reason };
        world.record(&checkout(), Actor::Person("kim".into()), fact);
    };
    let cases: [Case; 2] = [
        ("H", hold, "ON HOLD", "Release the hold on production"),
        ("F", freeze, "FROZEN", "Lift the freeze"),
    ];
    for (key, comes, seen, title) in cases {
        let backend = ready();
        let console = Console::open(&backend);
        console.until("OPEN").await.quiet().await;
        backend.change(comes);
        console.until(seen).await.press(&[key]).until(&format!("{NOW} {key} again")).await;
        assert!(!console.text().contains(title), "{}", console.text());
        console.quiet().await.press(&[key]).until(title).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_came_under_the_cursor_just_now_is_not_opened() {
    let backend = ready();
    let [search, api] = ["search", "api"].map(|name| name.parse::<ServiceName>().unwrap());
    backend.change(|world| world.add_service(&search));
    let console = Console::with(&backend, SMALL, Options { several: true, ..options() }, |_| {});
    console.until("2 services").await.quiet().await;
    backend.change(|world| world.add_service(&api));
    console.until("3 services").await.press(&["enter"]);
    console.until(&format!("api {NOW} Enter again")).await;
    console.quiet().await.press(&["enter"]).until(" PROD api").await;
}

#[tokio::test(start_paused = true)]
async fn a_freeze_that_came_under_the_cursor_just_now_is_not_lifted() {
    let freeze = |world: &mut ScriptedWorld, hours: i64, reason: &str| {
        let (from, reason) = (world.now() + TimeDelta::hours(hours), reason.to_owned());
        let fact = Fact::FreezePlaced { from, until: None, reason };
        world.record(&checkout(), Actor::Person("kim".into()), fact)
    };
    let backend = ready();
    backend.change(|world| freeze(world, 9, "the later one"));
    let console = Console::sized(&backend, (200, 60));
    console.until("the later one").await.press(&["5"]).quiet().await;
    let id = backend.change(|world| freeze(world, 5, "the sooner one"));
    console.until("the sooner one").await.press(&["F"]);
    console.until(&format!("freeze {id} {NOW} F again")).await;
    console.quiet().await.press(&["F"]).until("Lift the freeze").await;
}
