//! Steps that do not want to end: what a cancel ends, and what it says of those it does not.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use trunkline::backend::Backend as _;
use trunkline::domain::command::Command;
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::ids::{DeploymentId, IdempotencyKey};
use trunkline::engine::runner::local::run::RunFolder;

use super::engine::Engine;
use super::shop::Shop;
use trunkline_testing::home::until;

/// A shop whose staging deployment runs this script, until it says that it is ready.
async fn ready(script: &str) -> (Shop, Engine, DeploymentId) {
    let shop = Shop::with_step(&format!("#!/bin/sh\n{script}\n"));
    let engine = Engine::start(&shop.home);
    let first = |snapshot: &trunkline::domain::snapshot::ServiceSnapshot| {
        snapshot.deployments.first().map(|row| row.deployment.id)
    };
    let id = engine.until("the deployment is there", first).await;
    until("the step is ready", || log(&shop, id).contains("ready"));
    (shop, engine, id)
}

fn log(shop: &Shop, id: DeploymentId) -> String {
    fs::read_to_string(RunFolder::of(&shop.runs(), id, 0).log()).unwrap_or_default()
}

/// The process id that the step wrote in a line of its own.
fn noted(shop: &Shop, id: DeploymentId) -> Pid {
    let log = log(shop, id);
    let number = log.lines().find_map(|line| line.rsplit_once(" child ")?.1.parse().ok());
    Pid::from_raw(number.expect("the step named its child")).unwrap()
}

async fn cancel(engine: &Engine, id: DeploymentId) {
    let command = Command::Cancel { deployment: id, reason: "a test".into() };
    let key = IdempotencyKey::try_from(uuid::Uuid::new_v4().to_string()).unwrap();
    engine.remote().command(&Shop::service(), command, key).await.unwrap();
}

async fn ended(engine: &Engine, id: DeploymentId) -> DeploymentState {
    engine
        .until("the deployment has ended", |snapshot| {
            let mut rows = snapshot.deployments.iter();
            let row = rows.find(|row| row.deployment.id == id && !row.deployment.is_open())?;
            Some(row.state)
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_ignores_term_is_killed_with_all_its_children() {
    let script = "trap '' TERM\nsh -c 'while :; do sleep 0.05; done' &\necho ready
while :; do sleep 0.05; done";
    let (shop, engine, id) = ready(script).await;
    cancel(&engine, id).await;
    assert_eq!(ended(&engine, id).await, DeploymentState::Cancelled);
    assert!(
        log(&shop, id).contains("still running after 10s: killing it (KILL)"),
        "{}",
        log(&shop, id)
    );
    until("nothing of the step is left", || shop.living().is_empty());
    engine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_has_the_same_time_to_end_in_order_as_its_step() {
    // The shell of the line ends at once, the script takes three seconds.
    let script = "trap 'sleep 3; echo in order; exit 0' TERM\necho ready
while :; do sleep 0.05; done";
    let (shop, engine, id) = ready(script).await;
    cancel(&engine, id).await;
    assert_eq!(ended(&engine, id).await, DeploymentState::Cancelled);
    assert!(log(&shop, id).contains("in order"), "{}", log(&shop, id));
    engine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_leaves_its_step_is_named_and_not_touched() {
    let script = "setsid sh -c 'echo child $$; echo ready; exec sleep 60 >/dev/null 2>&1' &\nwait";
    let (shop, engine, id) = ready(script).await;
    let daemon = noted(&shop, id);
    cancel(&engine, id).await;
    assert_eq!(ended(&engine, id).await, DeploymentState::Cancelled);
    let note = format!("process {} (sleep) left the step and still runs", daemon.as_raw_nonzero());
    assert!(log(&shop, id).contains(&note), "{}", log(&shop, id));
    assert!(test_kill_process(daemon).is_ok(), "it runs on");
    kill_process(daemon, Signal::KILL).unwrap();
    engine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_keeps_the_output_open_does_not_keep_the_deployment() {
    let script = "sleep 600 &\necho child $!\necho ready\nexit 0";
    let (shop, engine, id) = ready(script).await;
    let child = noted(&shop, id);
    let in_time = tokio::time::timeout(Duration::from_mins(5), ended(&engine, id)).await;
    assert_eq!(in_time.expect("it is not waited for"), DeploymentState::Succeeded);
    assert!(log(&shop, id).contains("keeps its output open"), "{}", log(&shop, id));
    assert!(shop.living().iter().any(|(process, _)| Pid::from_raw(*process) == Some(child)));
    engine.stop();
    until("what was left behind is gone", || {
        for (process, _) in shop.living() {
            let _gone = kill_process(Pid::from_raw(process).unwrap(), Signal::KILL);
        }
        shop.living().is_empty()
    });
}
