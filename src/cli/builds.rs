//! `trunkline builds`: lists the builds of the trunk and their states.

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::wording::{ago, writers};
use super::{Reading, output};
use crate::domain::snapshot::{BuildRow, ServiceSnapshot};

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
    snapshot.builds.truncate(arguments.limit);
    if arguments.reading.json {
        return output::json(&snapshot.builds);
    }
    let rows: Vec<_> = snapshot.builds.iter().map(|row| line(row, &snapshot)).collect();
    context.out.table(&rows)
}

fn line(row: &BuildRow, snapshot: &ServiceSnapshot) -> Vec<String> {
    let build = &row.build;
    vec![
        build.number.to_string(),
        row.state.as_str().to_owned(),
        build.sha.short().to_owned(),
        ago(build.found_at, snapshot.at),
        writers(build, &snapshot.people),
        format!("{}{}", build.subject(), note(row, snapshot)),
    ]
}

fn note(row: &BuildRow, snapshot: &ServiceSnapshot) -> String {
    let live: Vec<_> = snapshot
        .live
        .iter()
        .filter(|(_, live)| live.build == row.build.number)
        .map(|(environment, _)| environment.as_str())
        .collect();
    if live.is_empty() { String::new() } else { format!(" [{}]", live.join(", ")) }
}
