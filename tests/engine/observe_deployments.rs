//! What others deploy where no workflow does: the deployments that GitHub keeps of an environment.

use std::time::Duration;

use chrono::TimeDelta;
use trunkline::domain::command::Action;
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::ids::{BuildNumber, Environment};
use trunkline::domain::plan::{Guard, Severity};
use trunkline::domain::snapshot::alarm::Alarm;
use trunkline::domain::snapshot::{BuildRow, ServiceSnapshot};
use trunkline::domain::words;
use trunkline::engine::RemoteTimes;
use trunkline_testing::engine::World;
use trunkline_testing::github::{DeploymentOf, GITHUB_TOKEN, GitHub, RunOf};

const PRODUCTION: Environment = Environment::Production;
const VERCEL: &str = "vercel[bot]";
const ACTIONS: &str = "github-actions[bot]";

/// Others deploy both environments and tell GitHub; trunkline only watches staging, and could promote by a step of its own.
const FILE: &str = r#"
service = "checkout"
trunk = "main"
[policy]
soak = "0s"
verify = "staging"
[people.raj]
emails = ["raj@example.com"]
[staging.observe]
github = { engine = "github", repository = "acme/shop", environment = "Preview – shop" }
[production.observe]
github = { engine = "github", repository = "acme/shop", environment = "production" }
[[production.steps]]
name = "release"
run = ["true"]
[[rollback.steps]]
name = "release"
run = ["true"]
"#;

struct Shop {
    world: World,
    github: GitHub,
}

impl Shop {
    async fn new() -> Self {
        Self::with(FILE).await
    }

    async fn with(file: &str) -> Self {
        let github = GitHub::start().await;
        github.add_repository("acme/shop");
        let mut world = World::with_file(file);
        let pace = Duration::from_millis(20);
        world.remote_times = RemoteTimes { pace, ..RemoteTimes::default() };
        std::fs::write(world.folder().join("token"), GITHUB_TOKEN).unwrap();
        Self { world, github }
    }

    async fn open() -> Self {
        let mut shop = Self::new().await;
        shop.watch().await;
        shop
    }

    async fn watch(&mut self) {
        let token = self.world.folder().join("token").display().to_string();
        let url = self.github.url();
        self.world
            .start_by_file(&format!(
                "poll = \"50ms\"\n[engines.github]\nkind = \"github\"\nurl = \"{url}\"\ntoken = {{ file = {token:?} }}\nmay = [\"acme/shop\"]\n"
            ))
            .await;
    }

    async fn merged(&self, change: &str) -> (BuildNumber, String) {
        let sha = self.world.repository.commit_by("Ann", "ann@example.com", change, change, change);
        let is_it = |row: &BuildRow| row.build.sha == sha;
        let row = self.world.until_build("the build is found", is_it).await;
        (row.build.number, sha.to_string())
    }

    /// Somebody makes a deployment of a commit, which begins.
    fn begins(&self, sha: &str, creator: &str) -> u64 {
        let id = self.github.deploy(DeploymentOf { sha, creator, ..DeploymentOf::default() });
        self.github.deployment_status(id, "in_progress", creator);
        id
    }

    fn says(&self, id: u64, word: &str) {
        self.github.move_clock(TimeDelta::seconds(1));
        self.github.deployment_status(id, word, VERCEL);
    }

    async fn live(&self, environment: Environment, build: BuildNumber) -> ServiceSnapshot {
        let is_live = |snapshot: &ServiceSnapshot| {
            let live = snapshot.live.get(&environment).is_some_and(|live| live.build == build);
            live.then(|| snapshot.clone())
        };
        self.world.until(&format!("{build} is live in {environment}"), is_live).await
    }

    /// A deployment, once it is as wanted.
    async fn seen(&self, name: &str, is: impl Fn(&Deployment) -> bool) -> Deployment {
        let find = |snapshot: &ServiceSnapshot| {
            let rows = snapshot.deployments.iter().map(|row| &row.deployment);
            let mut named =
                rows.filter(|one| one.seen.as_ref().is_some_and(|seen| seen.run == name));
            named.find(|one| is(one)).cloned()
        };
        self.world.until(&format!("{name} is seen"), find).await
    }
}

