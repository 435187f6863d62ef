//! What looks at an engine elsewhere: its token, its allow-list, its limits, and what did not change.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use trunkline::config::operator_files::OperatorFiles;
use trunkline::domain::deployment::DeploymentState;
use trunkline::domain::event::Outcome;
use trunkline::domain::remote::EngineName;
use trunkline::engine::RemoteTimes;
use trunkline::engine::runner::remote::{
    CallError, CallUrgency, EngineClient, Engines, NoEngine, check_engines,
};
use trunkline_testing::engine::{QUICK, World};
use trunkline_testing::github::{DispatchFault, GITHUB_TOKEN, GitHub};

/// The engines of a user file with one GitHub in it.
struct Operator {
    github: GitHub,
    folder: tempfile::TempDir,
    engines: Engines,
}

impl Operator {
    async fn new() -> Self {
        let (github, folder) = (GitHub::start().await, tempfile::tempdir().unwrap());
        let file = Some(OperatorFiles::new(&folder.path().join("config.toml"), None));
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
        self.write_at(&self.github.url(), settings);
    }

    fn write_at(&self, url: &str, settings: &str) {
        let token = self.token_file();
        let file = format!(
            "[engines.hub]\nurl = {url:?}\ntoken = {{ file = {:?} }}\n{settings}\n",
            token.display()
        );
        std::fs::write(self.folder.path().join("config.toml"), file).unwrap();
    }

