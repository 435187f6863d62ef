//! The requests that the GitHub of tests answers, and what it wants of each.

mod deployments;
mod dispatch;
mod jobs;
mod lists;
mod refs;
mod runs;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{AUTHORIZATION, DATE, ETAG, IF_NONE_MATCH, LOCATION, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, patch, post};
use axum::{Extension, Json, Router};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::fault::FaultKind;
use super::objects::{self, Addresses};
use super::{GitHubRequest, Server, state};

type Shared = State<Arc<Server>>;
type RepositoryPath = Path<(String, String)>;
type InRepository<T = String> = Path<(String, String, T)>;

/// The longest answer or body.
const LARGEST: usize = 1 << 20;
/// Where an Enterprise server has its API.
const ENTERPRISE: &str = "/api/v3";

/// Who asks, and for what.
#[derive(Debug, Clone)]
struct Asked {
    to: Addresses,
    /// Without the query.
    url: String,
    query: BTreeMap<String, String>,
    login: String,
    is_enterprise: bool,
}

pub(super) fn api(server: &Arc<Server>, address: SocketAddr) -> Router {
    let repository = Router::new()
        .route("/", get(repository))
        .route("/actions/runs", get(lists::runs))
        .route("/actions/runs/{id}", get(runs::run))
        .route("/actions/runs/{id}/approvals", get(runs::approvals))
        .route("/actions/runs/{id}/attempts/{attempt}", get(runs::attempt))
        .route("/actions/runs/{id}/attempts/{attempt}/jobs", get(jobs::of_attempt))
        .route("/actions/runs/{id}/jobs", get(jobs::of_run))
        .route("/actions/runs/{id}/pending_deployments", get(runs::pending).post(runs::review))
        .route("/actions/runs/{id}/concurrency_groups", get(runs::groups))
        .route("/actions/runs/{id}/{act}", post(runs::act))
        .route("/contents/.github/workflows/{file}", get(lists::text))
        .route("/actions/jobs/{id}", get(jobs::job))
        .route("/actions/jobs/{id}/logs", get(jobs::log))
        .route("/actions/workflows", get(lists::workflows))
        .route("/actions/workflows/{file}", get(lists::workflow))
        .route("/actions/workflows/{file}/dispatches", post(dispatch::dispatch))
        .route("/actions/workflows/{file}/runs", get(lists::runs_of_workflow))
        .route("/git/ref/{name}", get(refs::one))
        .route("/git/refs", post(refs::make))
        .route("/git/refs/{name}", patch(refs::update))
        .route("/compare/{range}", get(refs::compare))
        .route("/releases", post(refs::release))
        .route("/releases/tags/{tag}", get(refs::release_of))
        .route("/environments", get(lists::environments))
        .route("/deployments", get(deployments::list))
        .route("/deployments/{id}", get(deployments::one))
        .route("/deployments/{id}/statuses", get(deployments::statuses));
    let routes = Router::new()
        .route("/rate_limit", get(rate_limit))
        .route("/user", get(user))
        .nest("/repos/{owner}/{repository}", repository);
    Router::new()
        .nest(ENTERPRISE, routes.clone())
        .merge(routes.route("/versions", get(async || Json(json!(["2022-11-28", "2026-03-10"])))))
        .fallback(async || not_found())
        .layer(from_fn_with_state((server.clone(), address), checked))
        .with_state(server.clone())
}

pub(super) fn storage(server: &Arc<Server>) -> Router {
    Router::new().route("/blob/{id}", get(jobs::blob)).fallback(stray).with_state(server.clone())
}

/// Wants what GitHub wants of every request, and answers "not modified" where that is so.
async fn checked(
    State((server, address)): State<(Arc<Server>, SocketAddr)>,
    request: Request,
    next: Next,
) -> Response {
    let (method, path) = (request.method().to_string(), request.uri().to_string());
    let headers = request.headers().clone();
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.split_once(' ')).map(|(_, token)| token.to_owned());
    let response = answer(&server, address, token.as_deref(), request, next).await;
    let mut response = match &token {
        Some(token) => tagged(token, &headers, response).await,
        None => response,
    };
    let mut state = server.state.lock().unwrap();
    let is_free = path.ends_with("/rate_limit");
    limits(&mut state, token.as_deref().unwrap_or_default(), is_free, &mut response);
    let status = response.status().as_u16();
    state.seen.push(GitHubRequest { method, path, status });
    drop(state);
    server.changed();
    response
}

