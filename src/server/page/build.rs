//! The page of a build: its commits, how far it came, and what was deployed of it.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::frame::Frame;
use super::service::{RunLine, run_line};
use super::text::{PageFact, PageText, class_of_build};
use super::{ZONE, html, not_found, snapshot};
use crate::api::path;
use crate::backend::Backend;
use crate::domain::commit::Commit;
use crate::domain::ids::{BuildNumber, Environment, ServiceName};
use crate::domain::instant::local;
use crate::domain::snapshot::{BuildRow, ServiceSnapshot};
use crate::domain::words::{ago, standing, writers};
use crate::server::extract::InPath;
use crate::server::response::ProblemResponse;
use crate::server::routes::Session;

#[derive(Template)]
#[template(path = "build.html")]
struct BuildPageView {
    frame: Frame,
    number: String,
    class: &'static str,
    state: &'static str,
    subject: PageText,
    facts: Vec<PageFact>,
    runs: Vec<RunLine>,
    commits_title: String,
    commits: Vec<CommitLine>,
}

struct CommitLine {
    sha: String,
    subject: PageText,
    author: PageText,
    beside: bool,
}

/// Shows one build.
#[utoipa::path(
    get,
    path = path::BUILD_PAGE,
    params(("service" = ServiceName, Path), ("build" = BuildNumber, Path)),
    responses(
        (status = 200, description = "The page.", body = String, content_type = "text/html"),
        crate::server::document::NotFoundResponses,
    )
)]
pub(in crate::server) async fn build<B: Backend>(
    State(session): State<Session<B>>,
    InPath((name, number)): InPath<(ServiceName, BuildNumber)>,
) -> Result<Response, ProblemResponse> {
    let before = Some(BuildNumber(number.0.saturating_add(1)));
    let found = session.ask(session.backend.builds(&name, before, 1)).await?;
    let row = found.into_iter().find(|row| row.build.number == number);
    let row = row.ok_or_else(|| not_found(format!("there is no build {number}")))?;
    let snapshot = snapshot(&session, &name).await?;
    let (build, shown) = (&row.build, snapshot.deployments.iter());
    let of_build = shown.filter(|row| row.deployment.request.build == number);
    let count = build.commits.len() + build.more as usize;
    let listed = match build.more {
        0 => String::new(),
        more => format!(", {more} of them not listed"),
    };
    Ok(html(&BuildPageView {
        frame: Frame::of(&session.caller, Some(&name), Some(number.to_string()), snapshot.at),
        number: number.to_string(),
        class: class_of_build(row.state),
        state: row.state.as_str(),
        subject: PageText::name(build.subject()),
        facts: facts(&row, &snapshot),
        runs: of_build.map(|row| run_line(&name, &row.deployment, &snapshot)).collect(),
        commits_title: match count {
            1 => "1 commit".to_owned(),
            count => format!("{count} commits{listed}"),
        },
        commits: build.commits.iter().map(|commit| commit_line(commit, &snapshot)).collect(),
    }))
}

fn facts(row: &BuildRow, snapshot: &ServiceSnapshot) -> Vec<PageFact> {
    let (build, now) = (&row.build, snapshot.at);
    let mut facts = vec![
        ("commit", build.sha.as_str().to_owned()),
        ("written by", writers(build, &snapshot.people)),
        ("found", format!("{} ({})", local(build.found_at, ZONE), ago(build.found_at, now))),
    ];
    let is_apart = |environment: &Environment| snapshot.apart(*environment).is_some();
    let live = snapshot.live.iter().filter(|(_, live)| live.build == build.number);
    let live = live.filter(|(environment, _)| !is_apart(environment));
    facts.extend(live.map(|(at, live)| ("live", format!("in {at}, {}", ago(live.since, now)))));
    let places = standing::places(snapshot, build.number).into_iter();
    let at_targets = places.filter(|place| place.contains(" at "));
    facts.extend(at_targets.map(|place| ("live", format!("in {place}"))));
    facts.extend(build.verifications.iter().map(|seen| {
        let note = if seen.note.is_empty() { String::new() } else { format!(": {}", seen.note) };
        ("verified", format!("by {} {}{note}", seen.by, ago(seen.at, now)))
    }));
    let superseded = build.superseded_by.filter(|_| row.staging_note.is_none());
    facts.extend(
        superseded.map(|newer| ("superseded", format!("by {newer}, which went to staging"))),
    );
    facts.extend(row.staging_note.iter().map(|note| ("staging", note.clone())));
    facts.extend(
        build.off_trunk.then(|| ("trunk", "no longer on the trunk: it was rewritten".to_owned())),
    );
    facts.extend(bad(row, snapshot).map(|why| ("quarantine", why)));
    facts.into_iter().map(|(about, text)| (about, PageText::sentence(text))).collect()
}

/// The quarantined commits that the build has, or may have.
fn bad<'a>(row: &'a BuildRow, snapshot: &'a ServiceSnapshot) -> impl Iterator<Item = String> + 'a {
    let named = row.bad.iter().map(|sha| {
        let has = if row.in_doubt.contains(sha) { "may have" } else { "has" };
        let known = snapshot.quarantine.iter().find(|known| known.commit.sha == *sha);
        let reason = known.map_or("", |known| known.reason.as_str());
        let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        format!("it {has} the bad commit {}{reason}", sha.short())
    });
    let more = (row.bad_more > 0).then(|| format!("and {} more bad commits", row.bad_more));
    named.chain(more)
}

fn commit_line(commit: &Commit, snapshot: &ServiceSnapshot) -> CommitLine {
    CommitLine {
        sha: commit.sha.short().to_owned(),
        subject: PageText::name(&commit.subject),
        author: PageText::name(snapshot.people.call(&commit.author)),
        beside: commit.beside,
    }
}
