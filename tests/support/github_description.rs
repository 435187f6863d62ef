//! Holds what is asked of the GitHub of tests, and what it answers, against GitHub's published description. prism does it, which
//! nobody here wrote; a relay before it notes what it says, and one behind it keeps it from following redirects.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, LOCATION, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use reqwest::{Client, redirect};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::github::GitHub;
use crate::proofs::installed;

/// How long prism may take to read a description.
const START: Duration = Duration::from_mins(2);
const LARGEST: usize = 1 << 22;
/// In it prism says what is wrong.
const VIOLATIONS: &str = "sl-violations";
/// Where a redirect leads, on its way through prism.
const LEADS_TO: HeaderName = HeaderName::from_static("x-leads-to");
/// Where an Enterprise server has its API, which its description leaves out.
const ENTERPRISE: &str = "/api/v3";

/// It stands before a GitHub of tests as long as the value lives.
pub struct DescribedGitHub {
    prism: Child,
    address: SocketAddr,
    path: &'static str,
    front: Arc<Front>,
    serving: [JoinHandle<()>; 2],
}

struct Front {
    http: Client,
    prism: String,
    description: Description,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    violations: BTreeSet<String>,
    operations: BTreeSet<String>,
}

/// The names of the descriptions that are installed: of github.com, and of the oldest and the newest Enterprise server.
pub fn descriptions() -> Vec<String> {
    let Some(folder) = installed("TRUNKLINE_GITHUB_DESCRIPTIONS", "GitHub's description") else {
        return Vec::new();
    };
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
    let names = files.filter_map(|name| Some(name.to_str()?.strip_suffix(".json")?.to_owned()));
    let names: BTreeSet<_> = names.collect();
    assert!(names.contains("api.github.com") && names.len() == 3, "{names:?}");
    names.into_iter().collect()
}

impl DescribedGitHub {
    /// `None` where prism or this description is not installed.
    pub async fn before(github: &GitHub, description: &str) -> Option<Self> {
        let prism = installed("TRUNKLINE_PRISM", "GitHub's description")?;
        let folder = installed("TRUNKLINE_GITHUB_DESCRIPTIONS", "GitHub's description")?;
        let file = folder.join(format!("{description}.json"));
        let path = if description == "api.github.com" { "" } else { ENTERPRISE };
        let http = Client::builder().redirect(redirect::Policy::none()).no_proxy();
        let http = http.build().unwrap();
        let upstream = format!("{}{path}", github.url());
        let behind = Router::new().fallback(answer).with_state((http.clone(), upstream));
        let (behind, upstream) = serve(behind).await;
        let mut command = Command::new("node");
        command.arg(prism).arg("proxy").arg(&file).arg(format!("http://{upstream}"));
        let (prism, url) = started(command.args(["-h", "127.0.0.1", "-p", "0"])).await;
        let description = Description::read(&std::fs::read_to_string(file).unwrap());
        let front = Arc::new(Front { http, prism: url, description, noted: Mutex::default() });
        let (before, address) = serve(Router::new().fallback(ask).with_state(front.clone())).await;
        Some(Self { prism, address, path, front, serving: [before, behind] })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The path below which the API is.
    pub fn path(&self) -> &'static str {
        self.path
    }

    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// The requests that came, as the description writes them.
    pub fn operations(&self) -> BTreeSet<String> {
        self.front.noted.lock().unwrap().operations.clone()
    }

    /// What is not as the description says.
    pub fn violations(&self) -> Vec<String> {
        self.front.noted.lock().unwrap().violations.iter().cloned().collect()
    }
}

impl Drop for DescribedGitHub {
    fn drop(&mut self) {
        self.serving.iter().for_each(JoinHandle::abort);
        let _gone = self.prism.kill();
        let _gone = self.prism.wait();
    }
}

async fn serve(router: Router) -> (JoinHandle<()>, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }), address)
}

/// A prism that listens, and its address.
async fn started(command: &mut Command) -> (Child, String) {
    let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut prism = piped.spawn().expect("node runs prism");
    let said = BufReader::new(prism.stdout.take().unwrap());
    let (listens, listening) = oneshot::channel();
    std::thread::spawn(move || {
        let (mut listens, mut before) = (Some(listens), String::new());
        for line in said.lines().map_while(Result::ok) {
            if let Some((_, url)) = line.split_once("listening on ")
                && let Some(listens) = listens.take()
            {
                let _gone = listens.send(Ok(url.trim().to_owned()));
            }
            before = line;
        }
        if let Some(listens) = listens {
            let _gone = listens.send(Err(before));
        }
    });
    let listening = tokio::time::timeout(START, listening).await.expect("prism starts in time");
    (prism, listening.unwrap().unwrap_or_else(|why| panic!("prism did not start: {why}")))
}

