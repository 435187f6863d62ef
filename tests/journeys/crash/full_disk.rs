//! An error at every durable write: disks that are full from one byte on, and files that are in the way.
//!
//! A full disk is the engine's own limit on the size of a file, which needs no privileges and stops root too.

use std::fs;
use std::path::Path;
use std::process;
use std::time::Duration;

use rusqlite::Connection;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use trunkline::backend::remote::Remote;
use trunkline::backend::{Backend as _, BackendError};
use trunkline::domain::command::{Action, Command, Refusal};
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::event::Fact;
use trunkline::domain::ids::{BuildNumber, DeploymentId, Environment, IdempotencyKey, Seq};
use trunkline::engine::runner::local::run::RunFolder;

use super::clients::execution;
use super::engine::{Engine, PATIENCE};
use super::history::{History, is_sound};
use super::shop::Shop;
use super::supervisors::supervisor;
use trunkline_testing::dice::number;

/// By how many bytes the limit rises from point to point; `TRUNKLINE_LIMIT_STEP` sets another number.
const STEP: u64 = 4_500;
/// Without waiting for news.
const NOW: Duration = Duration::ZERO;

/// Notes that it ran by a folder, which no limit on files can stop.
const SCRIPT: &str = r#"#!/bin/sh
mkdir -p 'RAN.d'
mkdir "RAN.d/$TRUNKLINE_DEPLOYMENT $1" || exit 9
i=1
while [ $i -le 12 ]; do echo "line $i"; i=$((i + 1)); done
while [ -e 'GATE' ]; do sleep 0.01; done
"#;

/// A shop with two builds, of which production has the second, and an engine that a signal about a full disk does
/// not end.
struct Full {
    shop: Shop,
    engine: Engine,
    builds: [BuildNumber; 2],
}

impl Full {
    async fn new() -> Self {
        let shop = Shop::with_step(SCRIPT);
        let mut command = process::Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_trunkline")]);
        command.arg("serve").current_dir(shop.home.path("")).envs(shop.home.environment());
        let mut engine = Engine::begin_as(&shop.home, command);
        engine.until_it_answers(&shop.home);
        let first = verified(&engine, 1).await;
        shop.repository.commit("another");
        let second = verified(&engine, 2).await;
        let full = Self { shop, engine, builds: [first, second] };
        for build in full.builds {
            let id = full.act(Action::Promote { build }).await.unwrap();
            assert_eq!(full.ended(id).await, DeploymentState::Succeeded);
        }
        full
    }

    fn remote(&self) -> &Remote {
        self.engine.remote()
    }

    /// From now on no file of the engine or of what it starts grows beyond this; `None` takes the limit away, also
    /// from the supervisors that were started with it.
    fn limit(&self, bytes: Option<u64>) {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(self.engine.pid()), Resource::Fsize, limit).unwrap();
        if bytes.is_none() {
            self.limit_supervisor(None);
        }
    }

    fn limit_supervisor(&self, bytes: Option<u64>) -> Option<Pid> {
        let (supervisor, _) = supervisor(&self.shop.runs())?;
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(supervisor), Resource::Fsize, limit).ok().map(|_| supervisor)
    }

    /// What would change production now: back to the first build, or on to the second.
    async fn next_action(&self) -> Action {
        let live = self.engine.snapshot().await.live;
        let live = live.values().next_back().map(|live| live.build);
        if live == Some(self.builds[1]) {
            Action::Rollback { to: Some(self.builds[0]) }
        } else {
            Action::Promote { build: self.builds[1] }
        }
    }

    async fn act(&self, action: Action) -> Option<DeploymentId> {
        let command = execution(self.remote(), action).await?;
        let answer = self.remote().command(&Shop::service(), command, key()).await;
        answer.ok()?.deployment
    }

    async fn ended(&self, id: DeploymentId) -> DeploymentState {
        self.engine
            .until("the deployment has ended", |snapshot| {
                let mut rows = snapshot.deployments.iter().map(|row| &row.deployment);
                let ended = rows.find(|deployment| deployment.id == id)?;
                (!ended.is_open()).then(|| ended.state())
            })
            .await
    }

    /// The run of the first step of the deployment that the next command becomes.
    async fn next_run(&self) -> RunFolder {
        let events = self.remote().events(None, Seq(0), 10_000, NOW).await.unwrap();
        RunFolder::of(&self.shop.runs(), DeploymentId(events.last().unwrap().seq.0 + 1), 0)
    }

    /// How often a deployment's first step ran.
    fn ran(&self, id: DeploymentId) -> usize {
        usize::from(self.shop.home.path("ran.d").join(format!("{} 0", id.0)).exists())
    }
}

