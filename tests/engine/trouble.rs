//! What goes wrong at night: slow starts, dead networks, moved repositories and records that cannot be written.

use std::time::Duration;

use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use trunkline::domain::caller::Caller;
use trunkline::domain::command::{Action, Command};
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::event::{Fact, StepOutcome};
use trunkline::domain::ids::{BuildNumber, Environment, Seq, Sha};
use trunkline::engine::runner::local::run::RunFolder;
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::home::until;
use trunkline_testing::write_script;

/// A program that stands in for the binary and starts its supervisors only when the test lets it.
fn hesitant(world: &World) -> std::path::PathBuf {
    let program = world.folder().join("hesitant");
    let real = env!("CARGO_BIN_EXE_trunkline");
    let late = world.folder().join("late").display().to_string();
    let script = format!(
        "#!/bin/sh\nif [ -e '{late}' ]; then\n  exec >&-\n  while [ -e '{late}' ]; do sleep 0.02; done\nfi\nexec '{real}' \"$@\" >/dev/null\n"
    );
    write_script(&program, &script);
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_was_given_up_is_never_run_by_a_supervisor_that_comes_late() {
    let (mut world, build) = World::with_build().await;
    world.stop().await;
    let late = world.folder().join("late");
    std::fs::write(&late, "").unwrap();
    let program = hesitant(&world);
    world.start_with(program).await;
    let id = world.promote(build).await;
    let deployment = world.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Failed);
    let run = RunFolder::of(&world.data().join("runs"), id, 0);
    assert!(matches!(run.status().unwrap().unwrap().outcome, StepOutcome::NotStarted(_)));
    std::fs::remove_file(&late).unwrap();
    let mut supervisor = std::process::Command::new(env!("CARGO_BIN_EXE_trunkline"))
        .arg("supervise")
        .arg(run.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    supervisor.wait().unwrap();
    assert_eq!(world.ran(), Vec::<String>::new(), "what is said not to have started never runs");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_cannot_be_watched_ends_no_step() {
    let (mut world, id) = World::with_running_promote().await;
    world.stop().await;
    let run = RunFolder::of(&world.data().join("runs"), id, 0);
    let (lock, away) = (run.path().join("lock"), run.path().join("lock away"));
    std::fs::rename(&lock, &away).unwrap();
    std::fs::create_dir(&lock).unwrap();
    world.start().await;
    // What would end the step comes with the start; a whole other deployment comes after it.
    world.verified("another").await;
    assert_eq!(world.deployment(id).state(), DeploymentState::Running);
    std::fs::remove_dir(&lock).unwrap();
    std::fs::rename(&away, &lock).unwrap();
    world.open_gate();
    assert_eq!(world.ended(id).await.state(), DeploymentState::Succeeded);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_that_hangs_does_not_keep_a_rollback_waiting_forever() {
    let (mut world, good) = World::with_build().await;
    world.live(good).await;
    let bad = world.verified("bad").await;
    let promote = world.promote_and_hold(bad).await;
    let run = RunFolder::of(&world.data().join("runs"), promote, 0);
    let supervisor = Pid::from_raw(run.started().unwrap().unwrap().supervisor).unwrap();
    kill_process(supervisor, Signal::STOP).unwrap();
    let rollback = world.rollback().await;
    assert_eq!(world.ended(promote).await.state(), DeploymentState::Interrupted);
    assert_eq!(world.ended(rollback).await.state(), DeploymentState::Succeeded);
    assert_eq!(run.living_group().unwrap(), None, "nothing of the step is left");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_moves_keeps_its_history_and_its_way_back() {
    let (mut world, good, bad) = World::with_two_live().await;
    world.stop().await;
    let moved = world.folder().join("moved");
    std::fs::rename(world.repository.path(), &moved).unwrap();
    world.start_at(moved.to_str().unwrap()).await;
    let target = world.until("it is known again", |s| s.rollback.as_ref().map(|r| r.to)).await;
    assert_eq!(target, good);
    assert_eq!(world.live_now(), Some(bad));
    std::fs::rename(moved, world.repository.path()).unwrap();
    world.stop().await;
}

/// Waits until a look at the trunk has found this as its tip.
fn fetched(world: &World, sha: &Sha) {
    let mut mirrors = std::fs::read_dir(world.data().join("mirrors")).unwrap();
    let mirror = mirrors.next().unwrap().unwrap().path();
    until("the trunk is looked at", || {
        let mut git = std::process::Command::new("git");
        git.arg("--git-dir").arg(&mirror).args([
            "for-each-ref",
            "--format=%(objectname)",
            "refs/heads",
        ]);
        let output = git.output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().any(|line| line == sha.as_str())
    });
}

/// Has the database take no event any more.
pub(crate) fn fill_disk(database: &Connection) {
    let full = "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'full'); END";
    database.execute_batch(full).unwrap();
}

pub(crate) async fn until_problems(world: &World, is: impl Fn(bool) -> bool) {
    let mut changes = world.handle().changes();
    while !is(world.handle().fleet().problems.is_empty()) {
        let change = tokio::time::timeout(Duration::from_mins(2), changes.changed());
        change.await.expect("the problems change").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_written_is_said_and_goes_on_by_itself() {
    let (mut world, id) = World::with_running_promote().await;
    let database = Connection::open(world.data().join("trunkline.db")).unwrap();
    fill_disk(&database);
    world.open_gate();
    until_problems(&world, |are_none| !are_none).await;
    let hold = Command::Hold { environment: Environment::Production, reason: "why".into() };
    assert!(world.command("raj", hold).await.is_err(), "nothing is claimed that is not recorded");
    let version = world.handle().fleet_version();
    for number in 0..3 {
        // Each is found by a look whose news cannot be recorded.
        fetched(&world, &world.repository.commit(&format!("merge {number}")));
    }
    assert_eq!(world.handle().fleet_version(), version, "the same trouble is said once");
    database.execute_batch("DROP TRIGGER full").unwrap();
    assert_eq!(world.ended(id).await.state(), DeploymentState::Succeeded);
    assert!(world.handle().fleet().problems.is_empty());
    let events = world.handle().events(Some(&world.service), Seq(0), 1000).await.unwrap();
    let ends = events.iter().filter(
        |event| matches!(event.fact, Fact::DeploymentEnded { deployment, .. } if deployment == id),
    );
    assert_eq!(ends.count(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_with_news_that_were_taken_back_is_over_once_the_disk_has_room() {
    let mut world = World::open(QUICK).await;
    world.verified("a change").await;
    let (before, database) = (world.repository.head(), world.data().join("trunkline.db"));
    let database = Connection::open(database).unwrap();
    fill_disk(&database);
    fetched(&world, &world.repository.commit("taken back"));
    until_problems(&world, |are_none| !are_none).await;
    world.repository.rewrite(&before);
    fetched(&world, &before);
    database.execute_batch("DROP TRIGGER full").unwrap();
    until_problems(&world, |are_none| are_none).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_grows_is_not_tidied_away() {
    let (mut world, id) = World::with_running_promote().await;
    let checkouts = world.data().join("checkouts/checkout");
    let growing = checkouts.join(format!(".{id}.partial"));
    let old = checkouts.join("production-0000000000000000000000000000000000000000");
    std::fs::create_dir(&growing).unwrap();
    std::fs::create_dir(&old).unwrap();
    world.verified("another").await;
    until("what is old goes", || !old.exists());
    assert!(growing.exists(), "what an open deployment makes stays");
    world.open_gate();
    world.ended(id).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_of_one_repository_do_not_get_in_each_other_s_way() {
    let mut world = World::with_file(QUICK);
    world.repository.write("other/trunkline.toml", &QUICK.replace("checkout", "other"));
    world.repository.commit_all("Ann", "ann@example.com", "another service");
    world.start_folders(&[None, Some("other")]).await;
    for number in 0..15 {
        world.repository.commit_by("Ann", "ann@example.com", "other/x", &number.to_string(), "x");
        let tip = world.repository.head();
        world.until_build("it is found", |row| row.build.sha == tip).await;
        let fleet = world.handle().fleet();
        let snapshot = world.handle().service(&world.service, &Caller::in_process("raj")).unwrap();
        assert_eq!((fleet.problems, snapshot.problems), (vec![], vec![]));
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_service_is_said_after_a_restart_too() {
    let mut world = World::open(QUICK).await;
    world.until_build("the first is there", |row| row.build.number == BuildNumber(1)).await;
    world.repository.write("trunkline.toml", &QUICK.replace("\"checkout\"", "\"renamed\""));
    world.repository.commit_all("Ann", "ann@example.com", "rename");
    let said = |s: &trunkline::domain::snapshot::ServiceSnapshot| {
        s.problems.iter().any(|p| p.what.contains("renamed")).then_some(())
    };
    world.until("the new name is refused", said).await;
    world.stop().await;
    world.start().await;
    world.until("and again", said).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_was_removed_is_made_again_and_said() {
    let (mut world, _, second) = World::with_two_live().await;
    for mirror in std::fs::read_dir(world.data().join("mirrors")).unwrap().flatten() {
        std::fs::rename(mirror.path(), world.folder().join("taken")).unwrap();
    }
    let said = |s: &trunkline::domain::snapshot::ServiceSnapshot| {
        let mut problems = s.problems.iter();
        problems.find(|problem| problem.what.contains("missing and was made again")).cloned()
    };
    let problem = world.until("it is said", said).await;
    assert!(problem.what.contains("all builds are still in the repository"), "{}", problem.what);
    let plan = world.plan("raj", Action::Promote { build: second }).await.unwrap();
    assert_eq!(plan.target.build, second);
    let third = world.verified("a third").await;
    world.live(third).await;
    world.until("the notice ends", |s| said(s).is_none().then_some(())).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_whose_data_folder_is_gone_records_and_runs_nothing_any_more() {
    for replaced in [false, true] {
        let (mut world, _) = World::with_build().await;
        let aside = world.folder().join("aside");
        std::fs::rename(world.data(), &aside).unwrap();
        if replaced {
            std::fs::create_dir(world.data()).unwrap();
        }
        let environment = trunkline::domain::ids::Environment::Production;
        let hold = Command::Hold { environment, reason: "errors".into() };
        let refused = world.command("raj", hold).await.unwrap_err().to_string();
        assert!(refused.contains("this engine has stopped acting; nothing was done"), "{refused}");
        let what = world.handle().lost().await;
        assert!(what.contains(if replaced { "was replaced" } else { "was removed" }), "{what}");
        let problems = world.handle().fleet().problems;
        assert!(problems.iter().any(|problem| problem.what == what), "{problems:?}");
        world.stop().await;
        assert!(!world.data().join("mirrors").exists(), "it makes nothing in the folder");
        let record = Connection::open(aside.join("trunkline.db")).unwrap();
        let count = "SELECT count(*) FROM events WHERE fact LIKE '%hold_placed%'";
        let holds: i64 = record.query_row(count, [], |row| row.get(0)).unwrap();
        assert_eq!(holds, 0);
        drop(record);
        // As the notice advises.
        if replaced {
            std::fs::remove_dir_all(world.data()).unwrap();
        }
        std::fs::rename(&aside, world.data()).unwrap();
        world.start().await;
        world.until_build("it goes on", |row| !row.build.verifications.is_empty()).await;
        world.stop().await;
    }
}