fn is_over(deployment: &Deployment) -> bool {
    !deployment.is_open()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_deploys_without_a_workflow_is_seen_by_the_deployments_that_github_keeps() {
    let shop = Shop::open().await;
    let (first, old) = shop.merged("one").await;
    let (second, new) = shop.merged("two").await;
    let staged = DeploymentOf {
        sha: &new,
        creator: VERCEL,
        environment: "Preview – shop",
        ..DeploymentOf::default()
    };
    let staged = shop.github.deploy(staged);
    shop.github.deployment_status(staged, "success", VERCEL);
    shop.live(Environment::Staging, second).await;
    let is_verified =
        |row: &BuildRow| row.build.number == second && !row.build.verifications.is_empty();
    shop.world.until_build("staging's success verifies it", is_verified).await;
    let id =
        shop.github.deploy(DeploymentOf { sha: &new, creator: VERCEL, ..DeploymentOf::default() });
    shop.says(id, "queued");
    shop.says(id, "in_progress");
    let name = format!("deployment {id}");
    let running = shop.seen(&name, Deployment::is_open).await;
    assert_eq!(running.by.to_string(), "vercel[bot] at github");
    let said = words::seen_elsewhere(&running).unwrap();
    assert_eq!(said, format!("not by trunkline: {name} at github"));
    let plan = shop.world.plan("raj", Action::Promote { build: second }).await.unwrap();
    let in_flight = plan.findings.iter().find(|found| found.guard == Guard::InFlight).unwrap();
    assert_eq!(in_flight.severity, Severity::Refuse);
    shop.says(id, "success");
    shop.live(PRODUCTION, second).await;
    // Back to the old one, and the other becomes inactive.
    let back = shop.begins(&old, VERCEL);
    shop.says(back, "success");
    shop.says(id, "inactive");
    let snapshot = shop.live(PRODUCTION, first).await;
    let reason = format!(
        "rolled back outside of trunkline: vercel[bot] at github deployed {first} after {second}"
    );
    assert_eq!(snapshot.holds[&PRODUCTION].reason, reason);
    // The same deployment succeeds once more.
    shop.says(id, "success");
    shop.live(PRODUCTION, second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_ends_in_the_words_of_its_last_status() {
    let shop = Shop::open().await;
    let (first, sha) = shop.merged("one").await;
    let good = shop.begins(&sha, VERCEL);
    shop.says(good, "success");
    shop.live(PRODUCTION, first).await;
    for (word, state, why) in [
        ("failure", DeploymentState::Failed, Some("it failed")),
        ("error", DeploymentState::Failed, Some("it ended as error")),
    ] {
        let id = shop.begins(&sha, VERCEL);
        shop.says(id, word);
        let over = shop.seen(&format!("deployment {id}"), is_over).await;
        assert_eq!((over.state(), over.trouble()), (state, why), "{word}");
    }
    let left = shop.begins(&sha, VERCEL);
    shop.seen(&format!("deployment {left}"), Deployment::is_open).await;
    shop.github.move_clock(TimeDelta::seconds(1));
    let next = shop.begins(&sha, VERCEL);
    let over = shop.seen(&format!("deployment {left}"), is_over).await;
    assert_eq!(over.state(), DeploymentState::Cancelled, "the next one took its place");
    shop.seen(&format!("deployment {next}"), Deployment::is_open).await;
    shop.github.forget_deployment(next);
    let gone = shop.seen(&format!("deployment {next}"), is_over).await;
    assert_eq!(
        gone.trouble(),
        Some("how it ended is not known: its deployment is not there any more")
    );
    let odd =
        shop.github.deploy(DeploymentOf { sha: &sha, creator: VERCEL, ..DeploymentOf::default() });
    shop.says(odd, "inactive");
    let last = shop.begins(&sha, VERCEL);
    shop.says(last, "success");
    shop.seen(&format!("deployment {last}"), is_over).await;
    let snapshot = shop.live(PRODUCTION, first).await;
    let odd = format!("deployment {odd}");
    let rows = snapshot.deployments.iter().filter_map(|row| row.deployment.seen.as_ref());
    assert!(rows.clone().all(|seen| seen.run != odd), "nobody knows whether it ever began");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_a_dispatched_run_makes_is_not_believed() {
    let shop = Shop::open().await;
    let (first, sha) = shop.merged("one").await;
    let pushed = shop.github.push_run(RunOf { sha: &sha, workflow: "cd.yml", ..RunOf::default() });
    let of = |run| DeploymentOf { sha: &sha, creator: ACTIONS, run, ..DeploymentOf::default() };
    let good = shop.github.deploy(of(Some(pushed)));
    shop.says(good, "success");
    shop.live(PRODUCTION, first).await;
    let dispatched = shop.github.push_run(RunOf {
        event: "workflow_dispatch",
        workflow: "deploy.yml",
        sha: &sha,
        ..RunOf::default()
    });
    let id = shop.github.deploy(of(Some(dispatched)));
    shop.says(id, "success");
    let unknown = |snapshot: &ServiceSnapshot| {
        let mut alarms = snapshot.alarms.iter();
        alarms.find(|alarm| matches!(alarm, Alarm::InDoubt { unknown: Some(_), .. })).cloned()
    };
    let alarm = shop.world.until("live is unknown", unknown).await;
    let why = format!(
        "what production runs is not known: github-actions[bot] at github deployed an unknown commit, because run {dispatched} was dispatched, and its deployment names the head of the branch"
    );
    assert_eq!(alarm.sentence(), why);
    let back = shop.world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    assert_eq!(back.target.build, first, "what is known to have run");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_look_takes_over_what_github_still_knows_and_asks_for_little_after_it() {
    let mut shop = Shop::new().await;
    let shas: Vec<_> = ["one", "two", "three", "four", "five"]
        .map(|change| {
            shop.world.repository.commit_by("Ann", "ann@example.com", change, change, change)
        })
        .into();
    for sha in &shas {
        let id = shop.begins(sha.as_str(), VERCEL);
        shop.says(id, "success");
    }
    shop.watch().await;
    let is_live = |snapshot: &ServiceSnapshot| {
        let live = snapshot.live.get(&PRODUCTION)?.build;
        let row = snapshot.builds.iter().find(|row| row.build.number == live)?;
        (row.build.sha == *shas.last()?).then(|| snapshot.clone())
    };
    let snapshot = shop.world.until("the newest is live", is_live).await;
    assert!(snapshot.holds.is_empty(), "what went before is no news");
    assert!(snapshot.rollback.is_some(), "there is a way back");
    let so_far = shop.github.seen().len();
    shop.github.until("it is asked on", |github| github.seen().len() > so_far + 20).await;
    let asked = shop.github.seen();
    let last = &asked[asked.len() - 10..];
    let changed = last.iter().filter(|request| request.status != 304);
    assert_eq!(changed.count(), 0, "what did not change costs nothing: {last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_deployment_is_not_seen_twice() {
    let shop = Shop::open().await;
    let (first, sha) = shop.merged("one").await;
    let promote = shop.world.live(first).await;
    // The step told GitHub.
    let own = shop.begins(&sha, "deployer[bot]");
    shop.says(own, "success");
    let (second, next) = shop.merged("two").await;
    let other = shop.begins(&next, VERCEL);
    shop.says(other, "success");
    let snapshot = shop.live(PRODUCTION, second).await;
    let own = format!("deployment {own}");
    let rows = snapshot.deployments.iter().map(|row| &row.deployment);
    assert!(rows.clone().all(|one| one.seen.as_ref().is_none_or(|seen| seen.run != own)));
    assert!(rows.clone().any(|one| one.id == promote));
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_run_that_a_person_starts_once_more_later_is_their_deployment() {
    let by_workflow = r#"github = { engine = "github", repository = "acme/shop", workflow = "deploy.yml", ref = "main", job = "deploy" }
inputs = { sha = "{sha}", kind = "{kind}", trunkline = "{run}" }"#;
    let mut shop = Shop::with(&FILE.replacen(r#"run = ["true"]"#, by_workflow, 1)).await;
    shop.watch().await;
    shop.github.on_dispatch(|run| run.succeeds("deploy", "deployed"));
    let (first, sha) = shop.merged("one").await;
    shop.world.live(first).await;
    let run = shop.github.runs().last().map(|run| run.id);
    let of_run = || DeploymentOf { sha: &sha, creator: ACTIONS, run, ..DeploymentOf::default() };
    let own = shop.github.deploy(of_run());
    shop.says(own, "success");
    shop.github.move_clock(TimeDelta::minutes(10));
    shop.github.rerun(run.unwrap(), "bob");
    let again = shop.github.deploy(of_run());
    shop.says(again, "success");
    let theirs = shop.seen(&format!("deployment {again}"), is_over).await;
    assert!(theirs.unknown_commit().is_some(), "it was dispatched");
    let own = format!("deployment {own}");
    let snapshot = shop.world.until("it is there", |snapshot| Some(snapshot.clone())).await;
    let mut rows = snapshot.deployments.iter().filter_map(|row| row.deployment.seen.as_ref());
    assert!(rows.all(|seen| seen.run != own), "that one is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_of_a_build_that_a_deployment_of_an_unknown_commit_may_have_brought() {
    let mut shop = Shop::new().await;
    shop.world.remote_times.undeployed = Duration::ZERO;
    shop.watch().await;
    let environment = "Preview – shop";
    let (first, sha) = shop.merged("one").await;
    let of = DeploymentOf { sha: &sha, creator: VERCEL, environment, ..DeploymentOf::default() };
    let staged = shop.github.deploy(of);
    shop.says(staged, "success");
    shop.live(Environment::Staging, first).await;
    let (second, _) = shop.merged("two").await;
    let note = |row: &BuildRow| {
        (row.build.number == second).then(|| row.staging_note.clone().unwrap_or_default())
    };
    let lost = |row: &BuildRow| note(row).is_some_and(|note| note == "CI did not deploy it");
    shop.world.until_build("it is missed", lost).await;
    let event = "workflow_dispatch";
    let run = shop.github.push_run(RunOf { event, sha: &sha, ..RunOf::default() });
    let of = DeploymentOf {
        sha: &sha,
        creator: ACTIONS,
        environment,
        run: Some(run),
        ..DeploymentOf::default()
    };
    let dispatched = shop.github.deploy(of);
    shop.says(dispatched, "in_progress");
    let silent = |row: &BuildRow| note(row).is_some_and(|note| note.is_empty());
    shop.world.until_build("nothing is said of it", silent).await;
}
