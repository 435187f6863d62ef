//! Notes that stay: whose they are, until when they are true, and that nobody throws one away unseen.

use std::time::Duration;

use trunkline::backend::scripted::{Scripted, ScriptedWorld};
use trunkline::domain::event::{DeploymentKind, StepOutcome};
use trunkline::domain::ids::{Environment, ServiceName};
use trunkline::domain::people::Actor;

use trunkline_testing::console::{Console, checkout, ready};

const HIDES: &str = "Esc hides this";

/// Begins a deployment of a new build.
fn begin(world: &mut ScriptedWorld, environment: Environment) {
    let build = match environment {
        Environment::Production => world.verified_build(&checkout(), "kim"),
        Environment::Staging => world.merge(&checkout(), "kim", "Another change"),
    };
    world.request(&checkout(), build, environment, DeploymentKind::Auto, Actor::System);
    world.advance(&checkout());
    world.advance(&checkout());
}

/// Lets what runs fail.
fn fail(world: &mut ScriptedWorld) {
    world.advance_with(&checkout(), StepOutcome::Exited(1));
    world.finish(&checkout());
}

fn begin_and_fail(world: &mut ScriptedWorld, environment: Environment) {
    begin(world, environment);
    fail(world);
}

/// A console in `checkout`, with a second service, `api`, before it in the list.
async fn beside_another(backend: &Scripted) -> Console {
    let api: ServiceName = "api".parse().expect("a good name");
    backend.change(|world| {
        world.add_service(&api);
        world.verified_build(&api, "kim");
    });
    let console = Console::open(backend);
    console.until("api").await.press(&["j", "enter"]).until("#3").await;
    console
}

/// From one of the two services to the other, with the key that leads there in the list.
async fn switch(console: &Console, key: &str) {
    console.press(&["s"]).until("services").await.press(&[key, "enter"]).until("1 Staging").await;
}

#[tokio::test(start_paused = true)]
async fn what_failed_in_one_service_is_not_said_of_another() {
    let backend = ready();
    let console = beside_another(&backend).await;
    backend.change(|world| begin_and_fail(world, Environment::Production));
    console.until(HIDES).await;
    assert!(console.line(HIDES).contains("production is in doubt"), "{}", console.text());
    switch(&console, "j").await;
    console.until("checkout: auto of #4 failed").await;
    assert!(!console.line(HIDES).contains("puts"), "{}", console.text());
    console.press(&["M"]).until("Messages").await.until("checkout: auto of #4 failed").await;
    console.press(&["esc"]).until_gone("Messages").await;
    switch(&console, "k").await;
    console.until("production is in doubt").await;
    assert!(!console.text().contains("checkout: auto"), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_was_made_good_while_nobody_looked_is_said_no_more() {
    let backend = ready();
    let console = beside_another(&backend).await;
    backend.change(|world| begin_and_fail(world, Environment::Staging));
    console.until(HIDES).await;
    switch(&console, "j").await;
    backend.change(|world| world.verified_build(&checkout(), "kim"));
    switch(&console, "j").await;
    console.until("#5").await.until_gone(HIDES).await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_over_once_a_later_deployment_succeeded_whatever_came_in_together() {
    let backend = ready();
    let console = Console::open(&backend);
    backend.change(|world| begin(world, Environment::Staging));
    console.until("DEPLOYING").await;
    backend.change(|world| {
        fail(world);
        world.verified_build(&checkout(), "kim");
    });
    console.until("#5 is in staging").await.rest(Duration::from_secs(9)).await;
    assert!(!console.text().contains(HIDES), "{}", console.text());
    backend.change(|world| begin(world, Environment::Staging));
    console.until("DEPLOYING").await;
    backend.change(|world| {
        world.finish(&checkout());
        begin_and_fail(world, Environment::Staging);
    });
    console
        .until("#7 failed in staging")
        .await
        .rest(Duration::from_secs(9))
        .await
        .until(HIDES)
        .await;
}

#[tokio::test(start_paused = true)]
async fn what_began_and_failed_between_two_looks_is_said_too() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await;
    backend.change(|world| begin_and_fail(world, Environment::Staging));
    console.until("#4 failed in staging").await.until(HIDES).await;
}

#[tokio::test(start_paused = true)]
async fn the_plain_log_shows_what_failed_until_it_was_seen() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(&["4", "x"]).until_gone("1 Staging").await;
    backend.change(|world| begin_and_fail(world, Environment::Staging));
    console.until("#4 failed in staging").await.rest(Duration::from_secs(20)).await;
    console.until(HIDES).await.press(&["esc"]).until_gone(HIDES).await.settled().await;
    assert!(!console.text().contains("1 Staging"), "{}", console.text());
    console.press(&["esc"]).until("1 Staging").await;
    assert!(!console.text().contains(HIDES), "{}", console.text());
}

#[tokio::test(start_paused = true)]
async fn a_key_hides_no_note_that_was_not_on_screen_for_a_moment() {
    let backend = ready();
    let console = Console::open(&backend);
    console.until("#3").await.press(&["z"]).quiet().await;
    backend.change(|world| {
        begin_and_fail(world, Environment::Production);
        begin_and_fail(world, Environment::Staging);
    });
    console.until("#5 failed in staging").await.press(&["esc"]).until("2 Production").await;
    console.until("#5 failed in staging").await.quiet().await.press(&["esc", "esc", "esc"]);
    console.settled().await.until(HIDES).await;
    assert!(console.line(HIDES).contains("production is in doubt"), "{}", console.text());
    console.quiet().await.press(&["esc"]).until_gone(HIDES).await;
}
