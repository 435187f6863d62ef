//! What looks at an engine elsewhere: its token, its allow-list, its limits, and what did not change.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use trunkline::domain::remote::EngineName;
use trunkline::engine::RemoteTimes;
use trunkline::engine::runner::remote::{CallError, EngineClient, Engines, NoEngine};
use trunkline_testing::github::{GITHUB_TOKEN, GitHub};

/// The engines of a user file with one GitHub in it.
struct Operator {
    github: GitHub,
    folder: tempfile::TempDir,
    engines: Engines,
}

impl Operator {
    async fn new() -> Self {
        let (github, folder) = (GitHub::start().await, tempfile::tempdir().unwrap());
        let file = Some(folder.path().join("config.toml"));
        let engines = Engines::new(file, BTreeMap::new(), RemoteTimes::default());
        let operator = Self { github, folder, engines };
        operator.write_token(GITHUB_TOKEN);
        operator.write("kind = \"github\"\nmay = [\"acme/shop\"]");
        operator
    }

    fn token_file(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    fn write_token(&self, token: &str) {
        std::fs::write(self.token_file(), token).unwrap();
    }

    /// The engine with these settings beside its address and its token.
    fn write(&self, settings: &str) {
        let (url, token) = (self.github.url(), self.token_file());
        let file = format!(
            "[engines.hub]\nurl = {url:?}\ntoken = {{ file = {:?} }}\n{settings}\n",
            token.display()
        );
        std::fs::write(self.folder.path().join("config.toml"), file).unwrap();
    }

    async fn client(&self) -> EngineClient {
        self.engines
            .for_repository(&hub(), "acme/shop")
            .await
            .unwrap_or_else(|why| panic!("{why:?}"))
    }

    /// Somebody else starts a run.
    async fn dispatch(&self) {
        let url = format!("{}{WORKFLOWS}/deploy.yml/dispatches", self.github.url());
        let request = reqwest::Client::builder().no_proxy().build().unwrap().post(url);
        let request = request.bearer_auth(GITHUB_TOKEN).header("user-agent", "a test");
        let answer = request.json(&json!({ "ref": "main", "inputs": {} })).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// The statuses of all answers, the oldest first.
    fn statuses(&self) -> Vec<u16> {
        self.github.seen().iter().map(|request| request.status).collect()
    }
}

fn hub() -> EngineName {
    "hub".parse().unwrap()
}

const WORKFLOWS: &str = "/repos/acme/shop/actions/workflows";

#[tokio::test]
async fn what_did_not_change_is_sent_once_to_all_who_look() {
    let operator = Operator::new().await;
    let first = operator.client().await.read::<Value>(WORKFLOWS).await.unwrap().unwrap();
    assert_eq!((first.value["total_count"].as_u64(), first.at.is_some()), (Some(1), true));
    let again = operator.client().await.read::<Value>(WORKFLOWS).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&first.value, &again.value), "it is known that it is the same");
    assert_eq!(operator.statuses(), [200, 304]);
    let run = format!("{WORKFLOWS}/deploy.yml/runs?created=%3E%3D2026-11-30T00:00:00Z");
    let runs = operator.client().await.read::<Value>(&run).await.unwrap().unwrap();
    operator.dispatch().await;
    let more = operator.client().await.read::<Value>(&run).await.unwrap().unwrap();
    assert!(runs.value != more.value, "{more:?}");
    let none = operator.client().await.read::<Value>("/repos/acme/none").await.unwrap();
    assert!(none.is_none(), "{none:?}");
}

#[tokio::test]
async fn only_what_the_operator_allows_is_looked_at() {
    let operator = Operator::new().await;
    let refused = |engine: &'static str, repository: &'static str| {
        let name = engine.parse().unwrap();
        let engines = &operator.engines;
        async move {
            match engines.for_repository(&name, repository).await {
                Err(NoEngine::Ever(why)) => why,
                Err(NoEngine::Now(why)) => panic!("{why}"),
                Ok(_) => panic!("{repository} may be looked at"),
            }
        }
    };
    let why = refused("hub", "acme/other").await;
    assert!(why.contains("does not let services see \"acme/other\" at hub"), "{why}");
    let why = refused("other", "acme/shop").await;
    assert!(why.contains("has no [engines.other]"), "{why}");
    operator.write("kind = \"http\"\nmay = [\"acme/shop\"]");
    let why = refused("hub", "acme/shop").await;
    assert!(why.contains("of kind http, and has no repositories"), "{why}");
    assert_eq!(operator.github.seen(), []);
}

#[tokio::test]
async fn a_token_that_was_replaced_counts_at_once() {
    let operator = Operator::new().await;
    operator.write_token("github_pat_old");
    let client = operator.client().await;
    operator.write_token(GITHUB_TOKEN);
    assert!(client.read::<Value>(WORKFLOWS).await.unwrap().is_some());
    assert_eq!(operator.statuses(), [401, 200]);
    operator.write_token("github_pat_other");
    assert!(client.read::<Value>(WORKFLOWS).await.unwrap().is_some(), "it is read once a minute");
    assert_eq!(operator.statuses(), [401, 200, 304]);
}

#[tokio::test]
async fn a_token_that_is_refused_is_not_sent_twice() {
    let operator = Operator::new().await;
    operator.write_token("github_pat_old");
    let refused = operator.client().await.read::<Value>(WORKFLOWS).await;
    let Err(CallError::Refused { why, .. }) = refused else { panic!("{refused:?}") };
    assert!(why.contains("Bad credentials") && !why.contains("old"), "{why}");
    assert_eq!(operator.statuses(), [401]);
}
