//! Steps at GitHub Actions: each workflow is dispatched once, whatever becomes of the answer, the list or this engine.

use std::net::SocketAddr;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use trunkline::backend::Backend as _;
use trunkline::config::user_file::UserFile;
use trunkline::domain::command::{Action, Command};
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::event::{Event, Fact, Outcome};
use trunkline::domain::ids::{DeploymentId, Seq};
use trunkline::domain::log::{LogFrom, Stream};
use trunkline::domain::plan::{Guard, Severity};
use trunkline::domain::remote::{FoundBy, Waits};
use trunkline::engine::RemoteTimes;
use trunkline::engine::runner::remote::check_engines;
use trunkline_testing::engine::{QUICK, World, refusal};
use trunkline_testing::faulty_proxy::{Fault, FaultyProxy};
use trunkline_testing::github::{DispatchFault, FakeRun, GITHUB_TOKEN, GitHub, LogFault};

/// The times of the product, for an impatient reader.
pub(crate) const TIMES: RemoteTimes = RemoteTimes {
    pace: Duration::from_millis(20),
    calm: None,
    settling: Duration::from_millis(500),
    grace: Duration::from_millis(200),
    log: Duration::from_millis(500),
    late: Duration::from_millis(100),
    late_within: Duration::from_mins(10),
    live: Duration::from_secs(30),
    undeployed: Duration::from_mins(10),
};

/// A service whose production and rollback are workflows.
pub(crate) fn file(more: &str) -> String {
    let start = QUICK.find("[[production.steps]]").expect("it has production");
    let step = |kind: &str| {
        format!(
            "name = \"release\"\n\
             github = {{ engine = \"github\", repository = \"acme/shop\", workflow = \"deploy.yml\", ref = \"main\", job = \"deploy\" }}\n\
             inputs = {{ sha = \"{{sha}}\", kind = \"{kind}\", trunkline = \"{{run}}\" }}\n{more}\n"
        )
    };
    format!(
        "{}[[production.steps]]\n{}[[rollback.steps]]\n{}",
        &QUICK[..start],
        step("{kind}"),
        step("rollback")
    )
}

/// A world whose engine reaches GitHub over a line that may be bad.
pub(crate) struct Actions {
    pub world: World,
    pub github: GitHub,
    pub line: FaultyProxy,
}

impl Actions {
    pub async fn open() -> Self {
        Self::with(&file("timeout = \"1m\""), "").await
    }

    /// With this service file, and the API below this path.
    pub async fn with(file: &str, path: &str) -> Self {
        let github = GitHub::start().await;
        let address = github.address();
        Self::before(github, address, file, path).await
    }

    /// With an engine that asks a GitHub at this address.
    pub async fn before(github: GitHub, address: SocketAddr, file: &str, path: &str) -> Self {
        let line = FaultyProxy::before(address);
        let mut world = World::with_file(file);
        world.remote_times = TIMES;
        std::fs::write(world.folder().join("token"), GITHUB_TOKEN).unwrap();
        let settings = settings(&world, &format!("{}{path}", line.url()), "[\"acme/shop\"]");
        world.start_by_file(&settings).await;
        Self { world, github, line }
    }

    pub async fn promote(&self) -> DeploymentId {
        let build = self.world.verified(&uuid::Uuid::new_v4().to_string()).await;
        self.world.promote(build).await
    }

    /// A promote to its end.
    pub async fn promoted(&self) -> Deployment {
        let id = self.promote().await;
        self.world.ended(id).await
    }

    /// A promote whose run does this as soon as it was dispatched.
    async fn promoted_when(&self, run: impl Fn(&mut FakeRun) + Send + 'static) -> Deployment {
        self.github.on_dispatch(run);
        self.promoted().await
    }

    /// A promote whose run is in its first step.
    pub async fn running(&self) -> (DeploymentId, u64) {
        self.github.on_dispatch(|run| run.runs("deploy", "checkout"));
        let id = self.promote().await;
        (id, self.github.run().await)
    }

