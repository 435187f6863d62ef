//! The requests that the GitHub of tests answers.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, ETAG, IF_NONE_MATCH, LOCATION, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{DispatchFault, FakeRun, GITHUB_TOKEN, GitHubRequest, LogFault, Server};

type Shared = State<Arc<Server>>;

/// The longest answer or body.
const LARGEST: usize = 1 << 20;

pub(super) fn api(server: &Arc<Server>, address: SocketAddr) -> Router {
    let routes = Router::new()
        .route("/rate_limit", get(async || Json(json!({}))))
        .route("/repos/acme/shop", get(async || Json(json!({ "full_name": "acme/shop" }))))
        .route("/repos/acme/shop/actions/workflows", get(workflows))
        .route("/repos/acme/shop/actions/workflows/{file}/dispatches", post(dispatch))
        .route("/repos/acme/shop/actions/workflows/{file}/runs", get(list))
        .route("/repos/acme/shop/actions/runs/{id}", get(run))
        .route("/repos/acme/shop/actions/runs/{id}/attempts/1", get(first_attempt))
        .route("/repos/acme/shop/actions/runs/{id}/attempts/1/jobs", get(jobs))
        .route("/repos/acme/shop/actions/runs/{id}/jobs", get(jobs))
        .route("/repos/acme/shop/actions/runs/{id}/pending_deployments", get(pending))
        .route("/repos/acme/shop/actions/runs/{id}/concurrency_groups", get(groups))
        .route("/repos/acme/shop/contents/.github/workflows/{file}", get(workflow))
        .route("/repos/acme/shop/actions/runs/{id}/{how}", post(cancel))
        .route("/repos/acme/shop/actions/jobs/{id}/logs", get(log))
        .layer(from_fn_with_state(server.clone(), checked))
        .with_state(server.clone());
    // An Enterprise server has its API below another path.
    let all = Router::new().nest("/api/v3", routes.clone()).merge(routes);
    all.layer(axum::Extension(format!("http://{address}")))
}

pub(super) fn storage(server: &Arc<Server>) -> Router {
    Router::new().route("/blob/{id}", get(blob)).with_state(server.clone())
}

/// Wants what GitHub wants of every request, and answers "not modified" where that is so.
async fn checked(State(server): Shared, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().to_string(), request.uri().to_string());
    let headers = request.headers().clone();
    let is_known = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok())
        == Some(&format!("Bearer {GITHUB_TOKEN}"));
    let response = if !headers.contains_key(USER_AGENT) {
        refusal(StatusCode::FORBIDDEN, "Request forbidden by administrative rules.")
    } else if !is_known {
        refusal(StatusCode::UNAUTHORIZED, "Bad credentials")
    } else {
        tagged(&headers, next.run(request).await).await
    };
    let status = response.status().as_u16();
    server.state.lock().unwrap().seen.push(GitHubRequest { method, path, status });
    server.changed();
    response
}

/// The answer with the tag of its text, or "not modified" if that is known.
async fn tagged(headers: &HeaderMap, response: Response) -> Response {
    if response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, LARGEST).await.unwrap();
    let mut hasher = DefaultHasher::new();
    (GITHUB_TOKEN, &body).hash(&mut hasher);
    let tag = HeaderValue::from_str(&format!("W/\"{:x}\"", hasher.finish())).unwrap();
    if headers.get(IF_NONE_MATCH) == Some(&tag) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    parts.headers.insert(ETAG, tag);
    Response::from_parts(parts, Body::from(body))
}

fn refusal(status: StatusCode, message: &str) -> Response {
    let body = json!({ "message": message, "documentation_url": "https://docs.github.com/rest" });
    (status, Json(body)).into_response()
}

fn not_found() -> Response {
    refusal(StatusCode::NOT_FOUND, "Not Found")
}

async fn workflows(State(server): Shared) -> Response {
    let state = server.state.lock().unwrap();
    if state.dispatch == DispatchFault::Forbidden {
        let why = "Resource not accessible by personal access token";
        let header = [("x-accepted-github-permissions", "actions=read")];
        return (header, refusal(StatusCode::FORBIDDEN, why)).into_response();
    }
    Json(json!({ "total_count": state.workflows.len(), "workflows": [] })).into_response()
}