fn key() -> IdempotencyKey {
    IdempotencyKey::try_from(uuid::Uuid::new_v4().to_string()).unwrap()
}

async fn verified(engine: &Engine, number: u64) -> BuildNumber {
    engine
        .until("the build is verified", |snapshot| {
            let row = snapshot.builds.iter().find(|row| row.build.number.0 == number)?;
            row.build.verifications.first().map(|_| row.build.number)
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_somewhere_in_a_promote_leaves_it_done_or_not_done() {
    let full = Box::pin(Full::new()).await;
    let step = number("TRUNKLINE_LIMIT_STEP").unwrap_or(STEP);
    let (mut limit, mut points) = (0, 0);
    while !Box::pin(one_point(&full, limit)).await {
        (limit, points) = (limit + step, points + 1);
    }
    println!("{points} points, a whole one at {limit} bytes");
    assert!(points > 3, "the disk was hardly ever full");
    let Full { shop, engine, .. } = full;
    engine.stop();
    drop(History::read(&shop));
}

/// Promotes or rolls back on a disk that is full from `limit` on; whether nothing of that was felt.
async fn one_point(full: &Full, limit: u64) -> bool {
    println!("the disk is full from byte {limit} on");
    let action = full.next_action().await;
    let command = execution(full.remote(), action).await.unwrap();
    start_a_new_log(full);
    full.limit(Some(limit));
    let (key, service) = (key(), Shop::service());
    let answer = full.remote().command(&service, command.clone(), key.clone()).await;
    let kept = full.remote().receipt(&key).await.expect("reads go on");
    let felt = match &answer {
        Ok(receipt) => {
            assert_eq!(kept.as_ref(), Some(receipt), "what was answered is there");
            said_or_ended(full, receipt.deployment.unwrap()).await
        }
        Err(error) => {
            assert_eq!(kept, None, "not done, so it was said: {error}");
            true
        }
    };
    if felt {
        until_said(full).await;
    }
    assert_eq!(full.engine.snapshot().await.service, service, "reads go on");
    full.limit(None);
    let id = match answer {
        Ok(receipt) => receipt.deployment,
        // The same key again: it was not done, and is now, unless the same plan is not good any more.
        Err(_) => full.remote().command(&service, command, key).await.unwrap().deployment,
    };
    let id = id.unwrap();
    let state = full.ended(id).await;
    let ran = full.ran(id);
    assert!(ran == 1 || state == DeploymentState::Failed, "{id} {state:?} ran {ran} times");
    until_well(full).await;
    is_sound(&full.shop.database());
    !felt && state == DeploymentState::Succeeded
}

/// Has the database begin at the start of its companion file, so that the limit counts from there.
fn start_a_new_log(full: &Full) {
    let connection = Connection::open(full.shop.database()).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

/// Waits for trouble or for the end of the deployment, whichever comes first; whether it was trouble.
async fn said_or_ended(full: &Full, id: DeploymentId) -> bool {
    let trouble = until_said(full);
    let end = full.ended(id);
    tokio::select! {
        biased;
        _ = end => !full.engine.fleet().await.problems.is_empty(),
        () = trouble => true,
    }
}

async fn until_said(full: &Full) {
    until_problems(full, "the trouble is said", |are_none| !are_none).await;
}

async fn until_well(full: &Full) {
    until_problems(full, "the trouble is over", |are_none| are_none).await;
}

/// Waits to be told: who asks without a pause takes the time of the engine that is waited for.
async fn until_problems(full: &Full, what: &str, is: impl Fn(bool) -> bool) {
    let waiting = async {
        let mut fleet = full.engine.fleet().await;
        while !is(fleet.problems.is_empty()) {
            let known = Some(fleet.version.clone());
            let news = full.remote().fleet(known, Duration::from_secs(1)).await.unwrap();
            fleet = news.unwrap_or(fleet);
        }
    };
    let told = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(told.is_ok(), "not within a minute: {what}: {:#?}", full.engine.fleet().await.problems);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_answered_on_a_full_disk_and_recorded_once_that_takes_it() {
    let full = Box::pin(Full::new()).await;
    let (service, remote) = (Shop::service(), full.remote());
    let (environment, reason) = (Environment::Production, "errors".to_owned());
    remote.command(&service, Command::Hold { environment, reason }, key()).await.unwrap();
    let action = Action::Promote { build: full.builds[1] };
    let fingerprint = remote.plan(&service, action).await.unwrap().fingerprint;
    let command = Command::Execute { action, fingerprint, overrides: [].into() };
    start_a_new_log(&full);
    full.limit(Some(0));
    let answer = remote.command(&service, command, key()).await;
    let Err(BackendError::Refused(refusal @ Refusal::Policy { .. })) = answer else {
        panic!("{answer:?}");
    };
    until_said(&full).await;
    full.limit(None);
    until_well(&full).await;
    let events = remote.events(None, Seq(0), 10_000, NOW).await.unwrap();
    let Fact::Refused { sentence, .. } = &events.last().unwrap().fact else { panic!("{events:?}") };
    assert_eq!(*sentence, refusal.to_string());
    let Full { shop, engine, .. } = full;
    engine.stop();
    is_sound(&shop.database());
}

/// A folder with something in it cannot be written over by anybody, root included.
fn obstruct(path: &Path) {
    fs::create_dir_all(path.join("in the way")).unwrap();
}

/// What of a run cannot be written, what becomes of its deployment, and how often its step runs.
const OBSTACLES: [(&str, DeploymentState, usize); 5] = [
    ("lock", DeploymentState::Failed, 0),
    ("spec.json", DeploymentState::Failed, 0),
    ("started.json", DeploymentState::Interrupted, 0),
    ("group.json", DeploymentState::Succeeded, 1),
    ("log", DeploymentState::Succeeded, 1),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_run_that_cannot_be_written_ends_its_deployment_in_one_way() {
    let full = Box::pin(Full::new()).await;
    for (file, wanted, times) in OBSTACLES {
        let run = full.next_run().await;
        obstruct(&run.path().join(file));
        let id = full.act(full.next_action().await).await.unwrap();
        assert_eq!(run, RunFolder::of(&full.shop.runs(), id, 0));
        assert_eq!((file, full.ended(id).await), (file, wanted));
        assert_eq!((file, full.ran(id)), (file, times));
    }
    let run = full.next_run().await;
    fs::write(run.path().parent().unwrap(), "a file where the folder of all runs should be")
        .unwrap();
    let id = full.act(full.next_action().await).await.unwrap();
    assert_eq!((full.ended(id).await, full.ran(id)), (DeploymentState::Failed, 0));
    full.engine.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_a_full_disk_does_not_take_is_kept_until_it_does() {
    let full = Box::pin(Full::new()).await;
    fs::write(full.shop.gate(), "").unwrap();
    let id = full.act(full.next_action().await).await.unwrap();
    let run = RunFolder::of(&full.shop.runs(), id, 0);
    let written = || fs::read_to_string(run.log()).unwrap_or_default();
    trunkline_testing::home::until("the step has written", || written().contains("line 12"));
    let supervisor = full.limit_supervisor(Some(0)).expect("it runs");
    fs::remove_file(full.shop.gate()).unwrap();
    trunkline_testing::home::until("the step has ended", || full.shop.living().is_empty());
    assert_eq!(run.status().unwrap(), None, "the disk is full");
    let limit = Rlimit { current: None, maximum: None };
    prlimit(Some(supervisor), Resource::Fsize, limit).unwrap();
    assert_eq!((full.ended(id).await, full.ran(id)), (DeploymentState::Succeeded, 1));
    full.engine.stop();
}
