//! `trunkline builds`: lists the builds of the trunk and their states.

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::output::{Cell, Paint};
use super::wording::{ago, writers};
use super::{Reading, output};
use crate::backend::Backend as _;
use crate::domain::build::BuildState;
use crate::domain::ids::ServiceName;
use crate::domain::snapshot::{BuildRow, ServiceSnapshot};

/// The most rows that the engine sends at once.
pub const LARGEST_PAGE: usize = 500;

#[derive(Debug, Args)]
pub struct BuildsArgs {
    /// Show at most this many, the newest first
    #[arg(long, short = 'n', default_value_t = 20, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    reading: Reading,
}

pub async fn run(context: &Context, arguments: BuildsArgs) -> Result<(), CliError> {
    let service = context.service().await?;
    let mut snapshot = context.snapshot(&service).await?;
    let builds = std::mem::take(&mut snapshot.builds);
    let builds = pages(context, &service, builds, arguments.limit).await?;
    if arguments.reading.json {
        output::json(&builds)?;
    } else {
        let rows: Vec<_> = builds.iter().map(|row| line(row, &snapshot)).collect();
        context.out.table(&rows)?;
    }
    let all = usize::try_from(snapshot.builds_total).unwrap_or(usize::MAX);
    if all > builds.len() {
        let older = all - builds.len();
        output::note(&format!("{older} older not shown; add -n {all} for all of them"));
    }
    Ok(())
}

/// The newest `limit` builds. A snapshot has only the newest ones.
async fn pages(
    context: &Context,
    service: &ServiceName,
    mut builds: Vec<BuildRow>,
    limit: usize,
) -> Result<Vec<BuildRow>, CliError> {
    builds.truncate(limit);
    while let Some(last) = builds.last().filter(|_| builds.len() < limit) {
        let (before, more) = (Some(last.build.number), (limit - builds.len()).min(LARGEST_PAGE));
        let page = context.backend.builds(service, before, more).await?;
        if page.is_empty() {
            break;
        }
        builds.extend(page);
    }
    Ok(builds)
}

fn line(row: &BuildRow, snapshot: &ServiceSnapshot) -> Vec<Cell> {
    let build = &row.build;
    let state = row.state.as_str();
    let state = match row.state {
        BuildState::Verified => Paint::Good.cell(state),
        BuildState::Failed | BuildState::Interrupted | BuildState::Broken => Paint::Bad.cell(state),
        BuildState::Deploying => Paint::Active.cell(state),
        BuildState::Queued
        | BuildState::Superseded
        | BuildState::Cancelled
        | BuildState::NotStaged => Paint::Quiet.cell(state),
        BuildState::InStaging => state.to_owned().into(),
    };
    vec![
        build.number.to_string().into(),
        state,
        build.sha.short().to_owned().into(),
        ago(build.found_at, snapshot.at).into(),
        writers(build, &snapshot.people).into(),
        format!("{}{}", build.subject(), note(row, snapshot)).into(),
    ]
}

fn note(row: &BuildRow, snapshot: &ServiceSnapshot) -> String {
    let live: Vec<_> = snapshot
        .live
        .iter()
        .filter(|(_, live)| live.build == row.build.number)
        .map(|(environment, _)| environment.as_str())
        .collect();
    let live = if live.is_empty() { String::new() } else { format!(" [{}]", live.join(", ")) };
    let staging = row.staging_note.as_ref().map_or(String::new(), |note| format!(" [{note}]"));
    format!("{live}{staging}")
}
