//! Jenkins: a queue, whose items become builds; the text of a build with its hidden notes; parameters of a job.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::{Asked, Server, VendorRun, VendorState};

/// What a user and a token of the API are as a header.
const LOGIN: &str = "Basic ZGVwbG95ZXI6MTFhYTIyYmIzM2NjNDRkZDU1";
/// An item of the queue has another number than its build.
const QUEUED: u64 = 1_000;
/// The parameters of the job.
const PARAMETERS: [&str; 3] = ["trunkline", "version", "who"];
/// A note that the plain text does not have, and which counts in its size.
const NOTE: &str = "\u{1b}[8mha:AAAAlh+LCAAAAAAAAP9b\u{1b}[0m";

pub(super) fn answer(
    server: &Server,
    state: &mut VendorState,
    asked: &Asked<'_>,
) -> Response<Body> {
    let login = asked.headers.get("authorization").map(HeaderValue::as_bytes);
    if login != Some(LOGIN.as_bytes()) {
        return plain(StatusCode::UNAUTHORIZED);
    }
    match (asked.method, asked.path.as_slice()) {
        ("GET", ["api", "json"]) => json(&json!({ "mode": "NORMAL" })),
        ("POST", ["job", "team", "job", "shop", "buildWithParameters"]) => {
            // What the job does not have as a parameter is left out.
            let given = |(name, value): (&String, &String)| {
                PARAMETERS.contains(&name.as_str()).then(|| (name.clone(), value.clone()))
            };
            let given: BTreeMap<_, _> = asked.query.iter().filter_map(given).collect();
            let run = state.begin("team/shop", given);
            let item = format!("http://{}/queue/item/{}/", server.address, run.number + QUEUED);
            let answer = Response::builder().status(StatusCode::CREATED).header("location", item);
            answer.body(Body::empty()).unwrap()
        }
        ("GET", ["queue", "api", "json"]) => {
            let waits = |run: &&VendorRun| !run.has_begun && run.end.is_none() && run.is_listed;
            let items = state.runs.iter().filter(waits);
            let item = |run: &VendorRun| json!({ "id": run.number + QUEUED, "actions": [{}, { "parameters": parameters(run) }] });
            json(&json!({ "items": items.map(item).collect::<Vec<_>>() }))
        }
        ("GET", ["queue", "item", number, "api", "json"]) => item(state, number),
        ("POST", ["queue", "cancelItem"]) => {
            let number = asked.query["id"].parse::<u64>().unwrap() - QUEUED;
            state.cancel(&number.to_string(), "ABORTED");
            plain(StatusCode::NO_CONTENT)
        }
        (method, ["job", "team", "job", "shop", rest @ ..]) => of_job(state, asked, method, rest),
        _ => plain(StatusCode::NOT_FOUND),
    }
}

fn item(state: &VendorState, number: &str) -> Response<Body> {
    let number = number.parse::<u64>().unwrap() - QUEUED;
    match state.run(&number.to_string()).filter(|run| !run.is_forgotten) {
        Some(run) if run.has_begun => {
            json(&json!({ "why": null, "executable": { "number": run.number } }))
        }
        Some(run) if run.end.is_some() => json(&json!({ "why": null, "cancelled": true })),
        Some(_) => json(&json!({ "why": "Waiting for next available executor" })),
        None => plain(StatusCode::NOT_FOUND),
    }
}

fn of_job(
    state: &mut VendorState,
    asked: &Asked<'_>,
    method: &str,
    rest: &[&str],
) -> Response<Body> {
    match (method, rest) {
        ("GET", ["api", "json"]) => {
            let begun = state.runs.iter().filter(|run| run.has_begun && run.is_listed).rev();
            let build = |run: &VendorRun| json!({ "number": run.number, "actions": [{ "parameters": parameters(run) }, {}] });
            json(&json!({ "builds": begun.map(build).collect::<Vec<_>>() }))
        }
        ("GET", [number, "api", "json"]) => match state.run(number).filter(|run| run.has_begun) {
            Some(run) => json(&json!({
                "building": run.end.is_none(),
                "result": run.end.as_ref().or(run.stands.as_ref()),
                "timestamp": 1_796_016_117_000_u64,
                "description": null,
            })),
            None => plain(StatusCode::NOT_FOUND),
        },
        ("POST", [number, "stop"]) => {
            state.cancel(number, "ABORTED");
            let answer = Response::builder().status(StatusCode::FOUND).header("location", ".");
            answer.body(Body::empty()).unwrap()
        }
        ("GET", [number, "logText", "progressiveText"]) => match state.run(number) {
            Some(run) => log(run, asked.query["start"].parse().unwrap()),
            None => plain(StatusCode::NOT_FOUND),
        },
        _ => plain(StatusCode::NOT_FOUND),
    }
}

/// The text from there on, without the notes that stand before each line.
fn log(run: &VendorRun, start: usize) -> Response<Body> {
    let lines = run.log.split_inclusive('\n').flat_map(|line| [NOTE, line]);
    let raw: String = lines.collect();
    let rest = raw.get(start..).unwrap_or_default().replace(NOTE, "");
    let mut answer = Response::builder().header("x-text-size", raw.len().to_string());
    if run.end.is_none() {
        answer = answer.header("x-more-data", "true");
    }
    answer.body(Body::from(rest)).unwrap()
}

fn parameters(run: &VendorRun) -> Vec<Value> {
    let parameter = |(name, value)| json!({ "name": name, "value": value });
    run.given.iter().map(parameter).collect()
}

fn json(body: &Value) -> Response<Body> {
    Response::new(Body::from(body.to_string()))
}

fn plain(status: StatusCode) -> Response<Body> {
    let answer = Response::builder().status(status).header("content-type", "text/html");
    answer.body(Body::from("<html>")).unwrap()
}