    /// The facts of a deployment about its runs.
    pub(super) async fn facts(&self, id: DeploymentId) -> Vec<Fact> {
        let all = self.events().await;
        let is_of_run = |event: &Event| match event.fact {
            Fact::RunSent { deployment, .. }
            | Fact::RunFound { deployment, .. }
            | Fact::RunWaits { deployment, .. } => deployment == id,
            _ => false,
        };
        all.into_iter().filter(is_of_run).map(|event| event.fact).collect()
    }

    pub(super) async fn events(&self) -> Vec<Event> {
        self.world.handle().events(None, Seq(0), 10_000).await.unwrap()
    }

    /// The lines of the log of the one step: what the jobs printed, and trunkline's own notes.
    pub async fn log(&self, id: DeploymentId) -> (Vec<String>, Vec<String>) {
        let backend = self.world.backend("raj");
        let (mut printed, mut notes, mut cursor) = (Vec::new(), Vec::new(), 0);
        loop {
            let (from, wait) = (LogFrom::After(cursor), Duration::from_secs(20));
            let service = &self.world.service;
            let page = backend.log(service, id, 0, from, 1, wait).await.unwrap();
            for line in page.lines() {
                let to = if line.stream == Stream::Note { &mut notes } else { &mut printed };
                to.push(String::from_utf8_lossy(&line.text).into_owned());
            }
            cursor = page.next;
            if page.ended {
                return (printed, notes);
            }
        }
    }

    /// What a deployment waits for, once it waits.
    pub async fn waits(&self, id: DeploymentId) -> Waits {
        let waits = |snapshot: &trunkline::domain::snapshot::ServiceSnapshot| {
            let row = snapshot.deployments.iter().find(|row| row.deployment.id == id)?;
            row.deployment.sent(0)?.waits.clone()
        };
        self.world.until("the run waits", waits).await
    }
}

pub(crate) fn settings(world: &World, url: &str, may: &str) -> String {
    let token = world.folder().join("token").display().to_string();
    format!(
        "poll = \"50ms\"\n[engines.github]\nkind = \"github\"\nurl = \"{url}\"\ntoken = {{ file = {token:?} }}\nmay = {may}\n"
    )
}

/// How a run ends.
type RunEnd = fn(&mut FakeRun);

fn sent(facts: &[Fact]) -> usize {
    facts.iter().filter(|fact| matches!(fact, Fact::RunSent { .. })).count()
}

fn found(facts: &[Fact]) -> Option<FoundBy> {
    facts.iter().find_map(|fact| match fact {
        Fact::RunFound { how, .. } => Some(*how),
        _ => None,
    })
}

