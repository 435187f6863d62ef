//! A GitHub for tests, on this machine and as mean as the real one: runs that its list shows late, answers that get lost,
//! words that nobody knows, limits, and logs at another host.

mod routes;
mod run;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use self::run::{FakeJob, FakeRun, FakeStep};

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_mins(1);

/// The token that it wants.
pub const GITHUB_TOKEN: &str = "github_pat_11AAAA_4f9d8a7c6b5e4d3c";

/// What befalls dispatches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DispatchFault {
    #[default]
    Pass,
    /// Done, and answered with 502.
    BadGateway,
    /// Not done, and answered with 503 and a time to come again, as before acceptance.
    Unavailable,
    /// Done, and the number of the run is not told.
    NoDetails,
    /// Not done: the token lacks a permission.
    Forbidden,
    /// Not done, once: there were too many requests.
    LimitedOnce,
    /// The same, told by the number of requests that are left.
    SpentOnce,
}

/// What befalls the text of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LogFault {
    #[default]
    Pass,
    /// Once it breaks off after so many bytes.
    CutOnce(usize),
    /// It is sent on to this address instead.
    Elsewhere(String),
}

/// A request that came, and the status of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitHubRequest {
    pub method: String,
    /// With its query.
    pub path: String,
    pub status: u16,
}

/// It serves as long as the value lives.
pub struct GitHub {
    server: Arc<Server>,
    address: SocketAddr,
    serving: [JoinHandle<()>; 2],
}

type OnDispatch = Box<dyn Fn(&mut FakeRun) + Send>;

struct Server {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
    /// Where the texts of jobs are.
    storage: SocketAddr,
}

struct State {
    /// The runs by their numbers.
    runs: BTreeMap<u64, FakeRun>,
    /// The inputs of each workflow, by its file.
    workflows: BTreeMap<String, Vec<String>>,
    /// The texts of workflows, by their files.
    files: BTreeMap<String, String>,
    on_dispatch: OnDispatch,
    dispatch: DispatchFault,
    log: LogFault,
    seen: Vec<GitHubRequest>,
    /// What asked for the text of a job: whether it brought a token.
    downloads: Vec<bool>,
    shows_keys: bool,
}

impl GitHub {
    /// With `acme/shop`, whose `deploy.yml` takes `sha`, `kind` and `trunkline` and succeeds at once.
    pub async fn start() -> Self {
        let [api, storage] = [listener().await, listener().await];
        let address = api.local_addr().unwrap();
        let inputs = ["sha", "kind", "trunkline"].map(str::to_owned).to_vec();
        let state = State {
            runs: BTreeMap::new(),
            workflows: [("deploy.yml".to_owned(), inputs)].into(),
            files: BTreeMap::new(),
            on_dispatch: Box::new(|run| run.succeeds("deploy", "deployed")),
            dispatch: DispatchFault::Pass,
            log: LogFault::Pass,
            seen: Vec::new(),
            downloads: Vec::new(),
            shows_keys: true,
        };
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

    /// What a run does as soon as it was dispatched.
    pub fn on_dispatch(&self, then: impl Fn(&mut FakeRun) + Send + 'static) {
        self.state().on_dispatch = Box::new(then);
    }

    /// The text of `deploy.yml` on the branch.
    pub fn workflow(&self, text: &str) {
        self.state().files.insert("deploy.yml".into(), text.into());
    }

    pub fn dispatch(&self, fault: DispatchFault) {
        self.state().dispatch = fault;
    }

    pub fn logs(&self, fault: LogFault) {
        self.state().log = fault;
    }

    /// Whether the titles of runs show their keys from now on.
    pub fn show_keys(&self, shows: bool) {
        self.state().shows_keys = shows;
    }

    /// All runs, the oldest first.
    pub fn runs(&self) -> Vec<FakeRun> {
        self.state().runs.values().cloned().collect()
    }

    /// Changes a run.
    pub fn change(&self, id: u64, change: impl FnOnce(&mut FakeRun)) {
        change(self.state().runs.get_mut(&id).unwrap());
        self.server.changed();
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

    /// How many texts of jobs were asked for, and how many of these requests brought a token.
    pub fn downloads(&self) -> (usize, usize) {
        let state = self.state();
        (state.downloads.len(), state.downloads.iter().filter(|has_token| **has_token).count())
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
