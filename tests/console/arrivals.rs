//! What comes under a cursor by itself: no key that was meant for the row before takes it.

use std::time::Duration;

use trunkline::backend::scripted::{Scripted, ScriptedWorld};
use trunkline::domain::event::DeploymentKind;
use trunkline::domain::ids::Environment;
use trunkline::domain::people::Actor;

use trunkline_testing::console::{Console, checkout, ready};

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
        world.advance(&checkout());
        world.advance(&checkout());
        world.advance_with(&checkout(), trunkline::domain::event::StepOutcome::Exited(1));
        world.finish(&checkout());
    });
    console.until("One more").await.press(&["T"]).until(&format!("#4 {NOW} T again")).await;
    console.quiet().await.press(&["T"]).until("Deploy #4 to STAGING again").await;
}
