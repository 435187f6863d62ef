//! One run: how it stands, what it waits for, and what it is asked to do.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::super::objects;
use super::super::run::{FakeReview, FakeRun};
use super::super::state::State as Known;
use super::lists::told;
use super::{Asked, InRepository, Shared, not_found, refusal};

/// The run of a repository.
pub(super) fn of<'a>(
    state: &'a Known,
    (owner, name): (&str, &str),
    id: u64,
) -> Option<&'a FakeRun> {
    state.runs.get(&id).filter(|run| run.repository == format!("{owner}/{name}"))
}

pub(super) async fn run(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, name, id)): InRepository<u64>,
) -> Response {
    let state = server.state.lock().unwrap();
    let run = of(&state, (&owner, &name), id);
    run.map_or_else(not_found, |run| Json(told(&state, &asked, run)).into_response())
}

pub(super) async fn attempt(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, name, id, attempt)): Path<(String, String, u64, u64)>,
) -> Response {
    let state = server.state.lock().unwrap();
    let run = of(&state, (&owner, &name), id).and_then(|run| run.at(attempt));
    run.map_or_else(not_found, |run| Json(told(&state, &asked, &run)).into_response())
}

pub(super) async fn pending(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, name, id)): InRepository<u64>,
) -> Response {
    let state = server.state.lock().unwrap();
    let run = of(&state, (&owner, &name), id);
    let told = |one: &Value| {
        let mut told = one.clone();
        told["current_user_can_approve"] = may_review(one, &asked.login).into();
        told
    };
    let told = |run: &FakeRun| run.pending.iter().map(told).collect::<Vec<_>>();
    run.map_or_else(not_found, |run| Json(told(run)).into_response())
}

/// Everybody is in every team.
fn may_review(pending: &Value, login: &str) -> bool {
    let reviewers = pending["reviewers"].as_array();
    reviewers
        .into_iter()
        .flatten()
        .any(|one| one["type"] == "Team" || one["reviewer"]["login"].as_str() == Some(login))
}

pub(super) async fn approvals(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, name, id)): InRepository<u64>,
) -> Response {
    let state = server.state.lock().unwrap();
    let Some(run) = of(&state, (&owner, &name), id) else { return not_found() };
    let told = run.reviews.iter().map(|review| {
        let user = objects::user(&asked.to, &review.by);
        let environments: Vec<_> =
            review.environments.iter().map(|name| objects::environment_name(name)).collect();
        json!({
            "state": review.state, "comment": review.comment, "environments": environments, "user": user,
        })
    });
    Json(told.collect::<Vec<_>>()).into_response()
}

/// Lets a run through that waits for a review, or ends it.
pub(super) async fn review(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, name, id)): InRepository<u64>,
    Json(body): Json<Value>,
) -> Response {
    let mut state = server.state.lock().unwrap();
    let Some(run) = of(&state, (&owner, &name), id) else { return not_found() };
    let login = asked.login.clone();
    let is_waiting = |id: &Value| {
        let mut of = run.pending.iter().filter(|one| one["environment"]["id"] == *id);
        of.any(|one| may_review(one, &login))
    };
    let ids = body["environment_ids"].as_array();
    if ids.is_none_or(|ids| ids.is_empty() || !ids.iter().all(is_waiting)) {
        let why =
            "There were one or more errors: no pending deployment requests to approve or reject";
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, why);
    }
    let word = body["state"].as_str().unwrap_or_default().to_owned();
    let (ids, mut go_on) = (ids.cloned().unwrap_or_default(), false);
    let comment = body["comment"].as_str().unwrap_or_default().to_owned();
    state.change(id, |run| {
        let is_it = |one: &Value| ids.contains(&one["environment"]["id"]);
        let name = |one: &Value| one["environment"]["name"].as_str().unwrap_or_default().to_owned();
        let environments: Vec<_> = run.pending.iter().filter(|one| is_it(one)).map(name).collect();
        run.pending.retain(|one| !is_it(one));
        for job in run.jobs.iter_mut().filter(|job| job.status == "waiting") {
            if job.environment.as_ref().is_some_and(|name| environments.contains(name)) {
                job.status = "queued".into();
            }
        }
        let (state, by) = (word.clone(), login);
        run.reviews.push(FakeReview { state, by, comment, environments });
        go_on = word == "approved";
        if !go_on {
            run.ends("failure");
        }
    });
    if go_on {
        let state = &mut *state;
        if let Some(run) = state.runs.get_mut(&id) {
            (state.on_review)(run);
        }
        state.change(id, |_| {});
    }
    drop(state);
    server.changed();
    Json(json!([])).into_response()
}

/// The group of a run, which holds it until it has ended.
pub(super) async fn groups(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, name, id)): InRepository<u64>,
) -> Response {
    let state = server.state.lock().unwrap();
    let Some(run) = of(&state, (&owner, &name), id) else { return not_found() };
    let (api, web) = (&asked.to.api, &asked.to.web);
    let told = run.group.iter().map(|group| {
        let url = format!("{api}/repos/{owner}/{name}/actions/concurrency_groups/{group}");
        let member = json!({
            "run_id": id,
            "run_name": "deploy",
            "run_url": format!("{api}/repos/{owner}/{name}/actions/runs/{id}"),
            "run_html_url": format!("{web}/{owner}/{name}/actions/runs/{id}"),
            "status": "in_progress",
            "position": 0,
            "position_url": format!("{url}?ahead_of_run={id}"),
        });
        let members = if run.is_over() { Vec::new() } else { vec![member] };
        json!({ "group_name": group, "group_url": url, "group_members": members })
    });
    let told: Vec<_> = told.collect();
    Json(json!({ "total_count": told.len(), "concurrency_groups": told })).into_response()
}

/// Cancels a run, or starts it once more.
pub(super) async fn act(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, name, id, act)): Path<(String, String, u64, String)>,
) -> Response {
    let mut state = server.state.lock().unwrap();
    let Some(run) = of(&state, (&owner, &name), id) else { return not_found() };
    let is_over = run.is_over();
    let done = match act.as_str() {
        "cancel" | "force-cancel" if is_over => {
            let why = "Cannot cancel a workflow run that is completed.";
            return refusal(StatusCode::CONFLICT, why);
        }
        "cancel" => state.change(id, |run| {
            run.cancels += 1;
            if run.hears && !run.is_deaf {
                run.ends("cancelled");
            }
        }),
        "force-cancel" => state.change(id, |run| {
            run.forces += 1;
            if !run.is_deaf {
                run.ends("cancelled");
            }
        }),
        "rerun" | "rerun-failed-jobs" if !is_over => {
            let why = "This workflow run is already running.";
            return refusal(StatusCode::FORBIDDEN, why);
        }
        "rerun" | "rerun-failed-jobs" => state.change(id, |run| {
            run.again();
            run.triggering_actor.clone_from(&asked.login);
        }),
        _ => None,
    };
    drop(state);
    server.changed();
    let status = if act.starts_with("rerun") { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    done.map_or_else(not_found, |()| (status, Json(json!({}))).into_response())
}
