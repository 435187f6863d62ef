//! `kill -9` of an engine whose steps run at another one, over a line that loses answers: each run starts there once, and its
//! outcome and its whole log are here in the end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use trunkline::backend::Backend as _;
use trunkline::domain::command::Command;
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::ids::{DeploymentId, IdempotencyKey, Sha};
use trunkline::domain::log::{LogFrom, Stream};
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline_testing::dice::{Dice, Seed, number};
use trunkline_testing::faulty_proxy::{Fault, FaultyProxy};
use trunkline_testing::home::Home;
use trunkline_testing::jobs::JobServer;
use trunkline_testing::repository::Repository;

use super::engine::Engine;
use super::shop::Shop;

/// How many engines a plain `cargo test` kills; `TRUNKLINE_REMOTE_KILLS` sets another number.
const KILLS: u64 = 30;
/// How long after a merge an engine may be killed: by then its run has mostly ended.
const SPAN: Duration = Duration::from_millis(700);
/// The same after the engine answers again.
const SPAN_AFTER_START: Duration = Duration::from_millis(250);

const LINES: usize = 12;
const JOB: &str = "i=1
while [ $i -le 6 ]; do echo \"line $i\"; i=$((i + 1)); done
sleep 0.$((JOB_BUILD % 3))
while [ $i -le 12 ]; do echo \"line $i\"; i=$((i + 1)); done";

const FILE: &str = r#"
service = "checkout"
trunk = "main"
[[staging.steps]]
name = "release"
http = { engine = "deployer", job = "shop" }
inputs = { sha = "{sha}", run = "{run}" }
"#;

const TOKEN: &str = "tok_4f9d8a7c6b5e4d3c";

struct World {
    home: Home,
    repository: Repository,
    server: JobServer,
    line: FaultyProxy,
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the engine said:\n{}", super::engine::log(&self.home));
        }
    }
}

