//! A Slack of tests: channels with messages, threads, pins and a topic, over real HTTP. It has faults, and holds each request
//! against what Slack published of its methods.

mod description;
mod methods;

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};

use crate::dice::Dice;

/// The token of the bot.
pub const TOKEN: &str = "xoxb-canary-1234567890";
const LARGEST: usize = 1 << 20;
/// What the token may do.
const SCOPES: &str = "chat:write,channels:history,channels:read,channels:write.topic,pins:write";

/// It runs as long as the value lives.
pub struct FakeSlack {
    address: SocketAddr,
    workspace: Arc<Workspace>,
    /// Dropping it ends the server.
    _stop: oneshot::Sender<()>,
}

struct Workspace {
    state: Mutex<SlackState>,
    changed: watch::Sender<u64>,
}

/// What there is.
#[derive(Default)]
pub struct SlackState {
    pub channels: BTreeMap<String, SlackChannel>,
    /// Each request that came: its method and what it said.
    pub requests: Vec<(String, Value)>,
    /// What is not as published.
    pub violations: Vec<String>,
    pub scopes: String,
    /// The faults of the next requests.
    pub faults: VecDeque<SlackFault>,
    /// What it always says to a method, after those.
    pub refuses: BTreeMap<&'static str, &'static str>,
    /// After those, chance decides: so many of a thousand requests fail.
    pub chance: Option<(Dice, usize)>,
    /// Whether it takes requests and answers none.
    pub hangs: bool,
    clock: u64,
}