/// Before prism: a request goes to it, and what it says of that is noted.
async fn ask(State(front): State<Arc<Front>>, request: Request) -> Response {
    let uri = request.uri().to_string();
    let path = uri.strip_prefix(ENTERPRISE).unwrap_or(&uri).to_owned();
    let method = request.method().to_string();
    let (status, mut headers, body) = forwarded(&front.http, &front.prism, &path, request).await;
    let said = headers.remove(VIOLATIONS).map(|said| said.as_bytes().to_vec());
    front.note(&method, &path, status, said.as_deref().unwrap_or(b"[]"));
    if let Some(to) = headers.remove(LEADS_TO) {
        headers.insert(LOCATION, to);
    }
    (status, headers, body).into_response()
}

/// Behind prism: it would follow a redirect, and so is not shown where that leads.
async fn answer(State((http, upstream)): State<(Client, String)>, request: Request) -> Response {
    let path = request.uri().to_string();
    let (status, mut headers, body) = forwarded(&http, &upstream, &path, request).await;
    if let Some(to) = headers.remove(LOCATION) {
        headers.insert(LEADS_TO, to);
    }
    (status, headers, body).into_response()
}

async fn forwarded(
    http: &Client,
    to: &str,
    path: &str,
    request: Request,
) -> (StatusCode, HeaderMap, Body) {
    let (mut parts, body) = request.into_parts();
    for name in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        parts.headers.remove(name);
    }
    let body = to_bytes(body, LARGEST).await.unwrap();
    let asked = http.request(parts.method, format!("{to}{path}")).headers(parts.headers);
    let answer = match asked.body(body).send().await {
        Ok(answer) => answer,
        Err(why) => return (StatusCode::BAD_GATEWAY, HeaderMap::new(), why.to_string().into()),
    };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    (status, headers, answer.bytes().await.unwrap().into())
}

impl Front {
    fn note(&self, method: &str, path: &str, status: StatusCode, said: &[u8]) {
        let (route, query) = path.split_once('?').unwrap_or((path, ""));
        let mut noted = self.noted.lock().unwrap();
        let Some(operation) = self.description.operation(method, route) else {
            noted.violations.insert(format!("{method} {path}: no such operation"));
            return;
        };
        noted.operations.insert(operation.name.clone());
        let at = format!("{} ({status})", operation.name);
        for name in query.split('&').filter_map(|pair| pair.split('=').next()) {
            if !name.is_empty() && !operation.query.contains(name) {
                noted.violations.insert(format!("{at}: no parameter {name:?} in the query"));
            }
        }
        let said: Vec<Value> = serde_json::from_slice(said).expect("prism says it in JSON");
        for violation in said {
            let says = violation["message"].as_str().unwrap_or_default();
            // A description names few failures.
            if violation["severity"] == "Error" || status.is_success() {
                noted.violations.insert(format!("{at}: {} {says}", violation["location"]));
            }
        }
    }
}

/// What may be asked.
struct Description(Vec<Operation>);

struct Operation {
    /// Such as `GET /repos/{owner}/{repo}`.
    name: String,
    method: String,
    parts: Vec<String>,
    query: BTreeSet<String>,
}

impl Description {
    fn read(text: &str) -> Self {
        let whole: Value = serde_json::from_str(text).unwrap();
        let paths: BTreeMap<String, BTreeMap<String, Value>> =
            serde_json::from_value(whole["paths"].clone()).unwrap();
        let all = paths.iter().flat_map(|(path, methods)| methods.iter().map(move |m| (path, m)));
        Self(
            all.map(|(path, (method, what))| Operation::read(&whole, path, method, what)).collect(),
        )
    }

    /// The operation of a path, rather one that names it whole.
    fn operation(&self, method: &str, path: &str) -> Option<&Operation> {
        let parts: Vec<_> = path.split('/').collect();
        let all = self.0.iter().filter(|one| one.method == method && one.is_of(&parts));
        all.min_by_key(|one| one.parts.iter().filter(|part| part.starts_with('{')).count())
    }
}

impl Operation {
    fn read(whole: &Value, path: &str, method: &str, what: &Value) -> Self {
        let parameters = what["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.map(|one| match one["$ref"].as_str() {
            Some(to) => whole.pointer(to.trim_start_matches('#')).unwrap(),
            None => one,
        });
        let in_query = parameters.filter(|one| one["in"] == "query");
        let method = method.to_uppercase();
        Self {
            name: format!("{method} {path}"),
            query: in_query.filter_map(|one| Some(one["name"].as_str()?.to_owned())).collect(),
            parts: path.split('/').map(str::to_owned).collect(),
            method,
        }
    }

    fn is_of(&self, parts: &[&str]) -> bool {
        let is_same =
            |(one, part): (&String, &&str)| one == part || one.starts_with('{') && !part.is_empty();
        self.parts.len() == parts.len() && self.parts.iter().zip(parts).all(is_same)
    }
}
