//! `kill -9` of an engine between two waves, before and after somebody continued: each wave runs once.

use std::fs;

use trunkline::backend::Backend as _;
use trunkline::domain::command::{Action, Command};
use trunkline::domain::ids::{BuildNumber, DeploymentId, IdempotencyKey};
use trunkline::domain::plan::Severity;
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline_testing::service_file::service_file;
use trunkline_testing::shop::shop;

use super::engine::Engine;
use super::shop::Shop;

/// Three waves: the second begins when somebody continues, the third by itself.
fn text() -> String {
    let file = service_file().person("ann").step("staging", "smoke", "[\"true\"]");
    let file = file.step("production", "release", "./step");
    let wave = |name: &str, target: &str, pause: &str| {
        format!("[[production.waves]]\nname = {name:?}\ntargets = [{target:?}]\n{pause}")
    };
    let waves = [
        wave("canary", "h1", "pause = \"until continued\"\n"),
        wave("half", "h2", "pause = \"1s\"\n"),
        wave("rest", "h3", ""),
    ];
    format!("{}{}", file.step("rollback", "release", "./step").text(), waves.concat())
}

const STEP: &str = "#!/bin/sh\necho \"$TRUNKLINE_WAVE $TRUNKLINE_TARGETS\" >> 'RAN'\n";

fn key() -> IdempotencyKey {
    IdempotencyKey::try_from(uuid::Uuid::new_v4().to_string()).unwrap()
}

async fn promote(engine: &Engine) -> DeploymentId {
    let is_verified = |s: &ServiceSnapshot| {
        s.builds
            .iter()
            .find(|row| row.build.is_verified(&s.policy.verify))
            .map(|row| row.build.number)
    };
    let build: BuildNumber = engine.until("the build is verified", is_verified).await;
    let (backend, service) = (engine.remote(), Shop::service());
    let action = Action::Promote { build };
    let plan = backend.plan(&service, action).await.unwrap();
    let needed = plan.of(Severity::Override).map(|found| (found.guard, "a test".to_owned()));
    let (overrides, fingerprint) = (needed.collect(), plan.fingerprint.clone());
    let command = Command::Execute { action, fingerprint, overrides };
    let receipt = backend.command(&service, command, key()).await.unwrap();
    receipt.deployment.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_killed_between_two_waves_runs_each_of_them_once() {
    let shop = shop(&text());
    let ran = shop.home.path("ran");
    let shop = shop.with_script("step", &STEP.replace("RAN", &ran.display().to_string()));
    let shop = shop.watched("poll = \"100ms\"");
    let ran = || fs::read_to_string(&ran).unwrap_or_default();
    let engine = Engine::start(&shop.home);
    let id = promote(&engine).await;
    let waits = |number: u32| {
        move |s: &ServiceSnapshot| {
            s.wave.as_ref().filter(|wave| wave.wait.number == number).map(|_| ())
        }
    };
    engine.until("the first wave is done", waits(1)).await;
    engine.kill();

    // Nobody had continued.
    let engine = Engine::start(&shop.home);
    engine.until("the pause goes on", waits(1)).await;
    assert_eq!(ran(), "canary h1\n");
    let command = Command::Continue { deployment: id, wave: 1, reason: String::new(), seen: None };
    let again = key();
    engine.remote().command(&Shop::service(), command.clone(), again.clone()).await.unwrap();
    // Somebody had, and perhaps nothing had begun.
    engine.kill();

    let engine = Engine::start(&shop.home);
    // Whoever lost the answer sends the same again, and that is no second continuing.
    let told = engine.remote().command(&Shop::service(), command, again).await.unwrap();
    assert_eq!(told.deployment, Some(id));
    let row = |s: &ServiceSnapshot| {
        s.deployments.iter().find(|row| row.deployment.id == id).map(|row| row.deployment.clone())
    };
    let is_beyond = |s: &ServiceSnapshot| row(s)?.wave.filter(|wait| wait.number == 2).map(|_| ());
    engine.until("the second wave is done", is_beyond).await;
    // The third goes on by itself at some time: this engine may have begun that or not.
    engine.kill();

    let engine = Engine::start(&shop.home);
    // Where its pause had ended before this engine was there, a person has to say so.
    let is_seen = |s: &ServiceSnapshot| match &s.wave {
        Some(wave) => (!wave.stops.is_empty()).then_some(true),
        None => row(s).and_then(|made| {
            let has_begun = made.wave.as_ref().is_some_and(|wait| wait.continued);
            (has_begun || !made.is_open()).then_some(false)
        }),
    };
    if engine.until("the third goes on or says what keeps it", is_seen).await {
        let reason = "the engine was restarted".to_owned();
        let command = Command::Continue { deployment: id, wave: 2, reason, seen: None };
        engine.remote().command(&Shop::service(), command, key()).await.unwrap();
    }
    let is_over = |s: &ServiceSnapshot| row(s).filter(|made| !made.is_open());
    let ended = engine.until("the deployment ends", is_over).await;
    assert!(ended.succeeded(), "{ended:#?}");
    assert_eq!(ran(), "canary h1\nhalf h2\nrest h3\n");
    engine.stop();
}