#[derive(Debug, Clone, Default)]
pub struct SlackChannel {
    pub messages: Vec<SlackMessage>,
    pub pins: Vec<String>,
    pub topic: String,
    pub is_gone: bool,
    pub is_archived: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlackMessage {
    pub ts: String,
    pub thread_ts: Option<String>,
    pub is_broadcast: bool,
    /// What it says now; before that, what it said.
    pub texts: Vec<String>,
    pub metadata: Value,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlackFault {
    /// Nothing does.
    Fine,
    /// Too many requests; come again after so many seconds.
    Limit(u64),
    /// The same inside an answer 200.
    Ratelimited,
    /// It does nothing and says so.
    Says(&'static str),
    /// It does nothing and answers 503.
    Down,
    /// It does it and answers 500.
    DoneAndBroken,
    /// It does it, and the answer gets lost.
    Lost,
    /// It does it, and the answer is no JSON.
    Garbage,
}

impl SlackMessage {
    pub fn text(&self) -> &str {
        self.texts.last().map_or("", String::as_str)
    }

    pub fn key(&self) -> &str {
        self.metadata["event_payload"]["key"].as_str().unwrap_or_default()
    }
}

impl SlackChannel {
    /// The messages that stand alone in the channel.
    pub fn top(&self) -> impl Iterator<Item = &SlackMessage> {
        self.messages.iter().filter(|message| message.thread_ts.is_none())
    }

    pub fn thread<'a>(&'a self, of: &'a str) -> impl Iterator<Item = &'a SlackMessage> {
        self.messages.iter().filter(move |message| message.thread_ts.as_deref() == Some(of))
    }
}

impl SlackState {
    fn next_ts(&mut self) -> String {
        self.clock += 1;
        let seconds = crate::slack::seconds_now();
        format!("{seconds}.{:06}", self.clock)
    }

    fn next_fault(&mut self) -> SlackFault {
        if let Some(fault) = self.faults.pop_front() {
            return fault;
        }
        let Some((dice, often)) = &mut self.chance else { return SlackFault::Fine };
        if dice.below(1_000) >= *often {
            return SlackFault::Fine;
        }
        let all = [
            SlackFault::Limit(0),
            SlackFault::Ratelimited,
            SlackFault::Says("service_unavailable"),
            SlackFault::Down,
            SlackFault::DoneAndBroken,
            SlackFault::Lost,
            SlackFault::Garbage,
        ];
        all[dice.below(all.len())]
    }
}

fn seconds_now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

impl FakeSlack {
    /// With these channels, by their ids.
    pub fn start(channels: &[&str]) -> Self {
        let new = |id: &&str| ((*id).to_owned(), SlackChannel::default());
        let channels = channels.iter().map(new).collect();
        let state = SlackState { channels, scopes: SCOPES.to_owned(), ..SlackState::default() };
        let (changed, _) = watch::channel(0);
        let workspace = Arc::new(Workspace { state: Mutex::new(state), changed });
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = Router::new().fallback(answer).with_state(workspace.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    _ = axum::serve(listener, served) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, workspace, _stop: stop }
    }

    pub fn url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    /// `[notify.slack]` for it, with its channel `deploys` as `C1`.
    pub fn settings(&self) -> String {
        format!(
            "[notify.slack]\nkind = \"slack\"\nurl = \"{}\"\ntoken = {{ env = \"SLACK_TOKEN\" }}\n\
             channels = {{ deploys = \"C1\" }}\nchannel = \"deploys\"\nservices = [\"*\"]\n",
            self.url()
        )
    }

    /// What there is, and as a test changes it.
    pub fn state(&self) -> MutexGuard<'_, SlackState> {
        self.workspace.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn channel(&self, id: &str) -> SlackChannel {
        self.state().channels[id].clone()
    }

    /// Resolves after each request.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.workspace.changed.subscribe()
    }
}

async fn answer(State(workspace): State<Arc<Workspace>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let method = parts.uri.path().trim_start_matches("/api/").to_owned();
    let body = to_bytes(body, LARGEST).await.unwrap_or_default();
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let token = header(AUTHORIZATION).unwrap_or_default().to_owned();
    let (kind, query) = (header(CONTENT_TYPE).unwrap_or_default(), parts.uri.query());
    let hangs = workspace.state.lock().unwrap_or_else(PoisonError::into_inner).hangs;
    if hangs {
        std::future::pending::<()>().await;
    }
    let mut state = workspace.state.lock().unwrap_or_else(PoisonError::into_inner);
    let said = description::read(parts.method.as_str(), &method, kind, query, &body);
    let said = match said {
        Ok(said) => said,
        Err(wrong) => {
            state.violations.push(format!("{method}: {wrong}"));
            Value::Null
        }
    };
    state.requests.push((method.clone(), said.clone()));
    let response = if token == format!("Bearer {TOKEN}") {
        let fault = state.next_fault();
        faulty(fault, &mut state, &method, &said)
    } else {
        json_answer(&json!({ "ok": false, "error": "invalid_auth" }), "")
    };
    drop(state);
    workspace.changed.send_modify(|count| *count += 1);
    response
}

fn faulty(fault: SlackFault, state: &mut SlackState, method: &str, said: &Value) -> Response {
    let says = |error: &str| json_answer(&json!({ "ok": false, "error": error }), "");
    if let (SlackFault::Fine, Some(error)) = (fault, state.refuses.get(method)) {
        return says(error);
    }
    match fault {
        SlackFault::Limit(seconds) => {
            let headers = [(RETRY_AFTER, seconds.to_string())];
            return (StatusCode::TOO_MANY_REQUESTS, headers, "").into_response();
        }
        SlackFault::Ratelimited => {
            let body = json!({ "ok": false, "error": "ratelimited" }).to_string();
            let headers =
                [(RETRY_AFTER, "0".to_owned()), (CONTENT_TYPE, "application/json".to_owned())];
            return (headers, body).into_response();
        }
        SlackFault::Says(error) => return says(error),
        SlackFault::Down => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => {}
    }
    let done = methods::done(state, method, said);
    match fault {
        SlackFault::DoneAndBroken => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        SlackFault::Garbage => "<html>".into_response(),
        SlackFault::Lost => {
            let lost: std::io::Result<Vec<u8>> = Err(std::io::ErrorKind::ConnectionReset.into());
            Body::from_stream(tokio_stream::once(lost)).into_response()
        }
        _ => match done {
            Ok(body) => json_answer(&body, &state.scopes),
            Err(error) => says(error),
        },
    }
}

fn json_answer(body: &Value, scopes: &str) -> Response {
    let headers = [("content-type", "application/json"), ("x-oauth-scopes", scopes)];
    (headers, body.to_string()).into_response()
}
