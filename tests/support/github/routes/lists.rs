//! The lists of runs and workflows: filtered, the newest first, in pages that move while they are read.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::header::{ACCEPT, LINK};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde_json::{Value, json};

use super::super::objects;
use super::super::run::FakeRun;
use super::super::state::State as Known;
use super::{Asked, InRepository, RepositoryPath, Shared, not_found, refusal};

/// How many things are on a page, and how many at most.
const PER_PAGE: usize = 30;
const MOST_PER_PAGE: usize = 100;
/// How many runs a filtered list has at most.
const MOST_FILTERED: usize = 1_000;
/// What filters a list of runs.
const FILTERS: &[&str] =
    &["actor", "branch", "check_suite_id", "created", "event", "head_sha", "status"];

pub(super) async fn runs(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, name)): RepositoryPath,
) -> Response {
    let mut state = server.state.lock().unwrap();
    list(&mut state, &asked, &format!("{owner}/{name}"), None)
}

pub(super) async fn runs_of_workflow(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, name, file)): InRepository,
) -> Response {
    let mut state = server.state.lock().unwrap();
    let repository = format!("{owner}/{name}");
    let Some(workflow) = state.workflow(&repository, &file) else { return not_found() };
    let file = workflow.file.clone();
    list(&mut state, &asked, &repository, Some(&file))
}

fn list(state: &mut Known, asked: &Asked, repository: &str, file: Option<&str>) -> Response {
    let filter = match Filter::of(&asked.query) {
        Ok(filter) => filter,
        Err(why) => return refusal(StatusCode::UNPROCESSABLE_ENTITY, &why),
    };
    let is_asked = |run: &&FakeRun| {
        run.repository == repository
            && file.is_none_or(|file| run.workflow == file)
            && filter.takes(run)
    };
    let all: Vec<_> = state.listed().filter(is_asked).collect();
    let total = all.len();
    let is_filtered = FILTERS.iter().any(|name| asked.query.contains_key(*name));
    let most = if is_filtered { MOST_FILTERED } else { usize::MAX };
    let told = |run: &&FakeRun| told(state, asked, run);
    let (page, link) = page(all.iter().take(most).map(told).collect(), asked);
    if let Some(run) = state.between_pages.take() {
        state.add(run, false);
    }
    (link, Json(json!({ "total_count": total, "workflow_runs": page }))).into_response()
}

/// A run as it is told.
pub(super) fn told(state: &Known, asked: &Asked, run: &FakeRun) -> Value {
    let workflow = state.workflow(&run.repository, &run.workflow);
    let mut told = objects::run(&asked.to, run, workflow.map_or(0, |workflow| workflow.id));
    if asked.query.get("exclude_pull_requests").is_some_and(|word| word == "true") {
        told["pull_requests"] = json!([]);
    }
    if state.is_odd { objects::emptied(told) } else { told }
}

/// What a list of runs is asked for.
#[derive(Default)]
struct Filter {
    words: BTreeMap<&'static str, String>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
}

impl Filter {
    fn of(query: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut filter = Self::default();
        for name in FILTERS {
            if let Some(word) = query.get(*name) {
                filter.words.insert(name, word.clone());
            }
        }
        if let Some(created) = filter.words.remove("created") {
            let wrong = || format!("created is no range of times: {created}");
            (filter.since, filter.until) = range(&created).ok_or_else(wrong)?;
        }
        Ok(filter)
    }

    fn takes(&self, run: &FakeRun) -> bool {
        let is_word = |(name, word): (&&str, &String)| match *name {
            "actor" => run.actor == *word,
            "branch" => run.branch == *word,
            "event" => run.event == *word,
            "head_sha" => run.sha == *word,
            // One word for both.
            "status" => run.status == *word || run.conclusion.as_ref() == Some(word),
            _ => false,
        };
        self.words.iter().all(is_word)
            && self.since.is_none_or(|since| run.created_at >= since)
            && self.until.is_none_or(|until| run.created_at <= until)
    }
}

