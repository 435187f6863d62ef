//! Jenkins, Buildkite and `CircleCI` for tests, on this machine: as much of each as a preset asks, by what their makers describe. They
//! list runs late, forget what they queued, and use words that nobody knows, if a test wants it.

mod buildkite;
mod circleci;
mod jenkins;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::PATIENCE;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Whose API it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VendorKind {
    Jenkins,
    Buildkite,
    CircleCi,
}

/// A run there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorRun {
    pub number: u64,
    pub job: String,
    /// What it was given.
    pub given: BTreeMap<String, String>,
    pub has_begun: bool,
    /// The word for how it ended.
    pub end: Option<String>,
    /// The word for how it stands meanwhile, if not the usual.
    pub stands: Option<String>,
    pub log: String,
    /// Whether the lists show it.
    pub is_listed: bool,
    /// Whether the queue has forgotten it.
    pub is_forgotten: bool,
}

impl VendorRun {
    pub fn begins(&mut self, log: &str) {
        self.has_begun = true;
        self.log.push_str(log);
    }

    /// It has begun, and ends with this word.
    pub fn ends(&mut self, word: &str, log: &str) {
        self.begins(log);
        self.end = Some(word.to_owned());
    }
}

/// It serves as long as the value lives.
pub struct Vendor {
    server: Arc<Server>,
    serving: JoinHandle<()>,
}

type OnStart = Box<dyn Fn(&mut VendorRun) + Send>;
type Answer = (StatusCode, Value);

struct Server {
    kind: VendorKind,
    address: SocketAddr,
    state: Mutex<VendorState>,
    changes: watch::Sender<u64>,
}

struct VendorState {
    runs: Vec<VendorRun>,
    on_start: OnStart,
    /// The method and the path of each request.
    seen: Vec<(String, String)>,
}

/// A request, taken apart.
struct Asked<'a> {
    method: &'a str,
    path: Vec<&'a str>,
    query: BTreeMap<String, String>,
    headers: &'a HeaderMap,
    body: Value,
}

impl Vendor {
    pub async fn start(kind: VendorKind) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let state = VendorState { runs: Vec::new(), on_start: Box::new(|_| {}), seen: Vec::new() };
        let server = Arc::new(Server {
            kind,
            address: listener.local_addr().unwrap(),
            state: Mutex::new(state),
            changes: watch::Sender::default(),
        });
        let router = Router::new().fallback(serve).with_state(server.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { server, serving }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// What stands before each path.
    pub fn prefix(&self) -> &'static str {
        match self.server.kind {
            VendorKind::Jenkins => "",
            VendorKind::Buildkite => "/v2/organizations/acme",
            VendorKind::CircleCi => "/api/v2",
        }
    }

    /// The token that it wants, as its user writes it down.
    pub fn token(&self) -> &'static str {
        match self.server.kind {
            VendorKind::Jenkins => "deployer:11aa22bb33cc44dd55",
            VendorKind::Buildkite => "bkua_4f9d8a7c6b5e4d3c",
            VendorKind::CircleCi => "CCIPAT_4f9d8a7c6b5e4d3c",
        }
    }

    /// The job that it has.
    pub fn job(&self) -> &'static str {
        match self.server.kind {
            VendorKind::Jenkins => "team/shop",
            VendorKind::Buildkite => "shop",
            VendorKind::CircleCi => "gh/acme/shop",
        }
    }

    /// The words for a good and a bad end.
    pub fn ends(&self) -> (&'static str, &'static str) {
        match self.server.kind {
            VendorKind::Jenkins => ("SUCCESS", "FAILURE"),
            VendorKind::Buildkite => ("passed", "failed"),
            VendorKind::CircleCi => ("success", "failed"),
        }
    }

    /// What a run does as soon as it was started.
    pub fn on_start(&self, then: impl Fn(&mut VendorRun) + Send + 'static) {
        self.state().on_start = Box::new(then);
    }

    pub fn runs(&self) -> Vec<VendorRun> {
        self.state().runs.clone()
    }

    /// Changes the newest run.
    pub fn change(&self, change: impl FnOnce(&mut VendorRun)) {
        change(self.state().runs.last_mut().expect("there is a run"));
        self.server.changed();
    }

    /// How many requests came with this method whose paths have this part.
    pub fn count(&self, method: &str, part: &str) -> usize {
        let state = self.state();
        state.seen.iter().filter(|(m, path)| m == method && path.contains(part)).count()
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

    fn state(&self) -> MutexGuard<'_, VendorState> {
        self.server.state.lock().unwrap()
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Server {
    fn changed(&self) {
        self.changes.send_modify(|version| *version += 1);
    }
}

impl VendorState {
    fn begin(&mut self, job: &str, given: BTreeMap<String, String>) -> VendorRun {
        let number = self.runs.len() as u64 + 1;
        let mut run = VendorRun {
            number,
            job: job.to_owned(),
            given,
            has_begun: false,
            end: None,
            stands: None,
            log: String::new(),
            is_listed: true,
            is_forgotten: false,
        };
        (self.on_start)(&mut run);
        self.runs.push(run.clone());
        run
    }

    fn run(&self, number: &str) -> Option<&VendorRun> {
        let number: u64 = number.parse().ok()?;
        self.runs.iter().find(|run| run.number == number)
    }

    /// Has a run end, unless it has ended.
    fn cancel(&mut self, number: &str, word: &str) -> bool {
        let number: u64 = number.parse().unwrap_or_default();
        let run = self.runs.iter_mut().find(|run| run.number == number && run.end.is_none());
        let Some(run) = run else { return false };
        run.end = Some(word.to_owned());
        true
    }
}

async fn serve(
    State(server): State<Arc<Server>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let path: Vec<_> = uri.path().split('/').skip(1).collect();
    let asked = Asked {
        method: method.as_str(),
        path,
        query: query(uri.query().unwrap_or_default()),
        headers: &headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let answer = {
        let mut state = server.state.lock().unwrap();
        state.seen.push((method.to_string(), uri.to_string()));
        match server.kind {
            VendorKind::Jenkins => jenkins::answer(&server, &mut state, &asked),
            VendorKind::Buildkite => json(buildkite::answer(&mut state, &asked)),
            VendorKind::CircleCi => json(circleci::answer(&mut state, &asked)),
        }
    };
    server.changed();
    answer
}

fn json((status, body): Answer) -> Response<Body> {
    let answer = Response::builder().status(status).header("content-type", "application/json");
    answer.body(Body::from(body.to_string())).unwrap()
}

fn query(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    };
    pairs.map(pair).collect()
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        let code = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match code.filter(|_| *first == b'%').and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => (bytes.push(byte), rest = &after[2..]),
            None => (bytes.push(*first), rest = after),
        };
    }
    String::from_utf8(bytes).unwrap()
}

/// The texts of an object.
fn texts(value: &Value) -> BTreeMap<String, String> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, text)| (name.clone(), text.as_str().unwrap().to_owned())).collect()
}
