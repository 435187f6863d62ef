//! The page of a deployment: what was asked for, its steps, and the log of one of them.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::frame::Frame;
use super::log::{PAGE, StepLog, of_page};
use super::text::{PageFact, PageText, TextLink, class_of};
use super::{ZONE, html, not_found, snapshot};
use crate::api::path;
use crate::backend::Backend;
use crate::domain::caller::Via;
use crate::domain::deployment::{Deployment, StepState};
use crate::domain::event::StepOutcome;
use crate::domain::ids::{DeploymentId, Environment, ServiceName};
use crate::domain::instant::to_the_second;
use crate::domain::log::LogFrom;
use crate::domain::plan::{Finding, Severity};
use crate::domain::snapshot::ServiceSnapshot;
use crate::domain::time::{between, say};
use crate::domain::words::{self, about, ago, how_it_goes};
use crate::server::extract::{InPath, InQuery};
use crate::server::response::ProblemResponse;
use crate::server::routes::Session;

/// Which step's log to show, and which part of it.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::server) struct RunPageQuery {
    /// The index of the step, from 0; by default the one that runs, or the last one that ran.
    pub step: Option<usize>,
    /// Lines that start at or after this cursor.
    pub after: Option<u64>,
    /// Lines that end at or before this cursor.
    pub before: Option<u64>,
    /// A link to this page.
    pub link: Option<String>,
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    frame: Frame,
    what: PageText,
    class: &'static str,
    outcome: PageText,
    facts: Vec<PageFact>,
    build: Option<TextLink>,
    findings: Vec<PageText>,
    steps: Vec<StepLine>,
    log: Option<StepLog>,
}

struct StepLine {
    href: Option<String>,
    name: PageText,
    class: &'static str,
    state: PageText,
    /// Whether its log is on the page.
    shown: bool,
}

/// Shows one deployment with the log of a step.
#[utoipa::path(
    get,
    path = path::RUN_PAGE,
    params(("service" = ServiceName, Path), ("deployment" = DeploymentId, Path), RunPageQuery),
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        crate::server::document::BadRequestResponse,
        crate::server::document::NotFoundResponses,
    )
)]
pub(in crate::server) async fn run<B: Backend>(
    State(session): State<Session<B>>,
    InPath((name, id)): InPath<(ServiceName, DeploymentId)>,
    InQuery(query): InQuery<RunPageQuery>,
) -> Result<Response, ProblemResponse> {
    let run = find(&session, &name, id).await?;
    let snapshot = snapshot(&session, &name).await?;
    let link = query.link.as_deref().filter(|_| matches!(session.caller.via, Via::Link { .. }));
    let step = query.step.or(run.telling_step()).filter(|step| *step < run.steps.len());
    let log = match step {
        Some(step) => Some(step_log(&session, &name, &run, step, &query, link).await),
        None => None,
    };
    let request = &run.request;
    let page = |step| path::log_page((&name, id, step, link), None);
    let steps = request.steps.iter().zip(&run.steps).enumerate();
    Ok(html(&RunPage {
        frame: Frame::of(&session.caller, Some(&name), Some(id.to_string()), snapshot.at),
        what: PageText::sentence(about(&run)),
        class: class_of(run.state()),
        outcome: PageText::sentence(how_it_goes(&run, snapshot.at)),
        facts: facts(&run, &snapshot),
        build: (link.is_none() && run.unknown_commit().is_none()).then(|| TextLink {
            href: path::build_page(&name, request.build),
            text: request.build.to_string(),
        }),
        findings: request.findings.iter().map(finding).collect(),
        steps: steps
            .map(|(index, (spec, state))| StepLine {
                href: has_log(state).then(|| page(index)),
                name: PageText::name(&spec.name),
                class: class_of_step(state),
                state: PageText::sentence(step_in_words(state, &snapshot)),
                shown: step == Some(index),
            })
            .collect(),
        log,
    }))
}

/// Any deployment, however old.
pub(super) async fn find<B: Backend>(
    session: &Session<B>,
    name: &ServiceName,
    id: DeploymentId,
) -> Result<Deployment, ProblemResponse> {
    let before = Some(DeploymentId(id.0.saturating_add(1)));
    for environment in [Environment::Production, Environment::Staging] {
        let page = session.ask(session.backend.history(name, environment, before, 1)).await?;
        if let Some(found) = page.into_iter().find(|run| run.id == id) {
            return Ok(found);
        }
    }
    Err(not_found(format!("there is no deployment {id}")))
}