type Range = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// A range as GitHub's search writes it: `>=T`, `<=T`, `T..T`, `T..*`.
fn range(text: &str) -> Option<Range> {
    if let Some((since, until)) = text.split_once("..") {
        let end = |text: &str| if text == "*" { Some(None) } else { instant(text).map(Some) };
        return Some((end(since)?, end(until)?));
    }
    let after = |sign: &str| text.strip_prefix(sign).map(instant);
    match (after(">=").or_else(|| after(">")), after("<=").or_else(|| after("<"))) {
        (Some(since), _) => Some((Some(since?), None)),
        (_, Some(until)) => Some((None, Some(until?))),
        _ => instant(text).map(|at| (Some(at), Some(at))),
    }
}

fn instant(text: &str) -> Option<DateTime<Utc>> {
    let day = |text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let at = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).ok();
    at.or_else(|| Some(day(text)?.and_time(NaiveTime::MIN).and_utc()))
}

/// The page of a list that is asked for, and where the others are.
pub(super) fn page(
    all: Vec<Value>,
    asked: &Asked,
) -> (Vec<Value>, Option<[(axum::http::HeaderName, String); 1]>) {
    let number = |name: &str| asked.query.get(name).and_then(|text| text.parse().ok());
    let size = number("per_page").unwrap_or(PER_PAGE).clamp(1, MOST_PER_PAGE);
    let page = number("page").unwrap_or(1).max(1);
    let last = all.len().div_ceil(size);
    let url = |page: usize| {
        let others = asked.query.iter().filter(|(name, _)| *name != "page");
        let query: Vec<_> =
            others.map(|(name, word)| format!("{name}={}", encoded(word))).collect();
        format!("<{}?{}&page={page}>", asked.url, query.join("&"))
    };
    let mut links = Vec::new();
    if page > 1 {
        links.extend([
            format!("{}; rel=\"prev\"", url(page - 1)),
            format!("{}; rel=\"first\"", url(1)),
        ]);
    }
    if page < last {
        links.extend([
            format!("{}; rel=\"next\"", url(page + 1)),
            format!("{}; rel=\"last\"", url(last)),
        ]);
    }
    let link = (!links.is_empty()).then(|| [(LINK, links.join(", "))]);
    (all.into_iter().skip(size * (page - 1)).take(size).collect(), link)
}

fn encoded(word: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(byte);
    let encode = |byte: u8| {
        if is_plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    word.bytes().map(encode).collect()
}

pub(super) async fn workflows(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, name)): RepositoryPath,
) -> Response {
    let state = server.state.lock().unwrap();
    if state.dispatch == super::super::DispatchFault::Forbidden {
        return super::dispatch::forbidden("actions=read");
    }
    let repository = format!("{owner}/{name}");
    let all = state.workflows.iter().filter(|workflow| workflow.repository == repository);
    let all: Vec<_> = all.map(|workflow| objects::workflow(&asked.to, workflow)).collect();
    let total = all.len();
    let (page, link) = page(all, &asked);
    (link, Json(json!({ "total_count": total, "workflows": page }))).into_response()
}

pub(super) async fn environments(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
) -> Response {
    let state = server.state.lock().unwrap();
    let all = state.environments.iter().enumerate();
    let all: Vec<_> = all.map(|(at, one)| one.told(&asked.to, at)).collect();
    let total = all.len();
    let (page, link) = page(all, &asked);
    (link, Json(json!({ "total_count": total, "environments": page }))).into_response()
}

pub(super) async fn workflow(
    State(server): Shared,
    Extension(asked): Extension<Asked>,
    Path((owner, name, file)): InRepository,
) -> Response {
    let state = server.state.lock().unwrap();
    let workflow = state.workflow(&format!("{owner}/{name}"), &file);
    let told = workflow.map(|workflow| Json(objects::workflow(&asked.to, workflow)));
    told.map_or_else(not_found, IntoResponse::into_response)
}

/// The text of a workflow's file, to whoever asks for it raw.
pub(super) async fn text(
    State(server): Shared,
    Path((owner, name, file)): InRepository,
    headers: HeaderMap,
) -> Response {
    let is_raw = |value: &HeaderValue| value == "application/vnd.github.raw+json";
    let state = server.state.lock().unwrap();
    let workflow = state.workflow(&format!("{owner}/{name}"), &file);
    match workflow.and_then(|workflow| workflow.text.clone()) {
        Some(text) if headers.get(ACCEPT).is_some_and(is_raw) => text.into_response(),
        _ => not_found(),
    }
}
