//! Steps at another engine: each is started there once, whatever becomes of the answer, the line or this engine.

use std::process::Command as Program;
use std::time::Duration;

use trunkline::domain::command::{Action, Command};
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::event::{Event, Fact, Outcome};
use trunkline::domain::ids::{BuildNumber, DeploymentId, Seq};
use trunkline::domain::plan::{Guard, Severity};
use trunkline::domain::remote::FoundBy;
use trunkline_testing::PATIENCE;
use trunkline_testing::engine::{QUICK, World, refusal};
use trunkline_testing::faulty_proxy::{Fault, FaultyProxy};
use trunkline_testing::jobs::JobServer;

pub(super) const TOKEN: &str = "tok_4f9d8a7c6b5e4d3c";

/// A service whose production and rollback run at `deployer`.
pub(super) fn file() -> String {
    let start = QUICK.find("[[production.steps]]").expect("it has production");
    let job = |job: &str| {
        format!(
            "name = \"release\"\nhttp = {{ engine = \"deployer\", job = \"{job}\" }}\n\
             inputs = {{ version = \"{{short_sha}}\", who = \"{{actor}}\" }}\ntimeout = \"1m\"\n"
        )
    };
    format!(
        "{}[[production.steps]]\n{}[[rollback.steps]]\n{}",
        &QUICK[..start],
        job("shop"),
        job("shop-back")
    )
}

/// A world whose engine reaches a server of jobs over a line that may be bad.
pub(super) struct Elsewhere {
    pub(super) world: World,
    pub(super) server: JobServer,
    pub(super) line: FaultyProxy,
}

impl Elsewhere {
    /// `None` where the server cannot run, which is said.
    pub(super) async fn open() -> Option<Self> {
        Self::with(&file()).await
    }

    /// The same with this service file.
    pub(super) async fn with(file: &str) -> Option<Self> {
        let server = JobServer::if_python(Some(TOKEN))?;
        server.job(
            "shop",
            "echo \"$JOB_KIND of $JOB_BUILD\"; echo \"$JOB_INPUT_VERSION by $JOB_INPUT_WHO\"",
        );
        server.job("shop-back", "echo \"back to $JOB_BUILD\"");
        let line = FaultyProxy::before(server.address());
        let mut world = World::with_file(file);
        world.remote_times.pace = Duration::from_millis(50);
        world.start_by_file(&settings(&server, &line.url(), "[\"shop\", \"shop-*\"]")).await;
        Some(Self { world, server, line })
    }

    pub(super) async fn promote(&self, change: &str) -> (BuildNumber, DeploymentId) {
        let build = self.world.verified(change).await;
        (build, self.world.promote(build).await)
    }

    pub(super) async fn ended(&self, id: DeploymentId) -> Deployment {
        self.world.ended(id).await
    }

    /// The key of the one step of a deployment, once it is recorded.
    pub(super) async fn key(&self, id: DeploymentId) -> String {
        let key = |snapshot: &trunkline::domain::snapshot::ServiceSnapshot| {
            let row = snapshot.deployments.iter().find(|row| row.deployment.id == id)?;
            Some(row.deployment.sent(0)?.key.to_string())
        };
        self.world.until("the step is recorded as sent", key).await
    }

    /// The facts of a deployment about its run.
    async fn facts(&self, id: DeploymentId) -> Vec<Fact> {
        let all = self.world.handle().events(None, Seq(0), 10_000).await;
        let events = all.unwrap();
        let is_of_run = |event: &Event| match event.fact {
            Fact::RunSent { deployment, .. } | Fact::RunFound { deployment, .. } => {
                deployment == id
            }
            _ => false,
        };
        events.into_iter().filter(is_of_run).map(|event| event.fact).collect()
    }

    /// A promote whose run has begun and waits for the gate.
    async fn running(&self, change: &str) -> (DeploymentId, String) {
        self.server.job("shop", "echo begun; while [ ! -e open ]; do sleep 0.02; done; echo done");
        let (_, id) = self.promote(change).await;
        let key = self.key(id).await;
        self.server.until_started(&key).await;
        (id, key)
    }

    fn is_said_silent(&self) -> bool {
        let problems = self.world.handle().fleet().problems;
        problems.iter().any(|problem| problem.what.contains("waits for deployer"))
    }

