//! Deployments and their statuses, the newest first.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::Value;

use super::super::deployment::FakeDeployment;
use super::super::objects;
use super::super::state::State as Known;
use super::lists::page;
use super::{Asked, InRepository, RepositoryPath, Shared, not_found};

pub(super) async fn list(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, name)): RepositoryPath,
) -> Response {
    let state = server.state.lock().unwrap();
    let repository = format!("{owner}/{name}");
    let is = |name: &str, value: &str| asked.query.get(name).is_none_or(|word| word == value);
    let is_asked = |one: &&FakeDeployment| {
        one.repository == repository
            && !one.is_forgotten
            && is("environment", &one.environment)
            && is("sha", &one.sha)
            && is("ref", &one.at)
            && is("task", "deploy")
    };
    let all = state.deployments.iter().rev().filter(is_asked);
    let all = all.map(|one| told(&state, objects::deployment(&asked.to, one))).collect();
    let (page, link) = page(all, &asked);
    (link, Json(page)).into_response()
}

fn of<'a>(state: &'a Known, (owner, name): (&str, &str), id: u64) -> Option<&'a FakeDeployment> {
    let repository = format!("{owner}/{name}");
    let is_it =
        |one: &&FakeDeployment| one.id == id && one.repository == repository && !one.is_forgotten;
    state.deployments.iter().find(is_it)
}

fn told(state: &Known, told: Value) -> Value {
    if state.is_odd { objects::emptied(told) } else { told }
}

pub(super) async fn one(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, name, id)): InRepository<u64>,
) -> Response {
    let state = server.state.lock().unwrap();
    let found = of(&state, (&owner, &name), id);
    let found = found.map(|one| Json(told(&state, objects::deployment(&asked.to, one))));
    found.map_or_else(not_found, IntoResponse::into_response)
}

pub(super) async fn statuses(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, name, id)): InRepository<u64>,
) -> Response {
    let state = server.state.lock().unwrap();
    let Some(deployment) = of(&state, (&owner, &name), id) else { return not_found() };
    let all = deployment.statuses.iter().rev();
    let all = all.map(|one| told(&state, objects::deployment_status(&asked.to, deployment, one)));
    let (page, link) = page(all.collect(), &asked);
    (link, Json(page)).into_response()
}
