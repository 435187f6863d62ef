//! The page of a service: how it stands, its builds, what production ran, its freezes and its measures.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::frame::Frame;
use super::text::{PageFact, PageText, TextLink, class_of, class_of_build};
use super::{ROWS, ZONE, cut, html, snapshot};
use crate::api::path;
use crate::backend::Backend;
use crate::calendar::FreezeWindow;
use crate::domain::deployment::Deployment;
use crate::domain::ids::{BuildNumber, DeploymentId, Environment, ServiceName};
use crate::domain::instant::local;
use crate::domain::snapshot::{BuildRow, ServiceSnapshot};
use crate::domain::stats::DAYS;
use crate::domain::words::{about, ago, measures, outcome, standing, writers};
use crate::server::extract::{InPath, InQuery};
use crate::server::response::ProblemResponse;
use crate::server::routes::Session;

/// The most coming freezes that are listed.
const WINDOWS: usize = 5;

/// Which part of the lists to show.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::server) struct ServicePageQuery {
    /// Only builds older than this one.
    builds_before: Option<BuildNumber>,
    /// Only production deployments older than this one.
    runs_before: Option<DeploymentId>,
}

#[derive(Template)]
#[template(path = "service.html")]
struct ServicePage {
    frame: Frame,
    name: PageText,
    source: PageText,
    standing: Vec<StandingFact>,
    target: String,
    reasons: Vec<PageText>,
    builds: Vec<BuildLine>,
    older_builds: Option<String>,
    runs: Vec<RunLine>,
    older_history: Option<String>,
    windows: Vec<PageText>,
    days: u32,
    stats: Vec<PageFact>,
    note: Option<PageText>,
}

struct StandingFact {
    about: &'static str,
    class: &'static str,
    text: PageText,
}

/// A build in a list.
struct BuildLine {
    href: String,
    number: String,
    state: &'static str,
    class: &'static str,
    subject: PageText,
    rest: PageText,
    run: Option<TextLink>,
}

/// A deployment in a list.
pub(super) struct RunLine {
    pub href: String,
    pub id: String,
    pub class: &'static str,
    pub outcome: PageText,
    pub what: PageText,
    pub rest: PageText,
}

/// Shows one service.
#[utoipa::path(
    get,
    path = path::SERVICE_PAGE,
    params(("service" = ServiceName, Path), ServicePageQuery),
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        crate::server::document::BadRequestResponse,
        crate::server::document::NotFoundResponses,
    )
)]
pub(in crate::server) async fn service<B: Backend>(
    State(session): State<Session<B>>,
    InPath(name): InPath<ServiceName>,
    InQuery(ServicePageQuery { builds_before, runs_before }): InQuery<ServicePageQuery>,
) -> Result<Response, ProblemResponse> {
    let snapshot = snapshot(&session, &name).await?;
    let backend = &session.backend;
    let (builds, more_builds) =
        cut(session.ask(backend.builds(&name, builds_before, ROWS + 1)).await?);
    let production = Environment::Production;
    let history = backend.history(&name, production, runs_before, ROWS + 1);
    let (history, more_history) = cut(session.ask(history).await?);
    let stats = session.ask(backend.stats(&name, DAYS.0)).await?;
    let here = path::service_page(&name);
    let older_builds = builds.last().filter(|_| more_builds);
    let older_builds =
        older_builds.map(|row| format!("{here}?builds_before={}", row.build.number.0));
    let older_history = history.last().filter(|_| more_history);
    let older_history = older_history.map(|last| format!("{here}?runs_before={}", last.id.0));
    let verdict = snapshot.rollback.as_ref();
    Ok(html(&ServicePage {
        frame: Frame::of(&session.caller, Some(&name), None, snapshot.at),
        name: PageText::name(name.as_str()),
        source: PageText::sentence(format!(
            "{} of {}",
            snapshot.trunk_in_words(),
            snapshot.repository
        )),
        standing: standing::lines(&snapshot, ZONE).into_iter().map(standing_fact).collect(),
        target: verdict.map_or_else(String::new, |preview| preview.to.to_string()),
        reasons: verdict
            .map(|preview| preview.verdict.why.iter().map(PageText::sentence).collect())
            .unwrap_or_default(),
        builds: builds.iter().map(|row| build_line(row, &snapshot)).collect(),
        older_builds,
        runs: history.iter().map(|run| run_line(&name, run, &snapshot)).collect(),
        older_history,
        windows: coming(&snapshot),
        days: DAYS.0,
        stats: measures::rows(&stats)
            .into_iter()
            .map(|(about, text)| (about, PageText::sentence(text)))
            .collect(),
        note: measures::shortened(&stats, ZONE).map(PageText::sentence),
    }))
}

/// What needs attention looks so; its word says it too.
fn standing_fact((about, text): standing::StandingLine) -> StandingFact {
    let class = match about {
        "attention" | "problem" | standing::INCIDENT => "alarm",
        "on hold" | "freeze" | "calendar" => "stop",
        _ => "",
    };
    StandingFact { about, class, text: PageText::sentence(text) }
}

fn build_line(row: &BuildRow, snapshot: &ServiceSnapshot) -> BuildLine {
    let build = &row.build;
    let live = standing::places(snapshot, build.number);
    let live: Vec<_> = live.iter().map(|place| format!(", live in {place}")).collect();
    let live = live.concat();
    let by = writers(build, &snapshot.people);
    let by = if by.is_empty() { by } else { format!("by {by}, ") };
    let rest = format!("{by}{}, {}{live}", ago(build.found_at, snapshot.at), build.sha.short());
    BuildLine {
        href: path::build_page(&snapshot.service, build.number),
        number: build.number.to_string(),
        state: row.state.as_str(),
        class: class_of_build(row.state),
        subject: PageText::name(build.subject()),
        rest: PageText::sentence(rest),
        run: build.staging.map(|id| TextLink {
            href: path::run_page(&snapshot.service, id),
            text: format!("{id} to staging"),
        }),
    }
}

pub(super) fn run_line(
    service: &ServiceName,
    run: &Deployment,
    snapshot: &ServiceSnapshot,
) -> RunLine {
    RunLine {
        href: path::run_page(service, run.id),
        id: run.id.to_string(),
        class: class_of(run.state()),
        outcome: PageText::sentence(outcome(run, snapshot.at)),
        what: PageText::sentence(about(run)),
        rest: PageText::sentence(format!(
            "by {}, {} ({})",
            run.by,
            local(run.requested_at, ZONE),
            ago(run.requested_at, snapshot.at)
        )),
    }
}

/// The freezes of the calendars that have not begun.
fn coming(snapshot: &ServiceSnapshot) -> Vec<PageText> {
    let later = snapshot.calendar.iter().filter(|window| window.from > snapshot.at);
    let sentence = |window: &FreezeWindow| {
        let until = window
            .until
            .map_or("with no known end".to_owned(), |at| format!("until {}", local(at, ZONE)));
        PageText::sentence(format!("{} {until}: {}", local(window.from, ZONE), window.why))
    };
    later.take(WINDOWS).map(sentence).collect()
}