async fn dispatch(
    State(server): Shared,
    axum::Extension(url): axum::Extension<String>,
    Path(file): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let mut state = server.state.lock().unwrap();
    let Some(inputs) = state.workflows.get(&file) else { return not_found() };
    let fault = state.dispatch.clone();
    match fault {
        DispatchFault::Unavailable => {
            return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")]).into_response();
        }
        DispatchFault::Forbidden => {
            let why = "Resource not accessible by personal access token";
            let header = [("x-accepted-github-permissions", "actions=write")];
            return (header, refusal(StatusCode::FORBIDDEN, why)).into_response();
        }
        DispatchFault::LimitedOnce | DispatchFault::SpentOnce => {
            state.dispatch = DispatchFault::Pass;
            let header = match fault {
                DispatchFault::LimitedOnce => ("retry-after", "1".to_owned()),
                _ => ("x-ratelimit-reset", (Utc::now().timestamp() + 1).to_string()),
            };
            let headers = [("x-ratelimit-remaining", "0".to_owned()), header];
            let why = refusal(StatusCode::FORBIDDEN, "You have exceeded a secondary rate limit");
            return (headers, why).into_response();
        }
        _ => {}
    }
    let given: BTreeMap<String, String> =
        serde_json::from_value(body["inputs"].clone()).unwrap_or_default();
    if let Some(unknown) = given.keys().find(|name| !inputs.contains(name)) {
        let why = format!("Unexpected inputs provided: [\"{unknown}\"]");
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, &why);
    }
    if body["ref"] != "main" {
        let why = format!("No ref found for: {}", body["ref"].as_str().unwrap_or_default());
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, &why);
    }
    let id = 881 + state.runs.len() as u64;
    let key = given.get("trunkline").filter(|_| state.shows_keys).cloned().unwrap_or_default();
    let mut run = FakeRun {
        id,
        workflow: file,
        title: format!("deploy {} {key}", given.get("sha").cloned().unwrap_or_default()),
        inputs: given,
        status: "queued".into(),
        attempt: 1,
        is_listed: true,
        hears: true,
        created_at: Utc::now(),
        ..FakeRun::default()
    };
    (state.on_dispatch)(&mut run);
    state.runs.insert(id, run);
    match fault {
        DispatchFault::BadGateway => StatusCode::BAD_GATEWAY.into_response(),
        DispatchFault::Pass if body["return_run_details"] == true => {
            let page = format!("{url}/acme/shop/actions/runs/{id}");
            Json(json!({ "workflow_run_id": id, "run_url": page, "html_url": page }))
                .into_response()
        }
        _ => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn list(
    State(server): Shared,
    axum::Extension(url): axum::Extension<String>,
    Path(file): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let state = server.state.lock().unwrap();
    if !state.workflows.contains_key(&file) {
        return not_found();
    }
    let since = query.get("created").and_then(|text| text.strip_prefix(">=")).unwrap();
    let since = DateTime::parse_from_rfc3339(since).unwrap();
    let is_asked =
        |run: &&FakeRun| run.workflow == file && run.is_listed && run.created_at >= since;
    let mut runs: Vec<_> = state.runs.values().filter(is_asked).map(|run| run.told(&url)).collect();
    runs.reverse();
    let total = runs.len();
    Json(json!({ "total_count": total, "workflow_runs": page(runs, &query) })).into_response()
}

/// The page of a list that is asked for.
fn page(all: Vec<Value>, query: &BTreeMap<String, String>) -> Vec<Value> {
    let number = |name: &str, or: usize| query.get(name).map_or(or, |text| text.parse().unwrap());
    let (size, page) = (number("per_page", 30), number("page", 1));
    all.into_iter().skip(size * (page - 1)).take(size).collect()
}

async fn run(
    State(server): Shared,
    axum::Extension(url): axum::Extension<String>,
    Path(id): Path<u64>,
) -> Response {
    let state = server.state.lock().unwrap();
    state.runs.get(&id).map_or_else(not_found, |run| Json(run.told(&url)).into_response())
}

async fn first_attempt(
    State(server): Shared,
    axum::Extension(url): axum::Extension<String>,
    Path(id): Path<u64>,
) -> Response {
    let state = server.state.lock().unwrap();
    state.runs.get(&id).map_or_else(not_found, |run| Json(run.told_first(&url)).into_response())
}

async fn jobs(
    State(server): Shared,
    Path(id): Path<u64>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let state = server.state.lock().unwrap();
    let Some(run) = state.runs.get(&id) else { return not_found() };
    let jobs = run.told_jobs();
    Json(json!({ "total_count": jobs.len(), "jobs": page(jobs, &query) })).into_response()
}

async fn pending(State(server): Shared, Path(id): Path<u64>) -> Response {
    let state = server.state.lock().unwrap();
    let pending = state.runs.get(&id).map(|run| run.pending.clone());
    pending.map_or_else(not_found, |pending| Json(pending).into_response())
}

/// The groups of a run, which holds them until it has ended.
async fn groups(
    State(server): Shared,
    axum::Extension(url): axum::Extension<String>,
    Path(id): Path<u64>,
) -> Response {
    let state = server.state.lock().unwrap();
    let Some(run) = state.runs.get(&id) else { return not_found() };
    let groups: Vec<_> = run
        .groups
        .iter()
        .map(|name| {
            let group = format!("{url}/repos/acme/shop/actions/concurrency_groups/{name}");
            let member = json!({
                "run_id": id,
                "run_name": "deploy",
                "run_url": format!("{url}/repos/acme/shop/actions/runs/{id}"),
                "run_html_url": format!("{url}/acme/shop/actions/runs/{id}"),
                "status": "in_progress",
                "position": 0,
                "position_url": format!("{group}?ahead_of_run={id}"),
            });
            let members = if run.status == "completed" { Vec::new() } else { vec![member] };
            json!({ "group_name": name, "group_url": group, "group_members": members })
        })
        .collect();
    Json(json!({ "total_count": groups.len(), "concurrency_groups": groups })).into_response()
}

/// The text of a workflow, to whoever asks for it raw.
async fn workflow(State(server): Shared, Path(file): Path<String>, headers: HeaderMap) -> Response {
    let is_raw = |value: &HeaderValue| value == "application/vnd.github.raw+json";
    let state = server.state.lock().unwrap();
    match state.files.get(&file) {
        Some(text) if headers.get(ACCEPT).is_some_and(is_raw) => text.clone().into_response(),
        _ => not_found(),
    }
}

async fn cancel(State(server): Shared, Path((id, how)): Path<(u64, String)>) -> Response {
    let mut state = server.state.lock().unwrap();
    let Some(run) = state.runs.get_mut(&id) else { return not_found() };
    if run.status == "completed" {
        return refusal(StatusCode::CONFLICT, "Cannot cancel a workflow run that is completed.");
    }
    let is_forced = how == "force-cancel";
    if is_forced {
        run.forces += 1;
    } else {
        run.cancels += 1;
    }
    if (is_forced || run.hears) && !run.is_deaf {
        run.ends("cancelled");
    }
    drop(state);
    server.changed();
    (StatusCode::ACCEPTED, Json(json!({}))).into_response()
}

async fn log(State(server): Shared, Path(id): Path<u64>) -> Response {
    let state = server.state.lock().unwrap();
    let has_log = state.runs.values().flat_map(|run| &run.jobs);
    if !has_log.into_iter().any(|job| job.id == id && job.log.is_some()) {
        return refusal(StatusCode::NOT_FOUND, "BlobNotFound");
    }
    let to = match &state.log {
        LogFault::Elsewhere(to) => to.clone(),
        _ => format!("http://{}/blob/{id}?sig=secret", server.storage),
    };
    (StatusCode::FOUND, [(LOCATION, to)]).into_response()
}

/// The text of a job, at another host: it refuses whoever brings a token.
async fn blob(State(server): Shared, Path(id): Path<u64>, headers: HeaderMap) -> Response {
    let mut state = server.state.lock().unwrap();
    let has_token = headers.contains_key(AUTHORIZATION);
    state.downloads.push(has_token);
    let jobs = state.runs.values().flat_map(|run| &run.jobs);
    let text = jobs.into_iter().find(|job| job.id == id).and_then(|job| job.log.clone());
    let fault = state.log.clone();
    if let LogFault::CutOnce(_) = &fault {
        state.log = LogFault::Pass;
    }
    drop(state);
    server.changed();
    if has_token {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let text = text.unwrap_or_default();
    match fault {
        LogFault::CutOnce(at) => {
            let some = Bytes::from(text).slice(..at);
            let cut = [Ok(some), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
            Body::from_stream(tokio_stream::iter(cut)).into_response()
        }
        _ => text.into_response(),
    }
}
