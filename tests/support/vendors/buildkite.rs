//! Buildkite: builds of a pipeline, which are found by their meta-data, and the log of each job.

use axum::http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::{Answer, Asked, VendorRun, VendorState, texts};

/// The id of the one job of a build.
const JOB: &str = "b63254c0-3271-4a98-8270-7cfbd6c2f14e";

pub(super) fn answer(state: &mut VendorState, asked: &Asked<'_>) -> Answer {
    let login = asked.headers.get("authorization").map(HeaderValue::as_bytes);
    if login != Some(b"Bearer bkua_4f9d8a7c6b5e4d3c".as_slice()) {
        return (StatusCode::UNAUTHORIZED, json!({ "message": "Authentication required." }));
    }
    let ["v2", "organizations", "acme", "pipelines", rest @ ..] = asked.path.as_slice() else {
        return missing();
    };
    match (asked.method, rest) {
        ("GET", []) => (StatusCode::OK, json!([{ "slug": "shop" }])),
        ("POST", ["shop", "builds"]) => begin(state, &asked.body),
        ("GET", ["shop", "builds"]) => {
            let wanted = asked.query.get("meta_data[trunkline]");
            let is_wanted =
                |run: &&VendorRun| run.is_listed && wanted == run.given.get("trunkline");
            let runs = state.runs.iter().rev().filter(is_wanted);
            (StatusCode::OK, runs.map(build).collect())
        }
        ("GET", ["shop", "builds", number]) => match state.run(number) {
            Some(run) => (StatusCode::OK, build(run)),
            None => missing(),
        },
        ("PUT", ["shop", "builds", number, "cancel"]) => {
            if state.cancel(number, "canceled") {
                return (StatusCode::OK, build(state.run(number).unwrap()));
            }
            let why = "Build can't be canceled because it's already finished.";
            (StatusCode::UNPROCESSABLE_ENTITY, json!({ "message": why }))
        }
        ("GET", ["shop", "builds", number, "jobs", JOB, "log"]) => match state.run(number) {
            Some(run) => {
                let log = json!({ "content": run.log, "size": run.log.len(), "header_times": [] });
                (StatusCode::OK, log)
            }
            None => missing(),
        },
        _ => missing(),
    }
}

fn begin(state: &mut VendorState, body: &Value) -> Answer {
    let is_whole = ["commit", "branch"].iter().all(|name| body[*name].is_string());
    if !is_whole {
        let why = "Commit and branch have to be given.";
        return (StatusCode::UNPROCESSABLE_ENTITY, json!({ "message": why }));
    }
    let (mut given, more) = (texts(&body["env"]), texts(&body["meta_data"]));
    given.extend(more);
    given.insert("branch".into(), body["branch"].as_str().unwrap().into());
    let run = state.begin("shop", given);
    (StatusCode::CREATED, build(&run))
}

fn build(run: &VendorRun) -> Value {
    let usual = if run.has_begun { "running" } else { "scheduled" };
    let word = run.end.as_deref().or(run.stands.as_deref()).unwrap_or(usual);
    // A build that is blocked counts as finished there.
    let is_finished = run.end.is_some() || run.stands.as_deref() == Some("blocked");
    let finished = is_finished.then_some("2026-11-27T05:00:09.000Z");
    json!({
        "id": format!("f62a1b4d-10f9-4790-bc1c-{:012}", run.number),
        "number": run.number,
        "state": word,
        "web_url": format!("https://buildkite.com/acme/shop/builds/{}", run.number),
        "meta_data": { "trunkline": run.given.get("trunkline") },
        "cancel_reason": null,
        "started_at": run.has_begun.then_some("2026-11-27T05:00:00.000Z"),
        "finished_at": finished,
        "jobs": [
            { "id": "0", "type": "waiter" },
            { "id": JOB, "type": "script", "name": "deploy", "finished_at": run.end.as_ref().and(finished) },
        ],
    })
}

fn missing() -> Answer {
    (StatusCode::NOT_FOUND, json!({ "message": "No pipeline or build found" }))
}
