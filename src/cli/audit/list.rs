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
    let newest = arguments.filter.newest(context, limit).await?;
    newest.iter().try_for_each(|event| {
        if arguments.reading.json {
            output::json_line(event)
        } else {
            context.out.line(line(event))
        }
    })
}

fn line(event: &Event) -> String {
    let (at, what) = (to_the_second(event.at), sentence(&event.sentence()));
    format!("{at} {}: {what}", event.service)
}
