//! `trunkline audit list`: prints the newest selected events.

use clap::Args;

use super::filter::Filter;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::wording::{sentence, to_the_second};
use crate::cli::{Reading, output};
use crate::domain::event::Event;

#[derive(Debug, Args)]
pub struct AuditListArgs {
    #[command(flatten)]
    filter: Filter,
    /// Show at most this many, the newest ones
    #[arg(long, value_name = "COUNT", default_value_t = 200,
          value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    #[command(flatten)]
    reading: Reading,
}

/// Prints one event on each line, with `--json` one document.
pub async fn run(context: &Context, arguments: AuditListArgs) -> Result<(), CliError> {
    let limit = usize::from(arguments.limit);
    // One more, to see whether there is one.
    let mut newest = arguments.filter.newest(context, limit + 1).await?;
    let is_cut = newest.len() > limit;
    newest.drain(..newest.len().saturating_sub(limit));
    newest.iter().try_for_each(|event| {
        if arguments.reading.json {
            output::json_line(event)
        } else {
            context.out.line(line(event))
        }
    })?;
    if is_cut {
        output::note(
            "older ones not shown; add a larger --limit, or --until; \"trunkline audit export\" writes all",
        );
    }
    Ok(())
}

fn line(event: &Event) -> String {
    let (at, what) = (to_the_second(event.at), sentence(&event.sentence()));
    format!("{at} {}: {what}", event.service)
}