    /// The settings for an engine at this address, for a service.
    fn settings_at(&self, url: &str) -> String {
        let token = self.token_file().display().to_string();
        format!(
            "[engines.hub]\nkind = \"github\"\nurl = {url:?}\ntoken = {{ file = {token:?} }}\nmay = [\"acme/shop\"]\n"
        )
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

/// What counts the requests to a GitHub, tells how many are left, and refuses more.
#[derive(Clone)]
struct Limit {
    upstream: String,
    state: Arc<Mutex<Counted>>,
}

struct Counted {
    left: u64,
    /// How many were refused.
    refused: u64,
    /// The seconds for which reads have to wait, by the next answer alone.
    retry_after: Option<u64>,
}

impl Limit {
    const HOURLY: u64 = 5_000;

    /// Its address is the other value.
    async fn before(github: &GitHub) -> (Self, String) {
        let counted = Counted { left: Self::HOURLY, refused: 0, retry_after: None };
        let limit = Self { upstream: github.url(), state: Arc::new(Mutex::new(counted)) };
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(limited).with_state(limit.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (limit, url)
    }

    fn leave(&self, left: u64) {
        self.state.lock().unwrap().left = left;
    }

    fn left(&self) -> u64 {
        self.state.lock().unwrap().left
    }

    fn refused(&self) -> u64 {
        self.state.lock().unwrap().refused
    }

    async fn forward(&self, request: Request) -> (StatusCode, HeaderMap, Bytes) {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let redirect = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().no_proxy().redirect(redirect).build().unwrap();
        let asked = client.request(parts.method, format!("{}{}", self.upstream, parts.uri));
        let answer = asked.headers(parts.headers).body(body).send().await.unwrap();
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        headers.remove("transfer-encoding");
        (status, headers, answer.bytes().await.unwrap())
    }
}

async fn limited(State(limit): State<Limit>, request: Request) -> Response {
    let (is_spent, retry_after) = {
        let mut state = limit.state.lock().unwrap();
        let (is_spent, retry_after) = (state.left == 0, state.retry_after.take());
        state.refused += u64::from(is_spent);
        (is_spent, retry_after)
    };
    let mut response = if is_spent || retry_after.is_some() {
        let why = json!({ "message": "You have exceeded a rate limit." });
        (StatusCode::FORBIDDEN, axum::Json(why)).into_response()
    } else {
        limit.forward(request).await.into_response()
    };
    let mut state = limit.state.lock().unwrap();
    // What did not change is free.
    if response.status() != StatusCode::NOT_MODIFIED {
        state.left = state.left.saturating_sub(1);
    }
    let reset = (Utc::now() + TimeDelta::minutes(40)).timestamp();
    let mut tell = |name: &'static str, value: u64| {
        response.headers_mut().insert(name, value.into());
    };
    tell("x-ratelimit-limit", Limit::HOURLY);
    tell("x-ratelimit-remaining", state.left);
    tell("x-ratelimit-reset", reset.unsigned_abs());
    if let Some(seconds) = retry_after {
        tell("retry-after", seconds);
    }
    response
}

/// The times of the product, for an impatient reader.
fn times() -> RemoteTimes {
    let (pace, settling) = (Duration::from_millis(20), Duration::from_millis(500));
    RemoteTimes { pace, settling, ..RemoteTimes::default() }
}

fn release(kind: &str) -> String {
    format!(
        "[[{kind}.steps]]\nname = \"release\"\ntimeout = \"1m\"\n\
         github = {{ engine = \"hub\", repository = \"acme/shop\", workflow = \"deploy.yml\", ref = \"main\" }}\n\
         inputs = {{ sha = \"{{sha}}\", kind = \"{{kind}}\", trunkline = \"{{run}}\" }}\n"
    )
}

/// A service whose production and rollback are workflows.
fn service() -> String {
    let file = QUICK.split("[[production.steps]]").next().unwrap().to_owned();
    file + &release("production") + &release("rollback")
}

/// Waits until the engine says so.
async fn until_problem(world: &World, said: &str) {
    let mut changes = world.handle().changes();
    loop {
        let problems = world.handle().fleet().problems;
        if problems.iter().any(|problem| problem.what.contains(said)) {
            return;
        }
        let change = tokio::time::timeout(Duration::from_mins(1), changes.changed()).await;
        change.unwrap_or_else(|_| panic!("not said: {said}; but {problems:?}")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_is_spent_still_rolls_back() {
    let operator = Operator::new().await;
    let (limit, url) = Limit::before(&operator.github).await;
    let mut world = World::with_file(&service());
    world.remote_times = times();
    world.start_by_file(&operator.settings_at(&url)).await;
    let good = world.verified("good").await;
    let good = world.live(good).await;
    operator.github.on_dispatch(|run| {
        if run.inputs["kind"] == "rollback" {
            run.succeeds("deploy", "back");
        } else {
            run.runs("deploy", "checkout");
        }
    });
    let bad = world.verified("bad").await;
    let bad = world.promote(bad).await;
    let run = operator.github.runs().len();
    operator.github.until("it runs", |github| github.runs().len() > run).await;
    // Nobody looks at the promote any more.
    limit.leave(90);
    let run = operator.github.runs()[1].id;
    operator.github.change(run, |run| run.runs("deploy", "migrate"));
    until_problem(&world, "its limit is nearly used up").await;
    let back = world.rollback().await;
    let back = world.ended(back).await;
    assert_eq!(back.state(), DeploymentState::Succeeded, "{back:#?}");
    assert_eq!(back.request.build, world.deployment(good).request.build);
    assert_eq!(world.ended(bad).await.ended.unwrap().outcome, Outcome::Cancelled);
    assert!(limit.refused() == 0 && limit.left() < 90, "{} left", limit.left());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_does_not_say_that_a_run_was_never_started() {
    let (operator, other) = (Operator::new().await, GitHub::start().await);
    let mut world = World::with_file(&service());
    world.remote_times = times();
    world.start_by_file(&operator.settings_at(&operator.github.url())).await;
    operator.github.dispatch(DispatchFault::BadGateway);
    operator.github.on_dispatch(|run| {
        run.is_listed = false;
        run.succeeds("deploy", "deployed");
    });
    let build = world.verified("a change").await;
    let id = world.promote(build).await;
    let run = operator.github.run().await;
    world.write_user_file(&operator.settings_at(&other.url()));
    until_problem(&world, "it was sent to another url than the settings have now").await;
    assert_eq!(other.count("GET", "/runs?"), 0, "it is not asked");
    operator.github.change(run, |run| run.is_listed = true);
    world.write_user_file(&operator.settings_at(&operator.github.url()));
    let deployment = world.ended(id).await;
    assert_eq!(deployment.state(), DeploymentState::Succeeded, "{deployment:#?}");
}

#[tokio::test]
async fn who_only_looks_leaves_the_last_requests_to_rollbacks() {
    let operator = Operator::new().await;
    let (limit, url) = Limit::before(&operator.github).await;
    operator.write_at(&url, "kind = \"github\"\nmay = [\"acme/shop\"]");
    limit.leave(202);
    let client = operator.client().await;
    for left in [201, 200] {
        // Another path each time: what did not change is free.
        assert!(client.read::<Value>(&format!("{WORKFLOWS}?page={left}")).await.is_ok());
        assert_eq!(limit.left(), left);
    }
    let why = client.read::<Value>(WORKFLOWS).await.unwrap_err();
    assert!(why.why().contains("what others deploy is seen again from"), "{why:?}");
    assert!(!why.again().is_zero(), "{why:?}");
    assert!(client.with_urgency(CallUrgency::Act).read::<Value>(WORKFLOWS).await.is_ok());
    assert_eq!(operator.statuses().len(), 3);
}

#[tokio::test]
async fn who_only_looks_waits_as_long_as_the_engine_says() {
    let operator = Operator::new().await;
    let (limit, url) = Limit::before(&operator.github).await;
    operator.write_at(&url, "kind = \"github\"\nmay = [\"acme/shop\"]");
    limit.state.lock().unwrap().retry_after = Some(120);
    let client = operator.client().await;
    for _ in 0..3 {
        let why = client.read::<Value>(WORKFLOWS).await.unwrap_err();
        assert!(why.why().contains("fewer requests"), "{why:?}");
        assert!(why.again() > Duration::from_mins(1), "{why:?}");
    }
    // Another engine of the file with the same address and token waits in the same line.
    let settings = std::fs::read_to_string(operator.folder.path().join("config.toml")).unwrap();
    let both = format!("{settings}{}", settings.replace("engines.hub", "engines.other"));
    std::fs::write(operator.folder.path().join("config.toml"), both).unwrap();
    let other = "other".parse().unwrap();
    let other = operator.engines.for_repository(&other, "acme/shop").await;
    let other = other.unwrap_or_else(|why| panic!("{why:?}"));
    assert!(other.read::<Value>(WORKFLOWS).await.is_err());
    assert_eq!(Limit::HOURLY - limit.left(), 1, "one request was made");
}

#[tokio::test]
async fn a_server_has_engines_of_its_own_and_what_they_tell_is_known() {
    let operator = Operator::new().await;
    let (_limit, url) = Limit::before(&operator.github).await;
    let user = operator.folder.path().join("config.toml");
    std::fs::write(&user, "poll = \"5s\"\n").unwrap();
    let server = operator.folder.path().join("server.toml");
    std::fs::write(&server, operator.settings_at(&url)).unwrap();
    assert!(operator.client().await.read::<Value>(WORKFLOWS).await.is_ok());
    let file = OperatorFiles::new(&user, None).load().unwrap();
    let [checked] = check_engines(&file, user, BTreeMap::new()).await.try_into().unwrap();
    assert_eq!((checked.answers, checked.file), (Ok(()), server.display().to_string()));
    let about = checked.about;
    assert_eq!(about.token, Some("a fine-grained personal token"));
    assert_eq!(about.left.map(|(left, limit, _)| (left, limit)), Some((4_997, 5_000)));
    assert!(about.ahead.is_some_and(|ahead| ahead.abs() < TimeDelta::minutes(1)), "{about:?}");
    // Another file that is named.
    std::fs::rename(&server, operator.folder.path().join("other.toml")).unwrap();
    let other = operator.folder.path().join("other.toml");
    let files = OperatorFiles::new(&operator.folder.path().join("config.toml"), Some(&other));
    let engines = Engines::new(Some(files), BTreeMap::new(), RemoteTimes::default());
    assert!(engines.for_repository(&hub(), "acme/shop").await.is_ok());
    assert!(matches!(
        operator.engines.for_repository(&hub(), "acme/shop").await,
        Err(NoEngine::Ever(_))
    ));
}
