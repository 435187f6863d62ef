//! Branches, tags and releases, and how commits stand to each other.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::super::git::CommitOrder;
use super::super::objects;
use super::super::state::State as Known;
use super::{Asked, InRepository, RepositoryPath, Shared, not_found, refusal};

fn unprocessable(why: &str) -> Response {
    refusal(StatusCode::UNPROCESSABLE_ENTITY, why)
}

pub(super) async fn one(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, repository, name)): InRepository,
) -> Response {
    let state = server.state.lock().unwrap();
    let Some(sha) = state.git.refs.get(&name) else { return not_found() };
    Json(objects::reference(&asked.to, &format!("{owner}/{repository}"), (&name, sha)))
        .into_response()
}

/// Why a rule does not let it be made or moved.
fn protected(state: &Known, name: &str) -> Option<Response> {
    let start = state.git.protected.as_ref()?;
    let why = "Repository rule violations found\n\nCannot create ref due to creations being restricted.\n\n";
    name.starts_with(start).then(|| unprocessable(why))
}

pub(super) async fn make(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, repository)): RepositoryPath,
    Json(body): Json<Value>,
) -> Response {
    let repository = format!("{owner}/{repository}");
    let name = body["ref"].as_str().and_then(|name| name.strip_prefix("refs/"));
    let sha = body["sha"].as_str().unwrap_or_default().to_owned();
    let Some(name) = name.filter(|name| name.contains('/')).map(str::to_owned) else {
        return unprocessable(
            "Reference name must start with 'refs/' and contain at least two slashes.",
        );
    };
    let mut state = server.state.lock().unwrap();
    if let Some(refused) = protected(&state, &name) {
        return refused;
    }
    if state.git.refs.contains_key(&name) {
        return unprocessable("Reference already exists");
    }
    if !state.git.has(&sha) {
        return unprocessable("Object does not exist");
    }
    state.git.refs.insert(name.clone(), sha.clone());
    state.pushed(&repository, ("push", &name, &sha), &asked.login);
    drop(state);
    server.changed();
    let told = objects::reference(&asked.to, &repository, (&name, &sha));
    (StatusCode::CREATED, Json(told)).into_response()
}

pub(super) async fn update(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, repository, name)): InRepository,
    Json(body): Json<Value>,
) -> Response {
    let repository = format!("{owner}/{repository}");
    let sha = body["sha"].as_str().unwrap_or_default().to_owned();
    let mut state = server.state.lock().unwrap();
    let Some(at) = state.git.refs.get(&name).cloned() else {
        return unprocessable("Reference does not exist");
    };
    if let Some(refused) = protected(&state, &name) {
        return refused;
    }
    if !state.git.has(&sha) {
        return unprocessable("Object does not exist");
    }
    let is_forward =
        matches!(state.git.order(&at, &sha), CommitOrder::Ahead(_) | CommitOrder::Identical);
    if !is_forward && body["force"] != true {
        return unprocessable("Update is not a fast forward");
    }
    state.git.refs.insert(name.clone(), sha.clone());
    if at != sha {
        state.pushed(&repository, ("push", &name, &sha), &asked.login);
    }
    drop(state);
    server.changed();
    Json(objects::reference(&asked.to, &repository, (&name, &sha))).into_response()
}

pub(super) async fn compare(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, repository, range)): InRepository,
) -> Response {
    let state = server.state.lock().unwrap();
    let Some((base, head)) = range.split_once("...") else { return not_found() };
    if !state.git.has(head) {
        return not_found();
    }
    let (word, ahead, behind) = match state.git.order(base, head) {
        CommitOrder::Ahead(count) => ("ahead", count, 0),
        CommitOrder::Behind(count) => ("behind", 0, count),
        CommitOrder::Identical => ("identical", 0, 0),
        CommitOrder::Diverged => ("diverged", 1, 1),
    };
    let repository = format!("{owner}/{repository}");
    let told = objects::comparison(&asked.to, &repository, (base, head), (word, ahead, behind));
    Json(told).into_response()
}

pub(super) async fn release(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, repository)): RepositoryPath,
    Json(body): Json<Value>,
) -> Response {
    let repository = format!("{owner}/{repository}");
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let (tag, sha) = (text("tag_name"), text("target_commitish"));
    let mut state = server.state.lock().unwrap();
    let name = format!("tags/{tag}");
    if let Some(refused) = protected(&state, &name) {
        return refused;
    }
    if state.git.releases.contains(&tag) {
        let mut refused = json!({
            "message": "Validation Failed",
            "documentation_url": "https://docs.github.com/rest",
            "status": "422",
        });
        refused["errors"] =
            json!([{ "resource": "Release", "code": "already_exists", "field": "tag_name" }]);
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(refused)).into_response();
    }
    let is_new = !state.git.refs.contains_key(&name);
    let sha = state.git.refs.entry(name.clone()).or_insert(sha).clone();
    if is_new {
        state.pushed(&repository, ("push", &name, &sha), &asked.login);
    }
    state.git.releases.push(tag.clone());
    state.pushed(&repository, ("release", &name, &sha), &asked.login);
    drop(state);
    server.changed();
    let told = objects::release(&asked.to, &repository, (&tag, &sha), &asked.login);
    (StatusCode::CREATED, Json(told)).into_response()
}

pub(super) async fn release_of(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, repository, tag)): InRepository,
) -> Response {
    let state = server.state.lock().unwrap();
    if !state.git.releases.contains(&tag) {
        return not_found();
    }
    let sha = state.git.refs.get(&format!("tags/{tag}")).cloned().unwrap_or_default();
    let repository = format!("{owner}/{repository}");
    Json(objects::release(&asked.to, &repository, (&tag, &sha), &asked.login)).into_response()
}
