//! The jobs of a run, and their texts, which are at another host.

use std::io;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::super::LogFault;
use super::super::objects;
use super::super::run::{FakeJob, FakeRun};
use super::super::state::State as Known;
use super::lists::page;
use super::{Asked, InRepository, Shared, not_found, refusal, runs};

pub(super) async fn of_run(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, name, id)): InRepository<u64>,
) -> Response {
    let state = server.state.lock().unwrap();
    let Some(run) = runs::of(&state, (&owner, &name), id) else { return not_found() };
    let is_all = asked.query.get("filter").is_some_and(|word| word == "all");
    let first = if is_all { 1 } else { run.attempt };
    let attempts = (first..=run.attempt).rev().filter_map(|attempt| run.at(attempt));
    list(&state, &asked, &attempts.collect::<Vec<_>>())
}

pub(super) async fn of_attempt(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, name, id, attempt)): Path<(String, String, u64, u64)>,
) -> Response {
    let state = server.state.lock().unwrap();
    let run = runs::of(&state, (&owner, &name), id).and_then(|run| run.at(attempt));
    run.map_or_else(not_found, |run| list(&state, &asked, &[run]))
}

fn list(state: &Known, asked: &Asked, attempts: &[FakeRun]) -> Response {
    let jobs = attempts.iter().flat_map(|run| run.jobs.iter().map(move |job| (run, job)));
    let jobs: Vec<_> = jobs.map(|(run, job)| told(state, asked, run, job)).collect();
    let total = jobs.len();
    let (page, link) = page(jobs, asked);
    (link, Json(json!({ "total_count": total, "jobs": page }))).into_response()
}

fn told(state: &Known, asked: &Asked, run: &FakeRun, job: &FakeJob) -> Value {
    let told = objects::job(&asked.to, run, job);
    if state.is_odd { objects::emptied(told) } else { told }
}

pub(super) async fn job(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((.., id)): InRepository<u64>,
) -> Response {
    let state = server.state.lock().unwrap();
    let jobs = state.runs.values().flat_map(|run| run.all_jobs().map(move |job| (run, job)));
    let found = jobs.into_iter().find(|(_, job)| job.id == id);
    let told = found.map(|(run, job)| Json(told(&state, &asked, run, job)));
    told.map_or_else(not_found, IntoResponse::into_response)
}

/// The text of a job that has one.
fn text(state: &Known, id: u64) -> Option<String> {
    let mut jobs = state.runs.values().flat_map(FakeRun::all_jobs);
    jobs.find(|job| job.id == id)?.log.clone()
}

pub(super) async fn log(State(server): Shared, Path((.., id)): InRepository<u64>) -> Response {
    let state = server.state.lock().unwrap();
    if text(&state, id).is_none() {
        return refusal(StatusCode::NOT_FOUND, "BlobNotFound");
    }
    let to = match &state.log {
        LogFault::Elsewhere(to) => to.clone(),
        _ => format!("http://{}/blob/{id}?sig=secret", server.storage),
    };
    (StatusCode::FOUND, [(LOCATION, to)]).into_response()
}

/// The text of a job, at another host: it refuses whoever brings a token.
pub(super) async fn blob(
    State(server): Shared,
    Path(id): Path<u64>,
    headers: HeaderMap,
) -> Response {
    let mut state = server.state.lock().unwrap();
    let has_token = headers.contains_key(AUTHORIZATION);
    state.downloads.push(has_token);
    let text = text(&state, id).unwrap_or_default();
    // A text that is shorter comes whole, and the next one is cut.
    let cut = match state.log {
        LogFault::CutOnce(at) if at < text.len() => Some(at),
        _ => None,
    };
    if cut.is_some() {
        state.log = LogFault::Pass;
    }
    drop(state);
    server.changed();
    if has_token {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let Some(at) = cut else { return text.into_response() };
    let cut =
        [Ok(Bytes::from(text).slice(..at)), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
    Body::from_stream(tokio_stream::iter(cut)).into_response()
}
