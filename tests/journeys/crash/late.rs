//! `kill -9` of an engine that has given up a run at another one: whichever engine comes next sees it turn up, and cancels it.

use trunkline::backend::Backend as _;
use trunkline::domain::command::Command;
use trunkline::domain::deployment::{Deployment, DeploymentState};
use trunkline::domain::ids::{DeploymentId, IdempotencyKey};
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline_testing::faulty_proxy::{Fault, FaultyProxy, SeenRequest};
use trunkline_testing::home::Home;
use trunkline_testing::jobs::JobServer;
use trunkline_testing::repository::Repository;

use super::engine::Engine;
use super::shop::Shop;

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
    _repository: Repository,
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
        Some(Self { home, _repository: repository, server, line })
    }
}

/// The engine is killed while the run is on its way, and once more when it has turned up.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_appears_late_is_cancelled_whichever_engine_was_killed() {
    let Some(world) = World::open() else { return };
    world.server.job("shop", "echo begun; while [ ! -e open ]; do sleep 0.02; done");
    world.line.set(Fault::Unavailable { retry_after: 1 });
    let engine = Engine::start(&world.home);
    world.line.until_seen(|seen| seen.iter().any(|request| request.method == "PUT")).await;
    let sent = |s: &ServiceSnapshot| s.deployments.first().map(|row| row.deployment.clone());
    let sent = engine.until("it is sent", sent).await;
    let (id, run) = (sent.id, sent.sent(0).unwrap().key.to_string());
    // Once it is looked for again, the answer is known to be lost: the first look was answered, too.
    let is_look = |one: &&SeenRequest| one.method == "GET" && one.path.contains(&run);
    world.line.until_seen(|seen| seen.iter().filter(is_look).count() > 1).await;
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
