//! A GitHub for tests, on this machine and as mean as the real one: runs that its lists show late, answers that get lost,
//! words that nobody knows, limits, and logs at another host.

mod clock;
mod deployment;
mod environment;
mod fault;
mod git;
mod objects;
mod routes;
mod run;
mod scenes;
mod state;
mod workflow;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use self::clock::GitHubClock;
pub use self::deployment::{DeploymentOf, FakeDeployment, FakeDeploymentStatus};
pub use self::fault::{DispatchFault, LogFault};
pub use self::git::FakeGit;
pub use self::run::{FakeAttempt, FakeJob, FakeReview, FakeRun, FakeStep, RunOf};
pub use self::scenes::GitHubRunner;
use self::state::State;
pub use self::workflow::FakeWorkflow;

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_mins(1);

/// The token that it wants.
pub const GITHUB_TOKEN: &str = "github_pat_11AAAA_4f9d8a7c6b5e4d3c";
/// Whose token that is.
pub const GITHUB_LOGIN: &str = "trunkline-acme";
/// The repository that it has.
const REPOSITORY: &str = "acme/shop";

/// A request that came, and the status of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitHubRequest {
    pub method: String,
    /// With its query.
    pub path: String,
    pub status: u16,
}

/// It serves as long as the value lives. How a test plays with it is in `scenes`.
pub struct GitHub {
    server: Arc<Server>,
    address: SocketAddr,
    serving: [JoinHandle<()>; 2],
}

struct Server {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
    /// Where the texts of jobs are.
    storage: SocketAddr,
}

impl GitHub {
    /// With `acme/shop`, whose `deploy.yml` takes `sha`, `kind` and `trunkline` and succeeds at once.
    pub async fn start() -> Self {
        let [api, storage] = [listener().await, listener().await];
        let address = api.local_addr().unwrap();
        let clock = GitHubClock::default();
        let mut state = State {
            renewed_at: clock.now() + TimeDelta::hours(1),
            clock,
            repositories: [REPOSITORY.to_owned()].into(),
            tokens: [(GITHUB_TOKEN.to_owned(), GITHUB_LOGIN.to_owned())].into(),
            runs: BTreeMap::new(),
            frozen: None,
            lag: TimeDelta::zero(),
            workflows: Vec::new(),
            git: FakeGit::default(),
            deployments: Vec::new(),
            environments: Vec::new(),
            on_dispatch: Box::new(|run| run.succeeds("deploy", "deployed")),
            on_review: Box::new(|run| run.status = "in_progress".into()),
            dispatch: DispatchFault::Pass,
            log: LogFault::Pass,
            planned: Vec::new(),
            held: 0,
            let_go: 0,
            limited: None,
            left: BTreeMap::new(),
            between_pages: None,
            seen: Vec::new(),
            downloads: Vec::new(),
            strays: Vec::new(),
            shows_keys: true,
            is_odd: false,
        };
        let inputs = ["sha", "kind", "trunkline"].map(str::to_owned);
        state.workflow_mut(REPOSITORY, "deploy.yml").inputs = Some(inputs.into());
        let server = Arc::new(Server {
            state: Mutex::new(state),
            changes: watch::Sender::default(),
            storage: storage.local_addr().unwrap(),
        });
        let serve = |listener, router| {
            tokio::spawn(async move { axum::serve(listener, router).await.unwrap() })
        };
        let serving =
            [serve(api, routes::api(&server, address)), serve(storage, routes::storage(&server))];
        Self { server, address, serving }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All runs, the oldest first.
    pub fn runs(&self) -> Vec<FakeRun> {
        self.state().runs.values().cloned().collect()
    }

    /// All requests to the API, the oldest first.
    pub fn seen(&self) -> Vec<GitHubRequest> {
        self.state().seen.clone()
    }

    /// How many requests came with this method whose paths have this part.
    pub fn count(&self, method: &str, part: &str) -> usize {
        let seen = self.seen();
        seen.iter().filter(|r| r.method == method && r.path.contains(part)).count()
    }

    /// How many requests counted for the limit of the hour: all but those that nothing had changed for.
    pub fn spent(&self) -> usize {
        self.seen().iter().filter(|request| request.status != 304).count()
    }

    /// How many texts of jobs were asked for, and how many of these requests brought a token.
    pub fn downloads(&self) -> (usize, usize) {
        let state = self.state();
        (state.downloads.len(), state.downloads.iter().filter(|has_token| **has_token).count())
    }

    /// How many requests followed to the other host, and how many of these brought a token.
    pub fn strays(&self) -> (usize, usize) {
        let state = self.state();
        (state.strays.len(), state.strays.iter().filter(|has_token| **has_token).count())
    }

    /// Waits until what is here is as a test wants it.
    pub async fn until(&self, what: &str, is: impl Fn(&Self) -> bool) {
        let mut changes = self.server.changes.subscribe();
        let seen = async {
            while !is(self) {
                changes.changed().await.unwrap();
            }
        };
        let seen = tokio::time::timeout(PATIENCE, seen).await;
        assert!(seen.is_ok(), "not within a minute: {what}; runs: {:#?}", self.runs());
    }

    /// The number of the one run that there is, once it is there.
    pub async fn run(&self) -> u64 {
        self.until("a run is dispatched", |github| !github.runs().is_empty()).await;
        self.runs()[0].id
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.server.state.lock().unwrap()
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        self.serving.iter().for_each(JoinHandle::abort);
    }
}

impl Server {
    fn changed(&self) {
        self.changes.send_modify(|version| *version += 1);
    }
}

async fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}
