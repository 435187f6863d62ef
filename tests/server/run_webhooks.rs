//! Webhooks of GitHub about runs: the engine asks for the run at once, and whatever is in them is read.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::ids::Environment;
use trunkline::domain::snapshot::ServiceSnapshot;
use trunkline::engine::RemoteTimes;
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::github::{GITHUB_TOKEN, GitHub, RunOf};
use trunkline_testing::proofs::installed;

use crate::webhooks::GithubForge;

/// What GitHub tells of runs.
const OF_RUNS: [&str; 5] =
    ["workflow_run", "workflow_job", "deployment", "deployment_status", "deployment_review"];
/// Longer than a test: without a webhook, the engine does not look again.
const NEVER: Duration = Duration::from_hours(1);

/// A world whose production is a workflow at this GitHub, which is asked once and then never again by itself.
async fn open(github: &GitHub, staging: &str) -> World {
    let start = &QUICK[..QUICK.find("[[staging.steps]]").unwrap()];
    let verify = if staging.contains("observe") { "staging" } else { "step:smoke" };
    let start = start.replace("step:smoke", verify);
    let step = "name = \"release\"\n\
        github = { engine = \"github\", repository = \"acme/shop\", workflow = \"deploy.yml\", ref = \"main\", job = \"deploy\" }\n\
        inputs = { sha = \"{sha}\", trunkline = \"{run}\" }\n";
    let file = format!("{start}{staging}[[production.steps]]\n{step}[[rollback.steps]]\n{step}");
    let mut world = World::with_file(&file);
    world.remote_times = RemoteTimes { pace: NEVER, calm: Some(NEVER), ..RemoteTimes::default() };
    let token = world.folder().join("token");
    std::fs::write(&token, GITHUB_TOKEN).unwrap();
    let token = token.display().to_string();
    let settings = format!(
        "poll = \"50ms\"\n[engines.github]\nkind = \"github\"\nurl = \"{}\"\ntoken = {{ file = {token:?} }}\nmay = [\"acme/shop\"]\n",
        github.url()
    );
    world.start_by_file(&settings).await;
    world
}

fn repository(name: &str) -> Value {
    json!({ "repository": {
        "full_name": name,
        "clone_url": format!("https://github.com/{name}.git"),
        "ssh_url": null,
    } })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_github_tells_of_a_run_makes_the_engine_look_at_it_at_once() {
    let github = GitHub::start().await;
    let staging = &QUICK[QUICK.find("[[staging.steps]]").unwrap()..];
    let staging = &staging[..staging.find("[[production.steps]]").unwrap()];
    let world = open(&github, staging).await;
    let forge = GithubForge::of(&world).await;
    for event in OF_RUNS {
        assert_eq!(forge.send(event, event, &repository("acme/shop")).await, "not_followed");
    }
    for event in OF_RUNS {
        github.on_dispatch(|run| run.runs("deploy", "checkout"));
        let build = world.verified(event).await;
        let before = github.runs().len();
        let id = world.promote(build).await;
        github.until("it is dispatched", |github| github.runs().len() > before).await;
        let run = github.runs().pop().unwrap().id;
        let jobs = format!("/actions/runs/{run}/jobs");
        github.until("it is looked at", |github| github.count("GET", &jobs) == 1).await;
        github.succeed(run, "deploy");
        let (name, other) = (format!("{event}-of-another"), repository("acme/web"));
        assert_eq!(forge.send(&name, event, &other).await, "not_followed");
        let name = format!("{event}-at-last");
        // The name of a repository is the same in capital letters.
        assert_eq!(forge.send(&name, event, &repository("Acme/Shop")).await, "woke_runs");
        assert_eq!(forge.send(&name, event, &repository("Acme/Shop")).await, "repeated");
        let deployment = world.ended(id).await;
        assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
    }
}

/// Staging is what CI deploys there.
const OBSERVED: &str = r#"
[staging.observe]
github = { engine = "github", repository = "acme/shop", workflow = "deploy-staging.yml", jobs = ["deploy"], event = "push", branch = "main" }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_others_deploy_is_seen_at_once_when_github_tells_of_it() {
    let github = GitHub::start().await;
    let world = open(&github, OBSERVED).await;
    let forge = GithubForge::of(&world).await;
    github.until("it is looked at", |github| github.count("GET", "/actions/runs") > 0).await;
    // Nobody can take it for one that was over before the first look.
    github.move_clock(TimeDelta::minutes(1));
    for event in ["workflow_run", "workflow_job", "deployment_status"] {
        let sha = world.repository.commit(event).to_string();
        let row = world.until_build("it is a build", |row| row.build.subject() == event).await;
        let run = github.push_run(RunOf { sha: &sha, ..RunOf::default() });
        github.succeed(run, "deploy");
        assert_eq!(forge.send(event, event, &repository("acme/shop")).await, "woke_runs");
        let build = row.build.number;
        let is_live = |snapshot: &ServiceSnapshot| {
            let live = snapshot.live.get(&Environment::Staging)?;
            (live.build == build).then_some(())
        };
        world.until("it is seen in staging", is_live).await;
    }
}

/// The payloads that GitHub publishes, each with its event.
fn published() -> Option<Vec<(String, Value)>> {
    let file =
        installed("TRUNKLINE_GITHUB_WEBHOOKS", "reading the payloads that GitHub publishes")?;
    let events: Vec<Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let of_event = |event: &Value| {
        let name = event["name"].as_str().unwrap().to_owned();
        let examples = event["examples"].as_array().unwrap().clone();
        examples.into_iter().map(move |example| (name.clone(), example))
    };
    Some(events.iter().flat_map(of_event).collect())
}

/// The same with nothing at all in the places that are read.
fn emptied(payload: &Value) -> Vec<Value> {
    let with = |name: &str, value: Value| {
        let mut payload = payload.clone();
        payload[name] = value;
        payload
    };
    let fields = payload["repository"].as_object().cloned().unwrap_or_default();
    let nothing: Map<_, _> = fields.keys().map(|name| (name.clone(), Value::Null)).collect();
    let odd: Map<_, _> = fields.keys().map(|name| (name.clone(), json!([""]))).collect();
    let repositories = [Value::Null, json!(7), nothing.into(), odd.into()];
    let mut all: Vec<_> = repositories.into_iter().map(|one| with("repository", one)).collect();
    all.extend([with("sender", Value::Null), json!({}), json!([]), Value::Null]);
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_payload_that_github_publishes_is_read_whatever_is_empty_in_it() {
    let Some(published) = published() else { return };
    let world = World::open(QUICK).await;
    let forge = GithubForge::of(&world).await;
    assert!(published.len() >= 261, "{}", published.len());
    for event in OF_RUNS {
        assert!(published.iter().any(|(name, _)| name == event), "{event}");
    }
    let mut number = 0;
    for (event, payload) in published {
        let expected = match event.as_str() {
            "push" => "not_watched",
            event if OF_RUNS.contains(&event) => "not_followed",
            _ => "not_a_push",
        };
        let odd = emptied(&payload);
        for payload in [payload].iter().chain(&odd) {
            number += 1;
            // What is no success fails in there.
            let result = forge.send(&number.to_string(), &event, payload).await;
            assert_eq!(result, expected, "{event}: {payload}");
        }
    }
}
