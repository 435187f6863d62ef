//! What others deploy at GitHub: it is seen, it counts, and it changes what people are about to do.

use std::time::Duration;

use chrono::TimeDelta;
use trunkline::domain::command::{Action, Refusal};
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::event::DeploymentKind;
use trunkline::domain::ids::{BuildNumber, Environment, Sha};
use trunkline::domain::plan::{Guard, Severity};
use trunkline::domain::snapshot::alarm::Alarm;
use trunkline::domain::snapshot::{BuildRow, ServiceSnapshot};
use trunkline::engine::RemoteTimes;
use trunkline_testing::engine::{World, refusal};
use trunkline_testing::faulty_proxy::{Fault, FaultyProxy};
use trunkline_testing::github::{GITHUB_TOKEN, GitHub, RunOf};

/// The times of the product, for an impatient reader; a slow machine has all its time to bring a commit.
fn times() -> RemoteTimes {
    let (pace, grace) = (Duration::from_millis(20), Duration::from_millis(200));
    RemoteTimes { pace, grace, log: Duration::from_millis(500), ..RemoteTimes::default() }
}

/// CI deploys staging and, by a dispatch, production; trunkline promotes by the same workflow.
pub(crate) const FILE: &str = r#"
service = "checkout"
trunk = "main"
[policy]
soak = "0s"
verify = "staging"
[people.ann]
emails = ["ann@example.com"]
[people.raj]
emails = ["raj@example.com"]
[staging.observe]
github = { engine = "github", repository = "acme/shop", workflow = "deploy-staging.yml", jobs = ["deploy"], event = "push", branch = "main" }
[production.observe]
github = { engine = "github", repository = "acme/shop", workflow = "deploy.yml", jobs = ["deploy"], sha = 'title:deploy ([0-9a-f]{40})' }
[[production.steps]]
name = "release"
github = { engine = "github", repository = "acme/shop", workflow = "deploy.yml", ref = "main", job = "deploy" }
inputs = { sha = "{sha}", kind = "{kind}", trunkline = "{run}" }
[[rollback.steps]]
name = "release"
github = { engine = "github", repository = "acme/shop", workflow = "deploy.yml", ref = "main", job = "deploy" }
inputs = { sha = "{sha}", kind = "rollback", trunkline = "{run}" }
"#;

pub(crate) struct Shop {
    pub(crate) world: World,
    pub(crate) github: GitHub,
    line: FaultyProxy,
}

impl Shop {
    /// With this service file, not watched yet.
    pub(crate) async fn with(file: &str) -> Self {
        let github = GitHub::start().await;
        let line = FaultyProxy::before(github.address());
        let mut world = World::with_file(file);
        world.remote_times = times();
        std::fs::write(world.folder().join("token"), GITHUB_TOKEN).unwrap();
        Self { world, github, line }
    }

    async fn open() -> Self {
        let mut shop = Self::with(FILE).await;
        shop.watch().await;
        shop
    }

    pub(crate) async fn watch(&mut self) {
        let token = self.world.folder().join("token").display().to_string();
        let url = self.line.url();
        self.world
            .start_by_file(&format!(
                "poll = \"50ms\"\n[engines.github]\nkind = \"github\"\nurl = \"{url}\"\ntoken = {{ file = {token:?} }}\nmay = [\"acme/shop\"]\n"
            ))
            .await;
    }

    pub(crate) fn commit(&self, change: &str) -> String {
        self.world
            .repository
            .commit_by("Ann", "ann@example.com", change, change, change)
            .to_string()
    }

    /// CI deploys a commit to staging. Gives the number of its run.
    pub(crate) fn ci_deploys(&self, sha: &str) -> u64 {
        let run = self.github.push_run(RunOf { sha, ..RunOf::default() });
        self.github.change(run, |run| run.runs("deploy", "release"));
        self.github.succeed(run, "deploy");
        run
    }

    /// Somebody dispatches the production workflow by hand, and it runs. Gives the number of its run.
    fn by_hand(&self, sha: &str, actor: &str) -> u64 {
        let title = format!("deploy {sha}");
        let run = self.github.push_run(RunOf {
            workflow: "deploy.yml",
            event: "workflow_dispatch",
            title: &title,
            // A dispatch is of the branch, whatever it deploys.
            sha: "1111111111111111111111111111111111111111",
            actor,
            ..RunOf::default()
        });
        self.github.change(run, |run| run.runs("deploy", "release"));
        run
    }

