//! Where CI deploys staging: a build that it did not deploy says so and why, and waits for ever for nothing.

use std::time::Duration;

use chrono::TimeDelta;
use trunkline::domain::build::BuildState;
use trunkline::domain::command::Action;
use trunkline::domain::deployment::Deployment;
use trunkline::domain::ids::{BuildNumber, Environment};
use trunkline::domain::plan::Guard;
use trunkline::domain::snapshot::alarm::Alarm;
use trunkline::domain::snapshot::{BuildRow, ServiceSnapshot};
use trunkline_testing::github::RunOf;

use crate::observe::{FILE, Shop};

const WORKFLOW: &str = ".github/workflows/deploy-staging.yml";
const PATHS: &str = "deploy-staging.yml is for some paths only, and nothing of them changed";

/// CI deploys what changes below `src`, and is waited for no longer than this.
async fn shop(undeployed: Duration) -> Shop {
    shop_of(FILE, undeployed).await
}

async fn shop_of(file: &str, undeployed: Duration) -> Shop {
    let mut shop = Shop::with(file).await;
    let on = "on:\n  push:\n    branches: [main]\n    paths: ['src/**', '.github/**']\n";
    let jobs = "jobs:\n  deploy:\n    runs-on: x\n    steps: []\n";
    shop.world.repository.write(WORKFLOW, &format!("{on}{jobs}"));
    shop.world.repository.commit_all("Ann", "ann@example.com", "the workflow");
    shop.world.remote_times.undeployed = undeployed;
    shop.watch().await;
    shop
}

impl Shop {
    /// A commit that changes this file.
    fn changes(&self, file: &str, message: &str) -> String {
        let repository = &self.world.repository;
        repository.commit_by("Ann", "ann@example.com", file, message, message).to_string()
    }

    async fn row(&self, sha: &str, is: impl Fn(&BuildRow) -> bool) -> BuildRow {
        self.world
            .until_build("the build is as wanted", |row| row.build.sha.as_str() == sha && is(row))
            .await
    }

    async fn note(&self, sha: &str, note: &str) -> BuildRow {
        self.row(sha, |row| row.staging_note.as_deref() == Some(note)).await
    }
}

