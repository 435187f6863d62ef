//! The dispatch of a workflow, and what may become of its answer.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use chrono::Utc;
use serde_json::{Value, json};

use super::super::objects;
use super::super::run::RunOf;
use super::super::{DispatchFault, FakeRun};
use super::{Asked, InRepository, Shared, not_found, refusal};

/// How many inputs a dispatch may have, at github.com and at an Enterprise server.
const MOST_INPUTS: [usize; 2] = [25, 10];

pub(super) fn forbidden(permission: &str) -> Response {
    let why = "Resource not accessible by personal access token";
    let header = [("x-accepted-github-permissions", permission)];
    (header, refusal(StatusCode::FORBIDDEN, why)).into_response()
}

fn unprocessable(why: &str) -> Response {
    refusal(StatusCode::UNPROCESSABLE_ENTITY, why)
}

pub(super) async fn dispatch(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, name, file)): InRepository,
    Json(body): Json<Value>,
) -> Response {
    let mut state = server.state.lock().unwrap();
    let repository = format!("{owner}/{name}");
    let Some(workflow) = state.workflow(&repository, &file).cloned() else { return not_found() };
    let fault = state.dispatch.clone();
    if let DispatchFault::LimitedOnce | DispatchFault::SpentOnce = fault {
        state.dispatch = DispatchFault::Pass;
    }
    if let Some(refused) = refused(&fault) {
        return refused;
    }
    let given = match inputs(&body, asked.is_enterprise) {
        Ok(given) => given,
        Err((status, why)) => return refusal(status, &why),
    };
    let Some(inputs) = workflow.inputs.as_ref().filter(|_| workflow.state == "active") else {
        let why = if workflow.inputs.is_none() {
            "Workflow does not have 'workflow_dispatch' trigger"
        } else {
            "Cannot trigger a 'workflow_dispatch' on a disabled workflow"
        };
        return unprocessable(why);
    };
    if let Some(unknown) = given.keys().find(|name| !inputs.contains(*name)) {
        return unprocessable(&format!("Unexpected inputs provided: [\"{unknown}\"]"));
    }
    let at = body["ref"].as_str().unwrap_or_default();
    if at != "main" && at != "refs/heads/main" {
        return unprocessable(&format!("No ref found for: {at}"));
    }
    let key = given.get("trunkline").filter(|_| state.shows_keys).cloned().unwrap_or_default();
    let title = format!("deploy {} {key}", given.get("sha").cloned().unwrap_or_default());
    let run = state.run_of(&RunOf {
        repository: &repository,
        workflow: &workflow.file,
        event: "workflow_dispatch",
        actor: &asked.login,
        title: &title,
        ..RunOf::default()
    });
    let run = FakeRun { inputs: given, ..run };
    let page = objects::page(&asked.to, &run);
    let id = state.add(run, true);
    drop(state);
    server.changed();
    match fault {
        DispatchFault::BadGateway => StatusCode::BAD_GATEWAY.into_response(),
        DispatchFault::Pass if body["return_run_details"] == true => {
            let url = format!("{}/repos/{repository}/actions/runs/{id}", asked.to.api);
            Json(json!({ "workflow_run_id": id, "run_url": url, "html_url": page })).into_response()
        }
        _ => StatusCode::NO_CONTENT.into_response(),
    }
}

/// The answer where a fault is before everything else.
fn refused(fault: &DispatchFault) -> Option<Response> {
    match fault {
        DispatchFault::Unavailable => {
            Some((StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")]).into_response())
        }
        DispatchFault::Forbidden => Some(forbidden("actions=write")),
        DispatchFault::LimitedOnce | DispatchFault::SpentOnce => {
            let why = refusal(StatusCode::FORBIDDEN, "You have exceeded a secondary rate limit");
            if *fault == DispatchFault::LimitedOnce {
                return Some(([("retry-after", "1")], why).into_response());
            }
            let reset = (Utc::now().timestamp() + 1).to_string();
            let spent = [("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", reset)];
            Some((spent, why).into_response())
        }
        _ => None,
    }
}

/// The inputs of a dispatch, whose body has nothing else than this server knows.
fn inputs(
    body: &Value,
    is_enterprise: bool,
) -> Result<BTreeMap<String, String>, (StatusCode, String)> {
    let known: &[&str] =
        if is_enterprise { &["ref", "inputs"] } else { &["ref", "inputs", "return_run_details"] };
    let names = body.as_object().into_iter().flat_map(|body| body.keys());
    if let Some(unknown) = names.into_iter().find(|name| !known.contains(&name.as_str())) {
        let why = format!("Invalid request.\n\n\"{unknown}\" is not a permitted key.");
        return Err((StatusCode::BAD_REQUEST, why));
    }
    let given = serde_json::from_value(body["inputs"].clone());
    let given: BTreeMap<String, String> = given.unwrap_or_default();
    let most = MOST_INPUTS[usize::from(is_enterprise)];
    if given.len() > most {
        return Err((
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("Invalid request.\n\nNo more than {most} properties are allowed"),
        ));
    }
    Ok(given)
}
