//! `CircleCI`: pipelines with parameters, whose list does not show them; their configuration; their workflows.

use axum::http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::{Answer, Asked, VendorRun, VendorState, texts};

/// The parameters that the configuration declares.
const PARAMETERS: [&str; 3] = ["trunkline", "version", "who"];

pub(super) fn answer(state: &mut VendorState, asked: &Asked<'_>) -> Answer {
    let token = asked.headers.get("circle-token").map(HeaderValue::as_bytes);
    if token != Some(b"CCIPAT_4f9d8a7c6b5e4d3c".as_slice()) {
        return (StatusCode::UNAUTHORIZED, json!({ "message": "You must log in first." }));
    }
    let ["api", "v2", rest @ ..] = asked.path.as_slice() else { return missing() };
    match (asked.method, rest) {
        ("GET", ["me"]) => (StatusCode::OK, json!({ "login": "deployer" })),
        ("POST", ["project", "gh", "acme", "shop", "pipeline"]) => begin(state, &asked.body),
        ("GET", ["project", "gh", "acme", "shop", "pipeline", "mine"]) => {
            let listed = state.runs.iter().rev().filter(|run| run.is_listed);
            let items: Vec<_> = listed.map(pipeline).collect();
            (StatusCode::OK, json!({ "items": items, "next_page_token": null }))
        }
        ("GET", ["pipeline", id, "config"]) => match state.run(number(id)) {
            Some(run) => {
                let key = run.given.get("trunkline").cloned().unwrap_or_default();
                let compiled =
                    format!("jobs:\n  deploy:\n    environment:\n    - TRUNKLINE: {key}\n");
                (StatusCode::OK, json!({ "source": "version: 2.1", "compiled": compiled }))
            }
            None => missing(),
        },
        ("GET", ["pipeline", id, "workflow"]) => match state.run(number(id)) {
            Some(run) => {
                (StatusCode::OK, json!({ "items": workflows(run), "next_page_token": null }))
            }
            None => missing(),
        },
        ("POST", ["workflow", id, "cancel"]) => {
            state.cancel(number(id), "canceled");
            (StatusCode::ACCEPTED, json!({ "message": "Accepted." }))
        }
        _ => missing(),
    }
}

fn begin(state: &mut VendorState, body: &Value) -> Answer {
    let given = texts(&body["parameters"]);
    let unknown = given.keys().find(|name| !PARAMETERS.contains(&name.as_str()));
    if let Some(unknown) = unknown {
        let why = format!("Unexpected argument(s): {unknown}");
        return (StatusCode::BAD_REQUEST, json!({ "message": why }));
    }
    let run = state.begin("gh/acme/shop", given);
    (StatusCode::CREATED, pipeline(&run))
}

fn pipeline(run: &VendorRun) -> Value {
    json!({
        "id": format!("5034460f-c7c4-4c43-9457-{:012}", run.number),
        "number": run.number,
        "state": "created",
        "errors": [],
        "created_at": "2026-11-27T05:00:00.000Z",
    })
}

/// One that deploys, once it has begun, and one beside it that always succeeds.
fn workflows(run: &VendorRun) -> Vec<Value> {
    let workflow = |name: &str, status: &str, is_over: bool, group: u64| {
        json!({
            "id": format!("fda08377-fe7e-46b1-{group:04}-{:012}", run.number),
            "name": name,
            "status": status,
            "created_at": "2026-11-27T05:00:00.000Z",
            "stopped_at": is_over.then_some("2026-11-27T05:00:09.000Z"),
        })
    };
    let mut all = vec![workflow("checks", "success", true, 1)];
    if run.has_begun || run.end.is_some() {
        let word = run.end.as_deref().or(run.stands.as_deref()).unwrap_or("running");
        all.push(workflow("deploy", word, run.end.is_some(), 2));
    }
    all
}

/// The number that an id was made of.
fn number(id: &str) -> &str {
    id.rsplit('-').next().unwrap_or_default().trim_start_matches('0')
}

fn missing() -> Answer {
    (StatusCode::NOT_FOUND, json!({ "message": "Not found" }))
}