fn trouble(deployment: &Deployment) -> String {
    deployment.trouble().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_runs_with_its_inputs_its_page_and_its_log() {
    let all = Actions::open().await;
    let deployment = all.promoted().await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    let runs = all.github.runs();
    let (sha, key) = (&deployment.request.sha, &deployment.sent(0).unwrap().key);
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].inputs["sha"], sha.to_string());
    assert_eq!(runs[0].inputs["kind"], "promote");
    assert_eq!(runs[0].inputs["trunkline"], key.to_string());
    let run = deployment.sent(0).unwrap().run.as_ref().unwrap();
    assert_eq!(run.id, runs[0].id.to_string());
    assert!(run.page.as_ref().is_some_and(|page| page.ends_with("/actions/runs/881")), "{run:?}");
    let facts = all.facts(deployment.id).await;
    assert_eq!((sent(&facts), found(&facts)), (1, Some(FoundBy::Answer)), "{facts:?}");
    let (printed, notes) = all.log(deployment.id).await;
    assert_eq!((printed, notes), (vec!["deployed".into()], vec!["the log of job deploy:".into()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_looked_for_and_never_sent_again() {
    let all = Actions::open().await;
    for (fault, line) in [
        (DispatchFault::BadGateway, Fault::Pass),
        (DispatchFault::NoDetails, Fault::Pass),
        (DispatchFault::Pass, Fault::LoseAnswer),
    ] {
        let before = all.github.runs().len();
        all.github.dispatch(fault.clone());
        all.line.set(line);
        let deployment = all.promoted().await;
        assert_eq!(deployment.state(), DeploymentState::Succeeded, "{fault:?}: {deployment:#?}");
        assert_eq!(all.github.runs().len() - before, 1, "{fault:?}");
        let facts = all.facts(deployment.id).await;
        assert_eq!((sent(&facts), found(&facts)), (1, Some(FoundBy::Search)), "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_appears_late_is_found_and_one_that_never_does_is_left_to_a_person() {
    let all = Actions::open().await;
    all.github.dispatch(DispatchFault::BadGateway);
    all.github.on_dispatch(|run| {
        run.is_listed = false;
        run.succeeds("deploy", "deployed");
    });
    let id = all.promote().await;
    let run = all.github.run().await;
    all.github.until("it is looked for", |github| github.count("GET", "/runs?") > 1).await;
    all.github.change(run, |run| run.is_listed = true);
    let deployment = all.world.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");

    let deployment = all.promoted().await;
    let why = trouble(&deployment);
    assert!(matches!(deployment.ended.as_ref().unwrap().outcome, Outcome::Interrupted(_)), "{why}");
    assert!(why.contains("look there before you try again"), "{why}");
    assert_eq!((all.github.runs().len(), sent(&all.facts(deployment.id).await)), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_cannot_take_a_dispatch_may_have_taken_it() {
    let all = Actions::open().await;
    all.github.dispatch(DispatchFault::Unavailable);
    let deployment = all.promoted().await;
    let outcome = deployment.ended.as_ref().unwrap().outcome.clone();
    assert!(matches!(outcome, Outcome::Interrupted(_)), "{outcome:?}");
    assert_eq!(all.github.count("POST", "/dispatches"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_certainly_not_sent_goes_out_later() {
    let all = Actions::open().await;
    for fault in [DispatchFault::LimitedOnce, DispatchFault::SpentOnce] {
        let (runs, posts) = (all.github.runs().len(), all.github.count("POST", "/dispatches"));
        all.github.dispatch(fault.clone());
        let deployment = all.promoted().await;
        assert_eq!(deployment.state(), DeploymentState::Succeeded, "{fault:?}: {deployment:#?}");
        assert_eq!(all.github.count("POST", "/dispatches") - posts, 2, "{fault:?}");
        assert_eq!(all.github.runs().len() - runs, 1, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_is_wrong_and_which_permission_is_missing() {
    let all = Actions::open().await;
    all.github.dispatch(DispatchFault::Forbidden);
    let why = trouble(&all.promoted().await);
    assert!(why.contains("not accessible by personal access token"), "{why}");
    assert!(why.contains("needs actions=write"), "{why}");
    all.github.dispatch(DispatchFault::Pass);
    for (from, to, said) in [
        ("sha = ", "version = ", "Unexpected inputs provided: [\"version\"]"),
        ("ref = \"main\"", "ref = \"trunk\"", "No ref found for: trunk"),
        ("deploy.yml", "nothing.yml", "Actions: write"),
    ] {
        all.world.repository.write("trunkline.toml", &file("").replace(from, to));
        let why = trouble(&all.promoted().await);
        assert!(why.contains(said), "{why}");
    }
    std::fs::write(all.world.folder().join("token"), "wrong").unwrap();
    all.world.repository.write("trunkline.toml", &file(""));
    let why = trouble(&all.promoted().await);
    assert!(why.contains("Bad credentials") && !why.contains("wrong"), "{why}");
    assert_eq!(all.github.runs().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_nobody_knows_is_no_success() {
    let all = Actions::open().await;
    let cases: [(RunEnd, &str); 8] = [
        (|run| run.ends("exploded"), "ended as exploded"),
        (|run| run.status = "completed".into(), "ended as  at github"),
        (|run| run.ends("skipped"), "ended as skipped at github: no job ran"),
        (|run| run.ends("startup_failure"), "the workflow file is wrong"),
        (|run| run.ends("success"), "it has no job \"deploy\""),
        (
            |run| {
                run.job_ends("deploy", "skipped", None);
                run.ends("success");
            },
            "ended as skipped at github: job deploy did not run, so nothing was deployed",
        ),
        (
            |run| {
                run.runs("deploy", "checkout");
                run.runs("deploy", "migrate");
                run.job_ends("deploy", "failure", Some("no table"));
                run.ends("failure");
            },
            "failed at github: job deploy, step 2 \"migrate\"",
        ),
        // Evicted from its concurrency group: nobody here asked for that.
        (|run| run.ends("cancelled"), "cancelled at github: by somebody there, or by another run"),
    ];
    for (end, said) in cases {
        let deployment = all.promoted_when(end).await;
        let why = trouble(&deployment);
        assert_eq!(deployment.state(), DeploymentState::Failed, "{said}");
        assert!(why.contains(said), "{said}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_a_state_that_nobody_knows_is_watched_until_it_ends() {
    let all = Actions::open().await;
    all.github.on_dispatch(|run| run.status = "pondering".into());
    let id = all.promote().await;
    let run = all.github.run().await;
    all.github.until("it is looked at", |github| github.count("GET", "/runs/881") > 3).await;
    all.github.change(run, |run| run.succeeds("deploy", "deployed"));
    assert_eq!(all.world.ended(id).await.state(), DeploymentState::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_matrix_or_a_called_workflow_deploys_only_if_all_of_it_did() {
    let all = Actions::open().await;
    let deployment = all
        .promoted_when(|run| {
            run.job_ends("deploy (eu)", "success", Some("eu"));
            run.job_ends("deploy / us", "success", Some("us"));
            run.job_ends("deployed", "skipped", None);
            run.ends("success");
        })
        .await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    let deployment = all
        .promoted_when(|run| {
            run.job_ends("deploy (eu)", "success", Some("eu"));
            run.job_ends("deploy (us)", "skipped", None);
            run.ends("success");
        })
        .await;
    assert_eq!(deployment.state(), DeploymentState::Failed, "{deployment:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_attempt_counts_and_not_a_later_one() {
    let all = Actions::open().await;
    let deployment = all
        .promoted_when(|run| {
            run.job_ends("deploy", "failure", Some("no table"));
            run.ends("failure");
            run.again();
        })
        .await;
    assert_eq!(deployment.state(), DeploymentState::Failed, "{deployment:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_leaves_for_another_host() {
    let all = Actions::open().await;
    let deployment = all.promoted().await;
    assert_eq!(all.log(deployment.id).await.0, ["deployed"]);
    assert_eq!(all.github.downloads(), (1, 0), "one, without a token");
    // A log at an address in the clear, on another machine, is not asked for.
    all.github.logs(LogFault::Elsewhere("http://192.0.2.1/blob".into()));
    let deployment = all.promoted().await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "a log is no reason to fail");
    let (printed, notes) = all.log(deployment.id).await;
    assert!(printed.is_empty() && notes.concat().contains("not safe to ask"), "{notes:?}");
    // The API itself is not followed anywhere.
    let other = FaultyProxy::before(all.github.address());
    all.line.set(Fault::Redirect { to: other.url() });
    let why = trouble(&all.promoted().await);
    assert!(why.contains("the repository was renamed or moved"), "{why}");
    assert_eq!(other.seen(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_remote_run_is_whole_and_once_after_any_crash() {
    let mut all = Actions::open().await;
    let text: Vec<_> =
        (1..=2_000).map(|n| format!("line {n} of a job that prints a lot")).collect();
    let (id, run) = all.running().await;
    all.github.change(run, |run| run.job_ends("build", "success", Some("built\nand tested")));
    all.github.until("the text is asked for", |github| github.downloads().0 > 0).await;
    all.world.stop().await;
    let long = text.join("\n");
    // GitHub tells whole seconds: of two jobs that ended in one, the order is not known.
    all.github.move_clock(TimeDelta::seconds(1));
    all.github.change(run, |run| run.succeeds("deploy", &long));
    all.github.logs(LogFault::CutOnce(70_000));
    all.world.start_by_file_as_it_is().await;
    assert_eq!(all.world.ended(id).await.state(), DeploymentState::Succeeded);
    let (printed, notes) = all.log(id).await;
    let expected: Vec<_> =
        ["built", "and tested"].map(str::to_owned).into_iter().chain(text).collect();
    assert!(printed == expected, "{} lines: {:?}", printed.len(), printed.first());
    let began = "job deploy: step 1 of 1 \"checkout\" began";
    assert_eq!(notes, [began, "the log of job build:", "the log of job deploy:"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_shows_which_step_of_the_workflow_runs() {
    let all = Actions::open().await;
    let (id, run) = all.running().await;
    let noted = |step: &'static str| {
        let backend = all.world.backend("raj");
        let service = all.world.service.clone();
        async move {
            let (mut cursor, mut text) = (0, String::new());
            while !text.contains(step) {
                let (from, wait) = (LogFrom::After(cursor), Duration::from_secs(5));
                let page = backend.log(&service, id, 0, from, 1 << 16, wait).await.unwrap();
                assert!(!page.ended, "{text}");
                cursor = page.next;
                text += &String::from_utf8_lossy(&page.bytes);
            }
        }
    };
    noted("step 1 of 1 \"checkout\" began").await;
    all.github.change(run, |run| run.runs("deploy", "migrate"));
    noted("step 2 of 2 \"migrate\" began").await;
    all.github.change(run, |run| run.succeeds("deploy", "done"));
    assert_eq!(all.world.ended(id).await.state(), DeploymentState::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_answer_is_not_sent_again() {
    let all = Actions::open().await;
    let (id, run) = all.running().await;
    let unchanged = |github: &GitHub| github.seen().iter().filter(|r| r.status == 304).count();
    all.github.until("nothing changes", |github| unchanged(github) > 5).await;
    all.github.change(run, |run| run.succeeds("deploy", "done"));
    assert_eq!(all.world.ended(id).await.state(), DeploymentState::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_without_this_engine_and_is_found_again() {
    let mut all = Actions::open().await;
    let (id, run) = all.running().await;
    all.github.until("it is looked at", |github| github.count("GET", "/runs/881") > 0).await;
    all.world.stop().await;
    all.github.change(run, |run| run.succeeds("deploy", "done"));
    all.world.start_by_file_as_it_is().await;
    assert_eq!(all.world.ended(id).await.state(), DeploymentState::Succeeded);
    assert_eq!(all.github.runs().len(), 1);
    assert_eq!(all.log(id).await.0, ["done"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_was_stopped_looks_after_no_run_any_more() {
    let mut all = Actions::open().await;
    let (id, run) = all.running().await;
    all.github.hold_next("GET", "/logs");
    all.github.change(run, |run| run.succeeds("deploy", "done"));
    all.github.until("the first engine asks for the log", GitHub::holds).await;
    all.world.stop().await;
    all.world.start_by_file_as_it_is().await;
    assert_eq!(all.world.ended(id).await.state(), DeploymentState::Succeeded);
    all.github.let_go();
    // Time enough for an engine that went on to write what it was given.
    all.promoted_when(|run| run.succeeds("deploy", "next")).await;
    assert_eq!(all.log(id).await.0, ["done"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_for_a_review_stops_the_clocks_and_is_said() {
    let all = Actions::with(&file("timeout = \"2s\"\nstart_within = \"2s\""), "").await;
    let (id, run) = all.running().await;
    all.github.until("it is seen to run", |github| github.count("GET", "/jobs?") > 2).await;
    all.github.change(run, |run| {
        run.job_ends("deploy", "success", None);
        run.status = "waiting".into();
        run.pending = vec![json!({
            "environment": { "name": "production" },
            "wait_timer": 0,
            "wait_timer_started_at": null,
            "current_user_can_approve": null,
            "reviewers": [
                { "type": "User", "reviewer": { "login": "ann" } },
                { "type": "Team", "reviewer": { "slug": "ops", "name": "Ops" } },
                { "type": "User", "reviewer": null },
            ],
        })];
    });
    let by = ["@ann", "team ops"].map(str::to_owned).to_vec();
    assert_eq!(all.waits(id).await, Waits::Approval { environment: "production".into(), by });
    // Longer than it may run: each look comes 20 ms after the one before, or later.
    let looks = 120 + all.github.count("GET", "/pending_deployments");
    let waits = |github: &GitHub| github.count("GET", "/pending_deployments") > looks;
    all.github.until("time passes", waits).await;
    all.github.change(run, |run| {
        run.pending.clear();
        run.runs("deploy", "checkout");
    });
    let resumed = |snapshot: &trunkline::domain::snapshot::ServiceSnapshot| {
        let row = snapshot.deployments.iter().find(|row| row.deployment.id == id)?;
        row.deployment.sent(0)?.waits.is_none().then_some(())
    };
    all.world.until("it goes on", resumed).await;
    all.github.change(run, |run| run.succeeds("deploy", "done"));
    let deployment = all.world.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    let events = all.events().await;
    let said: Vec<_> = events
        .iter()
        .filter(|event| matches!(event.fact, Fact::RunWaits { .. }))
        .map(Event::sentence)
        .collect();
    assert_eq!(
        said,
        [
            format!("{id} step 1 waits for a review by @ann or team ops (environment production)"),
            format!("{id} step 1 waits no more"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_waited_for_longer_than_the_step_says() {
    let all = Actions::with(&file("wait_within = \"300ms\""), "").await;
    all.github.on_dispatch(|run| {
        run.status = "waiting".into();
        run.conclusion = None;
        run.pending = vec![json!({
            "environment": { "name": "production" },
            "reviewers": [{ "type": "User", "reviewer": { "login": "ann" } }],
        })];
    });
    let deployment = all.promoted().await;
    let why = trouble(&deployment);
    assert!(
        why.contains(
            "it waited at github for a review by @ann (environment production) for longer"
        ),
        "{why}"
    );
    assert_eq!(all.github.runs()[0].cancels, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_behind_another_is_queued_like_any_other() {
    let all = Actions::with(&file("start_within = \"300ms\""), "").await;
    all.github.on_dispatch(|run| {
        run.status = "pending".into();
        run.conclusion = None;
    });
    let why = trouble(&all.promoted().await);
    assert!(why.contains("it did not start at github within"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_does_not_start_or_takes_too_long_is_ended() {
    let all = Actions::with(&file("start_within = \"200ms\"\ntimeout = \"300ms\""), "").await;
    let why = trouble(&all.promoted_when(|_| {}).await);
    assert!(why.contains("it did not start at github within"), "{why}");
    let why = trouble(&all.promoted_when(|run| run.runs("deploy", "checkout")).await);
    assert!(why.contains("timed out"), "{why}");
    assert_eq!(all.github.runs().iter().map(|run| run.cancels).collect::<Vec<_>>(), [1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_ends_and_one_that_does_not_hear_is_forced() {
    let all = Actions::open().await;
    for hears in [true, false] {
        let before = all.github.runs().len();
        all.github.on_dispatch(move |run| {
            run.hears = hears;
            run.runs("deploy", "checkout");
        });
        let id = all.promote().await;
        all.github.until("it runs", |github| github.runs().len() > before).await;
        let cancel = Command::Cancel { deployment: id, reason: "a test".into() };
        all.world.command("raj", cancel).await.unwrap();
        let deployment = all.world.ended(id).await;
        assert_eq!(deployment.ended.unwrap().outcome, Outcome::Cancelled, "{hears}");
        let run = all.github.runs().pop().unwrap();
        assert_eq!((run.cancels, run.forces), (1, u32::from(!hears)), "{hears}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_follows_a_cancelled_promote() {
    let all = Actions::open().await;
    let good = all.promoted().await;
    all.github.on_dispatch(|run| {
        if run.inputs["kind"] == "rollback" {
            run.succeeds("deploy", "back");
        } else {
            run.runs("deploy", "checkout");
        }
    });
    let bad = all.promote().await;
    all.github.until("it runs", |github| github.runs().len() == 2).await;
    let back = all.world.rollback().await;
    let back = all.world.ended(back).await;
    assert_eq!(back.state(), DeploymentState::Succeeded, "{back:#?}");
    assert_eq!(back.request.build, good.request.build);
    assert_eq!(all.world.ended(bad).await.ended.unwrap().outcome, Outcome::Cancelled);
    assert_eq!(all.github.runs()[2].inputs["sha"], good.request.sha.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enterprise_server_is_not_asked_for_what_it_refuses() {
    let all = Actions::with(&file(""), "/api/v3").await;
    let deployment = all.promoted().await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    let facts = all.facts(deployment.id).await;
    assert_eq!((sent(&facts), found(&facts)), (1, Some(FoundBy::Search)), "{facts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_key_a_lost_answer_is_left_to_a_person_at_once() {
    let all = Actions::with(&file("").replace(", trunkline = \"{run}\"", ""), "").await;
    let deployment = all.promoted().await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "the answer names the run");
    all.github.dispatch(DispatchFault::BadGateway);
    let deployment = all.promoted().await;
    let why = trouble(&deployment);
    assert!(why.contains("no input of the step has {run}"), "{why}");
    assert_eq!(sent(&all.facts(deployment.id).await), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_does_not_show_the_key_is_named_as_the_reason() {
    let all = Actions::open().await;
    all.github.show_keys(false);
    all.github.dispatch(DispatchFault::BadGateway);
    let why = trouble(&all.promoted().await);
    assert!(why.contains("the run-name of its workflow has to show the key"), "{why}");
    assert_eq!(all.github.runs().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_for_its_next_machine_has_started() {
    let all = Actions::with(&file("start_within = \"200ms\""), "").await;
    all.github.on_dispatch(|run| {
        run.job_ends("build", "success", Some("built"));
        run.job("deploy");
    });
    let id = all.promote().await;
    let run = all.github.run().await;
    // Longer than it may wait for its start.
    all.github.until("time passes", |github| github.count("GET", "/runs/881/jobs") > 40).await;
    all.github.change(run, |run| run.succeeds("deploy", "deployed"));
    let deployment = all.world.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    assert_eq!(all.log(id).await.0, ["built", "deployed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_names_the_permission_that_is_missing_and_starts_nothing() {
    let all = Actions::open().await;
    let path = all.world.user_file();
    let check = async || {
        let file = UserFile::load(&path).unwrap();
        let mut checks =
            check_engines(&file, path.clone(), std::collections::BTreeMap::new()).await;
        checks.remove(0).answers
    };
    assert_eq!(check().await, Ok(()));
    all.github.dispatch(DispatchFault::Forbidden);
    let why = check().await.unwrap_err();
    assert!(why.contains("Actions of acme/shop") && why.contains("needs actions=read"), "{why}");
    all.world.write_user_file(&settings(&all.world, &all.line.url(), "[\"acme/other\"]"));
    let why = check().await.unwrap_err();
    assert!(why.contains("acme/other cannot be seen with this token"), "{why}");
    std::fs::write(all.world.folder().join("token"), "wrong").unwrap();
    all.world.write_user_file(&settings(&all.world, &all.line.url(), "[\"acme/*\"]"));
    let why = check().await.unwrap_err();
    assert!(why.contains("Bad credentials"), "{why}");
    assert_eq!(all.github.count("POST", ""), 0);
}

/// A `gh` that notes what it was asked, and whose run ends as the file `exit` says.
pub(crate) const GH: &str = r#"#!/bin/sh
cd "$(dirname "$0")" && echo "$*" >>asked
case "$*" in
  "run list "*"-L 1 "*) echo 880 ;;
  "run list "*) [ -e lost ] && rm lost && exit 1; echo 881 ;;
  *"status,conclusion"*) cat state ;;
  *"--json jobs"*) cat deployed ;;
esac
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_by_hand_start_the_rollback_with_gh() {
    let mut all = Actions::open().await;
    let good = all.promoted().await;
    all.promoted().await;
    let plan = all.world.plan("raj", Action::Rollback { to: None }).await.unwrap();
    all.world.stop().await;
    let by_hand = plan.by_hand.unwrap();
    let script = by_hand.text(chrono::DateTime::UNIX_EPOCH, "this machine", &[]).join("\n");
    assert!(!script.contains(GITHUB_TOKEN) && !script.contains("GITHUB_TOKEN"), "{script}");
    let folder = all.world.folder().join("bin");
    std::fs::create_dir(&folder).unwrap();
    trunkline_testing::write_script(&folder.join("gh"), GH);
    std::fs::write(folder.join("script"), &script).unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let host = all.line.url().replace("http://", "");
    let repository = format!("{host}/acme/shop");
    for (state, deployed, is_done, said) in [
        ("completed success", "true", true, ""),
        ("completed success", "false", false, "whether it deployed is not known"),
        ("completed failure", "true", false, "run 881 ended as failure"),
    ] {
        std::fs::write(folder.join("state"), state).unwrap();
        std::fs::write(folder.join("deployed"), deployed).unwrap();
        std::fs::write(folder.join("asked"), "").unwrap();
        // A look that fails is no end.
        std::fs::write(folder.join("lost"), "").unwrap();
        let mut sh = std::process::Command::new("sh");
        let done = sh.arg(folder.join("script")).env("PATH", &path).output().unwrap();
        assert_eq!(done.status.success(), is_done, "{done:?}\n{script}");
        assert!(String::from_utf8_lossy(&done.stderr).contains(said), "{done:?}");
        let asked = std::fs::read_to_string(folder.join("asked")).unwrap();
        let started: Vec<_> = asked.lines().filter(|line| line.starts_with("workflow")).collect();
        let start = format!(
            "workflow run deploy.yml -R {repository} -r main -f kind=rollback -f sha={} -f trunkline=by-hand-",
            good.request.sha
        );
        let [one] = started.as_slice() else { panic!("{started:?}") };
        let key = one.strip_prefix(&start).unwrap_or_else(|| panic!("{one}"));
        assert!(asked.contains(&format!("contains(\"by-hand-{key}\")")), "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_repositories_that_the_operator_allows_are_asked() {
    let all = Actions::open().await;
    let build = all.world.verified("a change").await;
    let url = all.line.url();
    for (settings, said) in [
        (
            settings(&all.world, &url, "[\"acme/other\"]"),
            "does not let services start \"acme/shop\"",
        ),
        (
            settings(&all.world, &url, "[\"acme/shop\"]").replace("\"github\"", "\"http\""),
            "is of kind http, and the step wants github",
        ),
    ] {
        all.world.write_user_file(&settings);
        let plan = all.world.plan("raj", Action::Promote { build }).await.unwrap();
        let found = plan.findings.iter().find(|finding| finding.guard == Guard::Engine).unwrap();
        assert!(found.severity == Severity::Refuse && found.sentence.contains(said), "{found:?}");
        refusal(all.world.execute("raj", &plan).await);
    }
    assert_eq!(all.github.seen(), []);
}
