//! `kill -9` on the supervisors of steps, with the engine alive and dead: a person decides, and nothing runs again.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::event::StepOutcome;
use trunkline::domain::ids::DeploymentId;
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline::engine::runner::local::run::RunFolder;

use super::engine::{Engine, PATIENCE};
use super::history::History;
use super::shop::Shop;
use trunkline_testing::dice::{Dice, Seed, number};

/// How many supervisors a plain `cargo test` kills; `TRUNKLINE_SUPERVISORS` sets another number.
const KILLS: u64 = 12;
/// How long after its start a supervisor may be killed.
const SPAN: Duration = Duration::from_millis(60);

/// A step with a child in the background, which both run for as long as the gate is closed.
const STEP: &str = r#"#!/bin/sh
echo "$TRUNKLINE_DEPLOYMENT $1" >> 'RAN'
i=1
while [ $i -le 6 ]; do echo "line $i"; i=$((i + 1)); done
while [ -e 'GATE' ]; do sleep 0.01; done &
while [ -e 'GATE' ]; do sleep 0.01; done
wait
while [ $i -le 12 ]; do echo "line $i"; i=$((i + 1)); done
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_supervisor_leaves_its_step_to_a_person_and_nothing_runs_again() {
    let (kills, seed) = (number("TRUNKLINE_SUPERVISORS").unwrap_or(KILLS), Seed::of_this_run());
    let (shop, mut dice) = (Shop::with_step(STEP), Dice::of(seed.0));
    let mut engine = Engine::start(&shop.home);
    let verified =
        |snapshot: &ServiceSnapshot| snapshot.builds.first()?.build.verifications.first().map(drop);
    engine.until("the first build is verified", verified).await;
    let mut slowest = Duration::ZERO;
    for round in 0..kills {
        println!("round {round} of TRUNKLINE_SEED={}", seed.0);
        let took;
        (engine, took) = Box::pin(kill_one(&shop, engine, &mut dice)).await;
        slowest = slowest.max(took);
    }
    println!("{kills} supervisors killed, the slowest outcome was known after {slowest:?}");
    engine.stop();
    let history = History::read(&shop);
    history.agrees_with_the_steps(&shop);
    for deployment in history.state.deployments.values() {
        judge(&history, &shop, deployment.id);
    }
}

/// What may become of a deployment whose supervisor is killed: a person decides, except where the step had not begun
/// or had ended already.
fn judge(history: &History, shop: &Shop, id: DeploymentId) {
    let deployment = &history.state.deployments[&id];
    let first = history.outcome(id, 0);
    let ran = shop.ran().contains_key(&(id, 0));
    match deployment.state() {
        DeploymentState::Interrupted | DeploymentState::Succeeded => {}
        DeploymentState::Failed => {
            let not_started = matches!(first, Some(StepOutcome::NotStarted(_)));
            assert!(not_started && !ran, "{deployment:#?}");
        }
        state => panic!("{state:?}: {deployment:#?}"),
    }
}

/// Merges, kills the supervisor of the deployment that follows, and waits for what becomes of it.
async fn kill_one(shop: &Shop, engine: Engine, dice: &mut Dice) -> (Engine, Duration) {
    let before = engine.snapshot().await.deployments.first().map(|row| row.deployment.id);
    fs::write(shop.gate(), "").unwrap();
    let content = dice.roll().to_string();
    let sha = shop.repository.commit_by("Ann", "ann@example.com", "change", &content, "more");
    let (supervisor, run) = until_supervised(shop, before).await;
    tokio::time::sleep(dice.within(SPAN)).await;
    if dice.below(3) == 0 {
        fs::remove_file(shop.gate()).unwrap();
        tokio::time::sleep(dice.within(SPAN)).await;
    }
    let survives = dice.below(2) == 0;
    let (engine, begin) = if survives {
        let _ended_already = kill_process(supervisor, Signal::KILL);
        (engine, Instant::now())
    } else {
        engine.kill();
        let _ended_already = kill_process(supervisor, Signal::KILL);
        trunkline_testing::home::until("the supervisor is gone", || {
            self::supervisor(&shop.runs()).is_none()
        });
        if !RunFolder::at(&shop.runs().join(&run)).is_claimed() {
            // The step has not begun: the next engine starts it, for the first time.
            let _open_already = fs::remove_file(shop.gate());
        }
        (Engine::start(&shop.home), Instant::now())
    };
    let id = engine
        .until("the deployment has ended", |snapshot| {
            let build = snapshot.builds.iter().find(|row| row.build.sha == sha)?;
            let id = build.build.staging?;
            let mut rows = snapshot.deployments.iter().map(|row| &row.deployment);
            rows.find(|deployment| deployment.id == id && !deployment.is_open())?;
            Some(id)
        })
        .await;
    assert!(run.starts_with(&format!("{}/", id.0)), "another run than {id}: {run}");
    let living = shop.living();
    assert!(living.iter().all(|(_, of)| *of != id), "{id} has ended, and {living:?} run");
    (engine, begin.elapsed())
}

/// Waits for the first supervisor of a newer deployment, which may not have claimed its run yet.
async fn until_supervised(shop: &Shop, before: Option<DeploymentId>) -> (Pid, String) {
    let is_newer = |run: &str| {
        let id = run.split('/').next().and_then(|id| id.parse().ok()).map(DeploymentId);
        id > before
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        // One that has ended may be listed for a moment still.
        if let Some(found) = supervisor(&shop.runs()).filter(|(_, run)| is_newer(run)) {
            return found;
        }
        assert!(Instant::now() < deadline, "no supervisor came");
        tokio::time::sleep(Duration::from_micros(300)).await;
    }
}

/// A supervisor of a run below this folder, and the run's name.
pub fn supervisor(runs: &Path) -> Option<(Pid, String)> {
    let prefix = format!("{}/", runs.display());
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let id: i32 = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read_to_string(entry.path().join("cmdline")).ok()?;
        let mut words = line.split('\0').skip(1);
        let run = words.next().filter(|word| *word == "supervise").and(words.next())?;
        Some((Pid::from_raw(id)?, run.strip_prefix(&prefix)?.to_owned()))
    })
}