fn facts(run: &Deployment, snapshot: &ServiceSnapshot) -> Vec<PageFact> {
    let (request, now) = (&run.request, snapshot.at);
    let when = |at| format!("{} ({})", to_the_second(at, ZONE), ago(at, now));
    let mut facts =
        vec![("asked for by", run.by.to_string()), ("asked for", when(run.requested_at))];
    if run.unknown_commit().is_none() {
        facts.insert(0, ("commit", request.sha.as_str().to_owned()));
    }
    facts.extend(words::seen_elsewhere(run).map(|made| ("made", made)));
    let page = run.seen.as_ref().and_then(|seen| seen.page.clone());
    facts.extend(page.map(|page| ("its page", page)));
    let known = snapshot.builds.iter().find(|row| row.build.number == request.build);
    let known = known.filter(|_| run.unknown_commit().is_none());
    facts.extend(known.map(|row| ("change", row.build.subject().to_owned())));
    facts.extend(run.started_at.map(|at| ("began", when(at))));
    facts.extend(run.ended.as_ref().map(|ended| ("ended", when(ended.at))));
    facts.extend(run.took().map(|took| ("took", say(took))));
    facts.extend(request.previous.map(|previous| ("live before", previous.to_string())));
    facts.extend(request.retries.map(|retried| ("retry of", retried.to_string())));
    facts.extend(
        request
            .overrides
            .iter()
            .map(|(guard, why)| ("overrode", format!("{guard}: {why}", guard = guard.as_str()))),
    );
    facts.extend(run.cancel.as_ref().map(|cancel| {
        ("cancelled by", format!("{}, {}: {}", cancel.by, when(cancel.at), cancel.reason))
    }));
    for (at, step) in request.steps.iter().enumerate() {
        let where_it_runs = words::elsewhere(run, at).map(|place| format!("{} {place}", step.name));
        facts.extend(where_it_runs.map(|place| ("step", place)));
        facts.extend(words::page_elsewhere(run, at).map(|page| ("its page", page.to_owned())));
    }
    facts.into_iter().map(|(about, text)| (about, PageText::sentence(text))).collect()
}

/// A finding, and what it asked for.
fn finding(found: &Finding) -> PageText {
    let asked = match found.severity {
        Severity::Info => "",
        Severity::Warn => "warning: ",
        Severity::Override => "needed an override: ",
        Severity::Refuse => "refused: ",
    };
    PageText::sentence(format!("{asked}{}", found.sentence))
}

fn has_log(state: &StepState) -> bool {
    matches!(state, StepState::Running { .. } | StepState::Ended { .. })
}

fn class_of_step(state: &StepState) -> &'static str {
    match state {
        StepState::Waiting | StepState::Skipped => "quiet",
        StepState::Running { .. } => "active",
        StepState::Ended { outcome: StepOutcome::Succeeded, .. } => "good",
        StepState::Ended { .. } => "bad",
    }
}

fn step_in_words(state: &StepState, snapshot: &ServiceSnapshot) -> String {
    match state {
        StepState::Waiting => "waiting".to_owned(),
        StepState::Skipped => "skipped".to_owned(),
        StepState::Running { since } => format!("running, {}", say(between(*since, snapshot.at))),
        StepState::Ended { took, outcome, .. } => format!("{outcome} in {}", say(*took)),
    }
}

/// The log of a step, or why it cannot be shown.
async fn step_log<B: Backend>(
    session: &Session<B>,
    name: &ServiceName,
    run: &Deployment,
    step: usize,
    query: &RunPageQuery,
    link: Option<&str>,
) -> StepLog {
    let from = match (query.before, query.after) {
        (Some(before), _) => LogFrom::Before(before),
        (None, Some(after)) => LogFrom::After(after),
        (None, None) => LogFrom::End,
    };
    let read = session.backend.log(name, run.id, step, from, PAGE, Duration::ZERO);
    let of = (name, run.id, step, link);
    of_page(&run.request.steps[step].name, of, from, session.ask(read).await)
}