/// The answer, without what all answers have.
async fn answer(
    server: &Arc<Server>,
    address: SocketAddr,
    token: Option<&str>,
    mut request: Request,
    next: Next,
) -> Response {
    let (method, uri) = (request.method().to_string(), request.uri().clone());
    if !request.headers().contains_key(USER_AGENT) {
        return refusal(StatusCode::FORBIDDEN, "Request forbidden by administrative rules.");
    }
    let (login, planned) = {
        let mut state = server.state.lock().unwrap();
        let Some(login) = token.and_then(|token| state.tokens.get(token).cloned()) else {
            return refusal(StatusCode::UNAUTHORIZED, "Bad credentials");
        };
        let left = state.limited.map(|limited| limited.until - state.clock.now());
        if let Some(left) = left.filter(|left| *left > TimeDelta::zero()) {
            let wait = ((left.num_milliseconds() + 999) / 1_000).to_string();
            let why = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
            return ([("retry-after", wait)], refusal(StatusCode::FORBIDDEN, why)).into_response();
        }
        if state.left.get(token.unwrap_or_default()) == Some(&0)
            && state.clock.now() < state.renewed_at
        {
            let why = "API rate limit exceeded for user ID 1.";
            return refusal(StatusCode::FORBIDDEN, why);
        }
        let parts = uri.path().trim_start_matches(ENTERPRISE).split('/');
        if let ["", "repos", owner, name, ..] = parts.collect::<Vec<_>>()[..]
            && !state.repositories.contains(&format!("{owner}/{name}"))
        {
            return not_found();
        }
        (login, state.planned(&method, &uri.to_string()))
    };
    let is_enterprise = uri.path().starts_with(ENTERPRISE);
    let web = format!("http://{address}");
    let api = if is_enterprise { format!("{web}{ENTERPRISE}") } else { web.clone() };
    let Query(query) = Query::try_from_uri(&uri).unwrap_or_default();
    let url = format!("{web}{}", uri.path());
    let to = Addresses { api, web };
    request.extensions_mut().insert(Asked { to, url, query, login, is_enterprise });
    let mut planned = planned.map(|fault| fault.kind);
    if planned == Some(FaultKind::Held) {
        held(server).await;
        let mut state = server.state.lock().unwrap();
        planned = state.planned(&method, &uri.to_string()).map(|fault| fault.kind);
    }
    match planned {
        Some(FaultKind::Refused(status)) => failure(status),
        Some(FaultKind::Lost(status)) => {
            next.run(request).await;
            failure(status)
        }
        Some(FaultKind::SentOn) => {
            let to = format!("http://{}{uri}", server.storage);
            (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, to)]).into_response()
        }
        Some(FaultKind::Held) | None => next.run(request).await,
    }
}

/// Waits until a test lets it go.
async fn held(server: &Arc<Server>) {
    let mut changes = server.changes.subscribe();
    let number = {
        let mut state = server.state.lock().unwrap();
        state.held += 1;
        state.held
    };
    server.changed();
    while server.state.lock().unwrap().let_go < number {
        changes.changed().await.unwrap();
    }
}

fn failure(status: u16) -> Response {
    refusal(StatusCode::from_u16(status).unwrap(), "Server Error")
}

/// The answer with the tag of its text, which is another one for each token; or "not modified" if that is known.
async fn tagged(token: &str, headers: &HeaderMap, response: Response) -> Response {
    if response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, LARGEST).await.unwrap();
    let mut hasher = DefaultHasher::new();
    (token, &body).hash(&mut hasher);
    let tag = HeaderValue::from_str(&format!("W/\"{:x}\"", hasher.finish())).unwrap();
    if headers.get(IF_NONE_MATCH) == Some(&tag) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    parts.headers.insert(ETAG, tag);
    Response::from_parts(parts, Body::from(body))
}

/// Says by its own clock what is left of the hour. What did not change costs nothing.
fn limits(state: &mut state::State, token: &str, is_free: bool, response: &mut Response) {
    let left = match response.status() {
        _ if is_free => state.left.get(token).copied(),
        StatusCode::NOT_MODIFIED => state.left.get(token).copied(),
        _ => state.spend(token).or(Some(0)),
    };
    let left = left.unwrap_or(state::State::HOURLY);
    let now = state.clock.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for (name, value) in [
        (DATE, now),
        (HeaderName::from_static("x-ratelimit-limit"), state::State::HOURLY.to_string()),
        (HeaderName::from_static("x-ratelimit-remaining"), left.to_string()),
        (HeaderName::from_static("x-ratelimit-used"), (state::State::HOURLY - left).to_string()),
        (HeaderName::from_static("x-ratelimit-reset"), state.renewed_at.timestamp().to_string()),
        (HeaderName::from_static("x-ratelimit-resource"), "core".to_owned()),
    ] {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_str(&value).unwrap());
    }
}

fn refusal(status: StatusCode, message: &str) -> Response {
    let body = json!({
        "message": message,
        "documentation_url": "https://docs.github.com/rest",
        "status": status.as_str(),
    });
    (status, Json(body)).into_response()
}

fn not_found() -> Response {
    refusal(StatusCode::NOT_FOUND, "Not Found")
}

async fn repository(
    Extension(asked): Extension<Asked>,
    Path((owner, name)): RepositoryPath,
) -> Json<Value> {
    Json(objects::repository(&asked.to, &format!("{owner}/{name}")))
}

async fn user(Extension(asked): Extension<Asked>) -> Json<Value> {
    Json(objects::account(&asked.to, &asked.login))
}

async fn rate_limit(State(server): Shared) -> Json<Value> {
    let state = server.state.lock().unwrap();
    let left = state.left.values().next().copied().unwrap_or(state::State::HOURLY);
    let (limit, reset) = (state::State::HOURLY, state.renewed_at.timestamp());
    let core = json!({ "limit": limit, "used": limit - left, "remaining": left, "reset": reset });
    let search = json!({ "limit": 30, "used": 0, "remaining": 30, "reset": reset });
    Json(json!({ "resources": { "core": core, "search": search }, "rate": core }))
}

/// A request that followed to another host. It is refused if it brings a token.
async fn stray(State(server): Shared, headers: HeaderMap) -> StatusCode {
    let has_token = headers.contains_key(AUTHORIZATION);
    server.state.lock().unwrap().strays.push(has_token);
    server.changed();
    if has_token { StatusCode::BAD_REQUEST } else { StatusCode::NOT_FOUND }
}