    pub(super) async fn until_said_silent(&self) {
        let mut changes = self.world.handle().changes();
        let said = async {
            while !self.is_said_silent() {
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, said).await.expect("it is said that it does not answer");
    }

    fn open_gate(&self) {
        std::fs::write(self.server.jobs().join("open"), "").unwrap();
    }
}

fn settings(server: &JobServer, url: &str, may: &str) -> String {
    let token = server.token_file().display().to_string();
    format!(
        "poll = \"50ms\"\n[engines.deployer]\nkind = \"http\"\nurl = \"{url}\"\ntoken = {{ file = {token:?} }}\nmay = {may}\n"
    )
}

fn sent(facts: &[Fact]) -> usize {
    facts.iter().filter(|fact| matches!(fact, Fact::RunSent { .. })).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_runs_at_the_other_engine_with_its_log_here() {
    let Some(all) = Elsewhere::open().await else { return };
    let (build, id) = all.promote("a change").await;
    let deployment = all.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    let key = all.key(id).await;
    assert_eq!(all.server.starts(&key), 1);
    let sha = deployment.request.sha.short().to_owned();
    let log = [format!("promote of {}", build.0), format!("{sha} by raj")];
    assert_eq!(all.world.log(id, 0).await, log);
    let facts = all.facts(id).await;
    assert_eq!(sent(&facts), 1, "{facts:?}");
    let found = facts.iter().any(|f| matches!(f, Fact::RunFound { how: FoundBy::Answer, .. }));
    assert!(found, "{facts:?}");
    assert_eq!(all.world.live_now(), Some(build));
    let checkout = all.world.data().join("checkouts/checkout").join(id.to_string());
    assert!(!checkout.exists(), "it needs none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_looked_for_and_never_sent_again() {
    let Some(all) = Elsewhere::open().await else { return };
    for fault in [Fault::LoseAnswer, Fault::BadGateway] {
        let build = all.world.verified(&format!("{fault:?}")).await;
        let before = all.line.count("PUT");
        all.line.set(fault.clone());
        let id = all.world.promote(build).await;
        let key = all.key(id).await;
        all.server.until_started(&key).await;
        all.line.until_seen(|seen| seen.iter().filter(|r| r.method == "GET").count() > 0).await;
        all.line.set(Fault::Pass);
        let deployment = all.ended(id).await;
        assert_eq!(deployment.state(), DeploymentState::Succeeded, "{fault:?}: {deployment:#?}");
        assert_eq!((all.server.starts(&key), all.line.count("PUT") - before), (1, 1), "{fault:?}");
        let facts = all.facts(id).await;
        let found = facts.iter().any(|f| matches!(f, Fact::RunFound { how: FoundBy::Search, .. }));
        assert!(found && sent(&facts) == 1, "{fault:?}: {facts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_certainly_not_sent_goes_out_once_the_engine_answers() {
    let Some(all) = Elsewhere::open().await else { return };
    for fault in [Fault::Refuse, Fault::LimitedOnce { retry_after: 1 }] {
        let build = all.world.verified(&format!("{fault:?}")).await;
        all.line.set(fault.clone());
        let id = all.world.promote(build).await;
        let key = all.key(id).await;
        if !matches!(fault, Fault::LimitedOnce { .. }) {
            all.until_said_silent().await;
            assert_eq!(all.server.starts(&key), 0);
            all.line.set(Fault::Pass);
        }
        let deployment = all.ended(id).await;
        assert_eq!(deployment.state(), DeploymentState::Succeeded, "{fault:?}: {deployment:#?}");
        assert_eq!((all.server.starts(&key), sent(&all.facts(id).await)), (1, 1), "{fault:?}");
        assert!(!all.is_said_silent(), "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_without_this_engine_and_is_found_again_with_its_whole_log() {
    let Some(mut all) = Elsewhere::open().await else { return };
    let (id, key) = all.running("a change").await;
    all.world.stop().await;
    all.open_gate();
    all.server.until_ended(&key).await;
    all.world.start_by_file_as_it_is().await;
    let deployment = all.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    assert_eq!((all.server.starts(&key), all.line.count("PUT")), (1, 1));
    assert_eq!(all.world.log(id, 0).await, ["begun", "done"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_and_never_left_is_sent_after_a_restart() {
    let Some(mut all) = Elsewhere::open().await else { return };
    let build = all.world.verified("a change").await;
    all.line.set(Fault::Refuse);
    let id = all.world.promote(build).await;
    let key = all.key(id).await;
    all.until_said_silent().await;
    all.world.stop().await;
    all.line.set(Fault::Pass);
    all.world.start_by_file_as_it_is().await;
    let deployment = all.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    let facts = all.facts(id).await;
    assert_eq!((all.server.starts(&key), sent(&facts)), (1, 2), "{facts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_ends_there_and_a_rollback_follows() {
    let Some(all) = Elsewhere::open().await else { return };
    let (first, id) = all.promote("good").await;
    all.ended(id).await;
    let (running, key) = all.running("bad").await;
    let back = all.world.rollback().await;
    let cancelled = all.ended(running).await;
    assert_eq!(cancelled.ended.unwrap().outcome, Outcome::Cancelled);
    let back = all.ended(back).await;
    assert_eq!((back.state(), back.request.build), (DeploymentState::Succeeded, first));
    assert_eq!(all.server.starts(&key), 1);
    assert_eq!(all.world.log(back.id, 0).await, [format!("back to {}", first.0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_leaves_for_another_host() {
    let Some(all) = Elsewhere::open().await else { return };
    let other = FaultyProxy::before(all.server.address());
    let build = all.world.verified("a change").await;
    all.line.set(Fault::Redirect { to: other.url() });
    let id = all.world.promote(build).await;
    let deployment = all.ended(id).await;
    let why = deployment.trouble().unwrap_or_default().to_owned();
    assert!(why.contains("its url in config.toml is wrong"), "{why}");
    assert_eq!(other.seen(), []);
    assert!(all.line.seen().iter().all(|request| request.has_token));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_says_how_it_failed_and_no_log_shows_the_token() {
    let Some(all) = Elsewhere::open().await else { return };
    all.server.job(
        "shop",
        &format!("echo the token is {TOKEN}; echo broken >\"$JOB_FOLDER/says\"; exit 3"),
    );
    let (_, id) = all.promote("a change").await;
    let deployment = all.ended(id).await;
    assert_eq!(deployment.trouble(), Some("step release: failed at deployer: broken"));
    assert_eq!(all.world.log(id, 0).await, ["the token is ***"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_operator_allows_is_asked_for() {
    let Some(all) = Elsewhere::open().await else { return };
    let build = all.world.verified("a change").await;
    let puts = |all: &Elsewhere| all.line.count("PUT");
    let cases = [
        (
            settings(&all.server, &all.line.url(), "[\"other\"]"),
            "does not let services start \"shop\" at deployer; add it to may of [engines.deployer]",
        ),
        ("poll = \"50ms\"\n".to_owned(), "has no [engines.deployer]; add it"),
    ];
    for (settings, said) in cases {
        all.world.write_user_file(&settings);
        let plan = all.world.plan("raj", Action::Promote { build }).await.unwrap();
        let found = plan.findings.iter().find(|finding| finding.guard == Guard::Engine).unwrap();
        assert!(found.severity == Severity::Refuse && found.sentence.contains(said), "{found:?}");
        refusal(all.world.execute("raj", &plan).await);
        assert_eq!(puts(&all), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_read_now_is_waited_for() {
    let Some(all) = Elsewhere::open().await else { return };
    let build = all.world.verified("a change").await;
    std::fs::remove_file(all.server.token_file()).unwrap();
    let id = all.world.promote(build).await;
    all.until_said_silent().await;
    assert_eq!(all.line.count("PUT"), 0);
    std::fs::write(all.server.token_file(), TOKEN).unwrap();
    assert_eq!(all.ended(id).await.state(), DeploymentState::Succeeded);
    assert!(!all.is_said_silent());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_still_be_on_its_way_is_not_called_cancelled() {
    let Some(all) = Elsewhere::open().await else { return };
    let build = all.world.verified("a change").await;
    all.line.set(Fault::Unavailable { retry_after: 1 });
    let id = all.world.promote(build).await;
    all.until_said_silent().await;
    let cancel = Command::Cancel { deployment: id, reason: "a test".into() };
    all.world.command("raj", cancel).await.unwrap();
    all.line.set(Fault::Pass);
    let deployment = all.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Interrupted, "{deployment:#?}");
    let why = deployment.trouble().unwrap_or_default();
    assert!(why.contains("a request may still be on its way there"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_run_is_known_once_it_has_one() {
    let Some(all) = Elsewhere::open().await else { return };
    let (id, key) = all.running("a change").await;
    std::fs::write(all.server.run(&key).join("page"), "https://deployer.example.com/1").unwrap();
    let page = |snapshot: &trunkline::domain::snapshot::ServiceSnapshot| {
        let row = snapshot.deployments.iter().find(|row| row.deployment.id == id)?;
        row.deployment.sent(0)?.run.as_ref()?.page.clone()
    };
    let page = all.world.until("the page is known", page).await;
    assert_eq!(page, "https://deployer.example.com/1");
    all.open_gate();
    all.ended(id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_of_remote_steps_is_that_of_the_trunk() {
    let Some(all) = Elsewhere::open().await else { return };
    let (old, id) = all.promote("old").await;
    all.ended(id).await;
    let file = file().replace("job = \"shop-back\"", "job = \"shop-undo\"");
    all.world.repository.write("trunkline.toml", &file);
    all.server.job("shop-undo", "echo undone to $JOB_BUILD");
    let (_, id) = all.promote("new").await;
    all.ended(id).await;
    let back = all.world.rollback().await;
    let back = all.ended(back).await;
    assert_eq!((back.state(), back.request.build), (DeploymentState::Succeeded, old));
    assert_eq!(all.world.log(back.id, 0).await, [format!("undone to {}", old.0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_by_hand_do_the_rollback_there() {
    let Some(mut all) = Elsewhere::open().await else { return };
    let (first, id) = all.promote("good").await;
    all.ended(id).await;
    let (_, id) = all.promote("bad").await;
    all.ended(id).await;
    let plan = all.world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    let by_hand = plan.by_hand.unwrap();
    all.world.stop().await;
    let script = by_hand.text(chrono::DateTime::UNIX_EPOCH, "this machine", &[]).join("\n");
    assert!(script.contains("DEPLOYER_TOKEN") && !script.contains(TOKEN), "{script}");
    let file = all.world.folder().join("by-hand.txt");
    std::fs::write(&file, &script).unwrap();
    let run = |token: Option<&str>| {
        let mut sh = Program::new("sh");
        sh.arg(&file)
            .env_remove("DEPLOYER_TOKEN")
            .envs(token.map(|token| ("DEPLOYER_TOKEN", token)));
        sh.output().unwrap()
    };
    let without = run(None);
    assert!(!without.status.success() && all.server.all_starts().len() == 2, "{without:?}");
    let wrong = run(Some("wrong"));
    assert!(!wrong.status.success() && all.server.all_starts().len() == 2, "{wrong:?}");
    let done = run(Some(TOKEN));
    assert!(done.status.success(), "{done:?}\n{script}");
    assert_eq!(done.stdout, b"All steps succeeded.\n");
    let starts = all.server.all_starts();
    let by_hand = starts.keys().find(|key| key.starts_with("by-hand-1-")).expect("it was started");
    let log = std::fs::read_to_string(all.server.run(by_hand).join("log")).unwrap();
    assert_eq!(log, format!("back to {}\n", first.0));
    all.server.job("shop-back", "exit 1");
    let failed = run(Some(TOKEN));
    let complaint = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(!failed.status.success() && complaint.contains("NOT DONE"), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_before_anything_was_sent_starts_nothing() {
    let Some(all) = Elsewhere::open().await else { return };
    let build = all.world.verified("a change").await;
    all.line.set(Fault::Refuse);
    let id = all.world.promote(build).await;
    let key = all.key(id).await;
    let cancel = Command::Cancel { deployment: id, reason: "a test".into() };
    all.world.command("raj", cancel).await.unwrap();
    let deployment = all.ended(id).await;
    assert_eq!(deployment.ended.unwrap().outcome, Outcome::Cancelled);
    all.line.set(Fault::Pass);
    assert_eq!((all.server.starts(&key), all.line.count("PUT")), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_runs_here_keeps_its_checkout_whatever_ran_the_promote() {
    let Some(server) = JobServer::if_python(Some(TOKEN)) else { return };
    server.job("shop", "echo promoted");
    let rollback = file().find("[[rollback.steps]]").expect("it has a rollback");
    let here = "[[rollback.steps]]\nname = \"release\"\nrun = \"cat page\"\n";
    let mut world = World::with_file(&(file()[..rollback].to_owned() + here));
    world.start_by_file(&settings(&server, &server.url(), "[\"shop\"]")).await;
    world.repository.write("page", "the good page");
    let good = world.verified("good").await;
    world.live(good).await;
    world.repository.write("page", "the bad page");
    let bad = world.verified("bad").await;
    world.live(bad).await;
    let kept = |s: &trunkline::domain::snapshot::ServiceSnapshot| {
        s.rollback.as_ref()?.by_hand.as_ref().filter(|by_hand| by_hand.checkout_kept).cloned()
    };
    world.until("the checkout is kept", kept).await;
    std::fs::rename(world.repository.path(), world.folder().join("gone")).unwrap();
    let back = world.rollback().await;
    assert_eq!(world.ended(back).await.state(), DeploymentState::Succeeded);
    assert_eq!(world.log(back, 0).await, ["the good page"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_steps_elsewhere_do_not_get_stops_none_of_them() {
    let Some(server) = JobServer::if_python(Some(TOKEN)) else { return };
    server.job("shop", "echo promoted");
    let wanting = file() + "[env]\npass = [\"TRUNK_TEST_ABSENT\"]\n";
    let staging = wanting.replace("verify = \"step:smoke\"", "verify = \"person\"");
    let mut world = World::with_file(&staging);
    world.start_by_file(&settings(&server, &server.url(), "[\"shop\"]")).await;
    let row = world.until_build("there is a build", |_| true).await;
    let plan = world.plan("raj", Action::Promote { build: row.build.number }).await.unwrap();
    assert!(plan.findings.iter().all(|finding| finding.guard != Guard::Variables), "{plan:#?}");
}