fn lacks(snapshot: &ServiceSnapshot) -> Option<BuildNumber> {
    snapshot.alarms.iter().find_map(|alarm| match alarm {
        Alarm::NotInStaging { build, .. } => Some(*build),
        _ => None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_ci_did_not_deploy_says_so_and_why() {
    let shop = shop(Duration::ZERO).await;
    let first = shop.changes("src/a", "one");
    shop.ci_deploys(&first);
    let first = shop.row(&first, |row| row.state == BuildState::Verified).await.build.number;
    let docs = shop.changes("docs/a.md", "words");
    let row = shop.note(&docs, &format!("CI did not deploy it: {PATHS}")).await;
    assert_eq!(row.state, BuildState::NotStaged, "it waits for nothing");
    let skipped = shop.changes("src/b", "more\n\nTyped in a hurry [SKIP CI]");
    shop.note(&skipped, "CI did not deploy it: [skip ci] is in its message").await;
    let snapshot = shop.live(Environment::Staging, first).await;
    assert_eq!(lacks(&snapshot), None, "somebody wanted it so");
    let lost = shop.changes("src/c", "lost");
    let row = shop.note(&lost, "CI did not deploy it").await;
    let number = row.build.number;
    let alarm = |snapshot: &ServiceSnapshot| lacks(snapshot).filter(|build| *build == number);
    shop.world.until("it is missed", alarm).await;
    let plan = shop.world.plan("raj", Action::Promote { build: number }).await.unwrap();
    let verified = plan.findings.iter().find(|found| found.guard == Guard::Verified).unwrap();
    assert_eq!(verified.sentence, format!("{number} never reached staging: CI did not deploy it"));
    // Its run comes after all, and brings what was before it.
    shop.ci_deploys(&lost);
    shop.row(&lost, |row| row.state == BuildState::Verified && row.staging_note.is_none()).await;
    for sha in [docs, skipped] {
        let row = shop.note(&sha, &format!("came to staging with {number}")).await;
        assert_eq!(row.state, BuildState::Superseded);
    }
    let snapshot = shop.live(Environment::Staging, number).await;
    assert_eq!(lacks(&snapshot), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_run_and_a_workflow_that_is_gone_are_named_as_reasons() {
    let shop = shop(Duration::ZERO).await;
    let first = shop.changes("src/a", "one");
    shop.ci_deploys(&first);
    shop.row(&first, |row| row.state == BuildState::Verified).await;
    let bot = "github-actions[bot]";
    let email = "41898282+github-actions[bot]@users.noreply.github.com";
    let merged = shop.world.repository.commit_by(bot, email, "src/b", "two", "merge it");
    let why = format!(
        "CI did not deploy it: perhaps because {bot} merged it: what a run pushes with its own token starts no workflow"
    );
    shop.note(merged.as_str(), &why).await;
    shop.world.repository.git(["rm", "-q", WORKFLOW]);
    let gone = shop.changes("src/c", "three");
    shop.note(&gone, "CI did not deploy it: this commit has no deploy-staging.yml").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_whose_run_waits_or_is_not_late_yet_is_queued() {
    let shop = shop(Duration::ZERO).await;
    let waits = shop.changes("src/a", "one");
    shop.github.push_run(RunOf { sha: &waits, status: "queued", ..RunOf::default() });
    shop.row(&waits, |row| row.state == BuildState::Queued).await;
    let lost = shop.changes("src/b", "two");
    shop.note(&lost, "CI did not deploy it").await;
    let row = shop.row(&waits, |_| true).await;
    assert_eq!(
        (row.state, row.staging_note),
        (BuildState::Queued, None),
        "its run waits at GitHub"
    );
    let ended = shop.changes("src/c", "three");
    let run = shop.github.push_run(RunOf { sha: &ended, ..RunOf::default() });
    shop.github.change(run, |run| {
        run.job_ends("deploy", "skipped", None);
        run.ends("success");
    });
    let why = format!("CI did not deploy it: its run {run} did not reach the job that deploys");
    shop.note(&ended, &why).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_of_a_build_that_a_run_of_an_unknown_commit_may_have_deployed() {
    let shop = shop_of(&FILE.replace(r#", event = "push""#, ""), Duration::ZERO).await;
    let first = shop.changes("src/a", "one");
    shop.ci_deploys(&first);
    shop.row(&first, |row| row.state == BuildState::Verified).await;
    let lost = shop.changes("src/b", "two");
    shop.note(&lost, "CI did not deploy it").await;
    let by_hand = RunOf { sha: &first, event: "workflow_dispatch", ..RunOf::default() };
    let run = shop.github.push_run(by_hand);
    shop.row(&lost, |row| row.staging_note.is_none()).await;
    shop.github.succeed(run, "deploy");
    let unknown = |snapshot: &ServiceSnapshot| {
        let in_doubt = |alarm: &&Alarm| matches!(alarm, Alarm::InDoubt { unknown: Some(_), .. });
        snapshot.alarms.iter().find(in_doubt).map(|_| snapshot.clone())
    };
    let snapshot = shop.world.until("what staging runs is not known", unknown).await;
    assert_eq!(lacks(&snapshot), None);
    let so_far = shop.github.seen().len();
    shop.github.until("it is looked at", |github| github.seen().len() > so_far + 6).await;
    let row = shop.row(&lost, |_| true).await;
    assert_eq!((row.state, row.staging_note), (BuildState::Queued, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_run_is_said_to_be_missing_that_may_stand_behind_the_end_of_the_list() {
    let shop = shop(Duration::ZERO).await;
    let first = shop.changes("src/a", "one");
    shop.ci_deploys(&first);
    shop.row(&first, |row| row.state == BuildState::Verified).await;
    let lost = shop.changes("src/b", "two");
    shop.note(&lost, "CI did not deploy it").await;
    for _ in 0..50 {
        let other = RunOf { sha: &first, workflow: "test.yml", ..RunOf::default() };
        let run = shop.github.push_run(other);
        shop.github.change(run, |run| run.ends("success"));
    }
    let next = shop.changes("src/c", "three");
    shop.row(&next, |_| true).await;
    let so_far = shop.github.seen().len();
    shop.github.until("it is looked at", |github| github.seen().len() > so_far + 6).await;
    let row = shop.row(&next, |_| true).await;
    assert_eq!((row.state, row.staging_note), (BuildState::Queued, None));
    shop.note(&lost, "CI did not deploy it").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ci_has_some_minutes_before_a_build_counts_as_not_deployed() {
    let shop = shop(Duration::from_mins(10)).await;
    let new = shop.changes("src/a", "one");
    shop.row(&new, |_| true).await;
    let so_far = shop.github.seen().len();
    shop.github.until("it is looked at", |github| github.seen().len() > so_far + 6).await;
    let row = shop.row(&new, |_| true).await;
    assert_eq!((row.state, row.staging_note), (BuildState::Queued, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_a_newer_one_took_the_place_of_is_superseded_and_not_failed() {
    let shop = shop(Duration::from_mins(10)).await;
    let old = shop.changes("src/a", "one");
    let run = shop.github.push_run(RunOf { sha: &old, ..RunOf::default() });
    shop.github.change(run, |run| run.runs("deploy", "release"));
    shop.row(&old, |row| row.state == BuildState::Deploying).await;
    shop.github.move_clock(TimeDelta::seconds(5));
    let new = shop.changes("src/b", "two");
    let newer = shop.github.push_run(RunOf { sha: &new, ..RunOf::default() });
    shop.github.change(run, |run| {
        run.job_ends("deploy", "cancelled", None);
        run.ends("cancelled");
    });
    shop.row(&old, |row| row.state == BuildState::Cancelled).await;
    shop.github.change(newer, |run| run.runs("deploy", "release"));
    let is_open = |row: &BuildRow| row.state == BuildState::Deploying;
    let number = shop.row(&new, is_open).await.build.number;
    let row = shop.note(&old, &format!("a newer run took its place: {number}")).await;
    assert_eq!(row.state, BuildState::Superseded);
    shop.github.succeed(newer, "deploy");
    let snapshot = shop.live(Environment::Staging, number).await;
    let open = snapshot.deployments.iter().map(|row| &row.deployment);
    assert!(open.clone().all(|deployment: &Deployment| !deployment.is_open()));
    let promote = Action::Promote { build: row.build.number };
    let plan = shop.world.plan("raj", promote).await.unwrap();
    let verified = plan.findings.iter().find(|found| found.guard == Guard::Verified).unwrap();
    let why = format!(
        "{} did not come to staging: a newer run took its place ({number})",
        row.build.number
    );
    assert_eq!(verified.sentence, why);
}