impl World {
    /// `None` where the server of jobs cannot run, which is said.
    fn open() -> Option<Self> {
        let server = JobServer::if_python(Some(TOKEN))?;
        server.job("shop", JOB);
        let line = FaultyProxy::before(server.address());
        let (home, repository) = (Home::new(), Repository::new());
        repository.write("trunkline.toml", FILE);
        repository.commit_all("Ann", "ann@example.com", "begin");
        let token = server.token_file().display().to_string();
        let settings = format!(
            "poll = \"50ms\"\n[engines.deployer]\nkind = \"http\"\nurl = \"{}\"\ntoken = {{ file = \"{token}\" }}\nmay = [\"shop\"]\n",
            line.url()
        );
        home.watch_repository(repository.path(), &settings);
        Some(Self { home, repository, server, line })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_killed_at_every_instant_starts_each_run_once() {
    let (kills, seed) = (number("TRUNKLINE_REMOTE_KILLS").unwrap_or(KILLS), Seed::of_this_run());
    let Some(world) = World::open() else { return };
    let mut dice = Dice::of(seed.0);
    let mut engine = Engine::start(&world.home);
    let (begun, mut killed, mut rounds) = (Instant::now(), 0, 0);
    let mut ends: BTreeMap<&str, u32> = BTreeMap::new();
    while killed < kills {
        rounds += 1;
        let content = dice.roll().to_string();
        let sha = world.repository.commit_by("Ann", "ann@example.com", "change", &content, "more");
        let fault = match dice.below(10) {
            0..3 => Fault::LoseAnswer,
            3 => Fault::BadGateway,
            4 => Fault::Refuse,
            _ => Fault::Pass,
        };
        world.line.set(fault);
        let mut span = SPAN;
        for _ in 0..=dice.below(3) {
            tokio::time::sleep(dice.within(span)).await;
            engine.kill();
            killed += 1;
            if dice.chance(70) {
                world.line.set(Fault::Pass);
            }
            engine = Engine::start(&world.home);
            span = SPAN_AFTER_START;
        }
        world.line.set(Fault::Pass);
        let deployment = ended(&engine, &sha).await;
        *ends.entry(deployment.state().as_str()).or_default() += 1;
        judge(&world, &engine, &deployment).await;
    }
    engine.stop();
    let starts = world.server.all_starts();
    assert!(starts.values().all(|count| *count == 1), "{starts:?}");
    println!(
        "{killed} engines killed over {rounds} merges and {} runs in {:?}: {ends:?}; each run started once",
        starts.len(),
        begun.elapsed()
    );
}

/// The engine is killed while the run is on its way, and once more when it has turned up.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_appears_late_is_cancelled_whichever_engine_was_killed() {
    let Some(world) = World::open() else { return };
    world.server.job("shop", "echo begun; while [ ! -e open ]; do sleep 0.02; done");
    let engine = Engine::start(&world.home);
    world.line.set(Fault::Unavailable { retry_after: 1 });
    world.repository.commit_by("Ann", "ann@example.com", "change", "late", "more");
    world.line.until_seen(|seen| seen.iter().any(|request| request.method == "PUT")).await;
    let sent = |s: &ServiceSnapshot| s.deployments.first().map(|row| row.deployment.clone());
    let sent = engine.until("it is sent", sent).await;
    let (id, run) = (sent.id, sent.sent(0).unwrap().key.to_string());
    // The answer is known to be lost once somebody looks for the run.
    world.line.until_seen(|seen| seen.iter().any(|request| request.method == "GET")).await;
    let cancel = Command::Cancel { deployment: id, reason: "a test".into() };
    engine.remote().command(&Shop::service(), cancel, key()).await.unwrap();
    world.line.set(Fault::Pass);
    let state = |s: &ServiceSnapshot| row(s, id).filter(|d| !d.is_open()).map(Deployment::state);
    assert_eq!(engine.until("it was given up", state).await, DeploymentState::Interrupted);
    engine.kill();
    let body = serde_json::json!({
        "job": "shop", "service": "checkout", "environment": "staging", "build": 1, "sha": "3f2a9c1",
        "previous_sha": null, "kind": "auto", "deployment": id.to_string(), "by": "trunkline", "inputs": {},
    });
    let put = reqwest::Client::builder().no_proxy().build().unwrap();
    let put = put.put(format!("{}/runs/{run}", world.server.url())).bearer_auth(TOKEN).json(&body);
    assert!(put.send().await.unwrap().status().is_success());
    world.server.until_started(&run).await;
    let engine = Engine::start(&world.home);
    let late = |s: &ServiceSnapshot| row(s, row(s, id)?.sent(0)?.late?).cloned();
    let there = engine.until("it turned up", late).await;
    engine.kill();
    let engine = Engine::start(&world.home);
    let ended = |s: &ServiceSnapshot| row(s, there.id).filter(|late| !late.is_open()).cloned();
    let ended = engine.until("it has ended", ended).await;
    assert_eq!(ended.state(), DeploymentState::Cancelled, "{ended:#?}");
    world.server.until_ended(&run).await;
    assert_eq!(world.server.starts(&run), 1);
    engine.stop();
}

fn row(snapshot: &ServiceSnapshot, id: DeploymentId) -> Option<&Deployment> {
    snapshot.deployments.iter().map(|row| &row.deployment).find(|deployment| deployment.id == id)
}

fn key() -> IdempotencyKey {
    IdempotencyKey::try_from(uuid::Uuid::new_v4().to_string()).unwrap()
}

/// The deployment of a commit, once it has ended.
async fn ended(engine: &Engine, sha: &Sha) -> Deployment {
    let of_commit = |snapshot: &ServiceSnapshot| {
        let build = snapshot.builds.iter().find(|row| row.build.sha == *sha)?;
        let id = build.build.staging?;
        let mut rows = snapshot.deployments.iter().map(|row| &row.deployment);
        rows.find(|deployment| deployment.id == id && !deployment.is_open()).cloned()
    };
    engine.until("the deployment has ended", of_commit).await
}

/// It has succeeded, its run started once, and its log is whole.
async fn judge(world: &World, engine: &Engine, deployment: &Deployment) {
    let id = deployment.id;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    let key = deployment.runs[0].key.to_string();
    assert_eq!(world.server.starts(&key), 1, "{key}");
    let page = engine
        .remote()
        .log(&Shop::service(), id, 0, LogFrom::After(0), 1 << 20, Duration::ZERO)
        .await
        .unwrap();
    let lines = page.lines().filter(|line| line.stream != Stream::Note);
    let lines: Vec<_> =
        lines.map(|line| String::from_utf8_lossy(&line.text).into_owned()).collect();
    let expected: Vec<_> = (1..=LINES).map(|number| format!("line {number}")).collect();
    assert_eq!(lines, expected, "{key}");
}