    /// The build of a commit, once its deployment to staging verified it.
    async fn staged(&self, change: &str) -> (BuildNumber, String) {
        let sha = self.commit(change);
        self.ci_deploys(&sha);
        let is_there =
            |row: &BuildRow| row.build.sha.as_str() == sha && !row.build.verifications.is_empty();
        let row = self.world.until_build("the build is verified in staging", is_there).await;
        (row.build.number, sha)
    }

    pub(crate) async fn live(
        &self,
        environment: Environment,
        build: BuildNumber,
    ) -> ServiceSnapshot {
        let is_live = |snapshot: &ServiceSnapshot| {
            let live = snapshot.live.get(&environment).is_some_and(|live| live.build == build);
            live.then(|| snapshot.clone())
        };
        self.world.until(&format!("{build} is live in {environment}"), is_live).await
    }

    /// The deployment that a run is, once it is as wanted.
    async fn seen(&self, run: &str, is: impl Fn(&Deployment) -> bool) -> Deployment {
        let find = |snapshot: &ServiceSnapshot| {
            let rows = snapshot.deployments.iter().map(|row| &row.deployment);
            let mut of_run =
                rows.filter(|one| one.seen.as_ref().is_some_and(|seen| seen.run == run));
            of_run.find(|one| is(one)).cloned()
        };
        self.world.until(&format!("run {run} is seen"), find).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ci_deploys_to_staging_is_verified_and_promoted() {
    let shop = Shop::open().await;
    let (build, sha) = shop.staged("one").await;
    let staged = shop.live(Environment::Staging, build).await;
    let deployment = &staged
        .deployments
        .iter()
        .find(|row| row.deployment.request.build == build)
        .unwrap()
        .deployment;
    assert_eq!(deployment.request.kind, DeploymentKind::External);
    assert_eq!(deployment.by.to_string(), "bob at github");
    let page = deployment.seen.as_ref().unwrap().page.as_deref().unwrap();
    assert!(page.contains("/acme/shop/actions/runs/"), "{page}");
    assert!(shop.world.ran().is_empty(), "trunkline deploys nothing to staging");
    let promote = shop.world.live(build).await;
    let runs = shop.github.runs();
    assert_eq!(runs.last().unwrap().inputs["sha"], sha);
    let production = shop.live(Environment::Production, build).await;
    assert_eq!(
        production.live[&Environment::Production].deployment,
        promote,
        "our run is not seen twice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_look_takes_over_the_last_successes() {
    let mut shop = Shop::with(FILE).await;
    let mut shas = Vec::new();
    for n in 0..25 {
        let sha = shop.commit(&format!("change {n}"));
        let run = shop.by_hand(&sha, "bob");
        shop.github.succeed(run, "deploy");
        shop.github.move_clock(TimeDelta::minutes(1));
        shas.push(sha);
    }
    let failed = shop.by_hand(&shas[3], "eve");
    shop.github.change(failed, |run| {
        run.job_ends("deploy", "failure", None);
        run.ends("failure");
    });
    shop.watch().await;
    let last = shas.last().unwrap().clone();
    let is_live = |snapshot: &ServiceSnapshot| {
        let live = snapshot.live.get(&Environment::Production)?.build;
        let row = snapshot.builds.iter().find(|row| row.build.number == live)?;
        (row.build.sha.as_str() == last).then(|| snapshot.clone())
    };
    let snapshot = shop.world.until("the newest is live", is_live).await;
    let production = |one: &&Deployment| one.request.environment == Environment::Production;
    let rows = snapshot.deployments.iter().map(|row| &row.deployment);
    assert_eq!(rows.filter(production).count(), 20);
    let live = snapshot.live[&Environment::Production].build;
    let back = snapshot.rollback.unwrap_or_else(|| panic!("no way back: {:?}", snapshot.skipped));
    assert_eq!(back.to.0, live.0 - 1);
    assert!(snapshot.holds.is_empty(), "what went before is no news");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_of_an_old_run_takes_staging_back() {
    let shop = Shop::open().await;
    let old = shop.commit("old");
    let run = shop.ci_deploys(&old);
    let (new, _) = shop.staged("new").await;
    shop.live(Environment::Staging, new).await;
    shop.github.rerun(run, "ann");
    shop.github.change(run, |run| run.runs("deploy", "release"));
    let seen = shop.seen(&format!("{run}.2"), Deployment::is_open).await;
    assert_eq!(seen.by.to_string(), "ann at github", "who started it again");
    shop.github.succeed(run, "deploy");
    let snapshot = shop.live(Environment::Staging, BuildNumber(new.0 - 1)).await;
    let staged = snapshot.builds.iter().find(|row| row.build.number == new).unwrap();
    assert!(!staged.build.verifications.is_empty(), "it was seen good");
    let plan = shop.world.plan("raj", Action::Promote { build: new }).await.unwrap();
    let verified = plan.findings.iter().find(|found| found.guard == Guard::Verified).unwrap();
    assert_eq!(verified.severity, Severity::Warn);
    assert!(
        verified.sentence.contains(&format!("staging now runs #{}", new.0 - 1)),
        "{verified:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_deploy_disarms_a_plan_and_names_who() {
    let shop = Shop::open().await;
    let (first, _) = shop.staged("one").await;
    shop.world.live(first).await;
    let (second, sha) = shop.staged("two").await;
    let (third, _) = shop.staged("three").await;
    let plan = shop.world.plan("raj", Action::Promote { build: third }).await.unwrap();
    let run = shop.by_hand(&sha, "bob");
    shop.seen(&format!("{run}.1"), Deployment::is_open).await;
    let changed = refusal(shop.world.execute("raj", &plan).await);
    let Refusal::Changed { changes, .. } = &changed else { panic!("{changed:?}") };
    assert!(changes.iter().any(|change| change.contains("bob at github")), "{changes:?}");
    let running = shop.world.plan("raj", Action::Promote { build: third }).await.unwrap();
    let in_flight = running.findings.iter().find(|found| found.guard == Guard::InFlight).unwrap();
    assert_eq!(in_flight.severity, Severity::Refuse);
    shop.github.succeed(run, "deploy");
    shop.live(Environment::Production, second).await;
    let changed = refusal(shop.world.execute("raj", &plan).await);
    assert!(format!("{changed:?}").contains("bob at github"), "{changed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_puts_an_older_build_live_elsewhere_places_a_hold() {
    let shop = Shop::open().await;
    let (first, sha) = shop.staged("one").await;
    shop.world.live(first).await;
    let (second, _) = shop.staged("two").await;
    shop.world.live(second).await;
    let run = shop.by_hand(&sha, "bob");
    shop.github.succeed(run, "deploy");
    let snapshot = shop.live(Environment::Production, first).await;
    let hold = &snapshot.holds[&Environment::Production];
    assert_eq!(
        hold.reason,
        format!("rolled back outside of trunkline: bob at github deployed {first} after {second}")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_last_at_the_engine_is_live_in_whatever_order_it_was_told() {
    let shop = Shop::open().await;
    let (one, two) = (shop.commit("one"), shop.commit("two"));
    let (first, second) = (shop.by_hand(&one, "bob"), shop.by_hand(&two, "eve"));
    shop.seen(&format!("{first}.1"), Deployment::is_open).await;
    shop.seen(&format!("{second}.1"), Deployment::is_open).await;
    // The lists show the end of the second before that of the first, which was earlier.
    shop.github.freeze_lists(true);
    shop.github.succeed(first, "deploy");
    shop.github.move_clock(TimeDelta::seconds(30));
    shop.github.succeed(second, "deploy");
    shop.github.freeze_lists(false);
    let is_over = |seen: &Deployment| seen.state() == DeploymentState::Succeeded;
    let last = shop.seen(&format!("{second}.1"), is_over).await;
    shop.seen(&format!("{first}.1"), is_over).await;
    shop.live(Environment::Production, last.request.build).await;
    let build: Sha = two.parse().unwrap();
    assert_eq!(last.request.sha, build);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_nobody_knows_makes_live_unknown_and_the_way_back_stays() {
    let shop = Shop::open().await;
    let (first, _) = shop.staged("one").await;
    shop.world.live(first).await;
    let (second, _) = shop.staged("two").await;
    let run = shop.by_hand("main", "bob");
    shop.github.succeed(run, "deploy");
    let alarm = |snapshot: &ServiceSnapshot| {
        snapshot.alarms.iter().find(|alarm| matches!(alarm, Alarm::InDoubt { .. })).cloned()
    };
    let alarm = shop.world.until("live is unknown", alarm).await;
    let why = "what production runs is not known: bob at github deployed an unknown commit, because its title does not name it";
    assert_eq!(alarm.sentence(), why);
    let plan = shop.world.plan("raj", Action::Promote { build: second }).await.unwrap();
    let order = plan.findings.iter().find(|found| found.guard == Guard::Order).unwrap();
    assert_eq!(order.severity, Severity::Override, "{order:?}");
    let back = shop.world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    assert_eq!(back.target.build, first, "what is known to have run");
    assert!(back.severity() < Severity::Override, "{:?}", back.findings);
    let id = shop.world.rollback().await;
    assert_eq!(shop.world.ended(id).await.state(), DeploymentState::Succeeded);
    let settled = |snapshot: &ServiceSnapshot| snapshot.alarms.is_empty().then_some(());
    shop.world.until("what runs is known", settled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn github_that_does_not_answer_is_said_and_recovers() {
    let shop = Shop::open().await;
    let (first, _) = shop.staged("one").await;
    shop.live(Environment::Staging, first).await;
    shop.line.set(Fault::Refuse);
    let said = |snapshot: &ServiceSnapshot| {
        let problems = snapshot.problems.iter().map(|problem| problem.what.clone());
        problems.into_iter().find(|what| what.contains("does not tell what runs in acme/shop"))
    };
    let what = shop.world.until("it is said", said).await;
    assert!(what.contains("as of"), "{what}");
    shop.line.set(Fault::Pass);
    let gone = |snapshot: &ServiceSnapshot| said(snapshot).is_none().then_some(());
    shop.world.until("it is over", gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_ends_in_the_second_in_which_it_began_is_not_in_the_way_for_ever() {
    let shop = Shop::open().await;
    let (_, sha) = shop.staged("one").await;
    let run = shop.by_hand(&sha, "bob");
    shop.seen(&format!("{run}.1"), Deployment::is_open).await;
    shop.github.change(run, |run| {
        let began = run.jobs[0].began_at;
        run.job_ends("deploy", "cancelled", None);
        run.jobs[0].ended_at = began;
        run.ends("cancelled");
    });
    let over = shop.seen(&format!("{run}.1"), |seen| !seen.is_open()).await;
    let why = "how it ended is not known: its run is over, and says of no job that it ran";
    assert_eq!(over.trouble(), Some(why));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_looked_at_any_more_is_no_problem() {
    let shop = Shop::open().await;
    let (first, _) = shop.staged("one").await;
    shop.live(Environment::Staging, first).await;
    shop.line.set(Fault::Refuse);
    let silent = |snapshot: &ServiceSnapshot| {
        let said = "does not tell what runs in acme/shop";
        snapshot.problems.iter().filter(|problem| problem.what.contains(said)).count()
    };
    let both = |snapshot: &ServiceSnapshot| (silent(snapshot) == 2).then_some(());
    shop.world.until("both lanes are silent", both).await;
    let (before, rest) = FILE.split_once("[production.observe]").unwrap();
    let (_, after) = rest.split_once("[[production.steps]]").unwrap();
    shop.world.repository.write("trunkline.toml", &format!("{before}[[production.steps]]{after}"));
    shop.commit("two");
    let one = |snapshot: &ServiceSnapshot| (silent(snapshot) == 1).then_some(());
    shop.world.until("the lane that is gone is silent no more", one).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_skipped_deploys_nothing() {
    let shop = Shop::open().await;
    let (first, _) = shop.staged("one").await;
    let sha = shop.commit("two");
    let run = shop.github.push_run(RunOf { sha: &sha, ..RunOf::default() });
    shop.github.change(run, |run| {
        run.job_ends("deploy", "skipped", None);
        run.ends("success");
    });
    let (third, _) = shop.staged("three").await;
    let snapshot = shop.live(Environment::Staging, third).await;
    let rows =
        snapshot.deployments.iter().filter(|row| row.deployment.request.build.0 == first.0 + 1);
    assert_eq!(rows.count(), 0, "nothing was deployed");
}
