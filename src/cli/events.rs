//! `trunkline events`: the recorded events, and new ones as they come.

use std::time::Duration;

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::wording::{sentence, to_the_second};
use super::{Reading, follow, output};
use crate::backend::Backend;
use crate::domain::event::Event;
use crate::domain::ids::{Seq, ServiceName};

/// How many events to ask for at once.
const PAGE: usize = 500;

#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Keep printing new events
    #[arg(long, short)]
    follow: bool,
    /// Only events after this one
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    after: u64,
    #[command(flatten)]
    reading: Reading,
}

/// Prints one event on each line, with `--json` one document.
pub async fn run(context: &Context, arguments: EventsArgs) -> Result<(), CliError> {
    let show = |event: &Event| {
        if arguments.reading.json {
            output::json_line(event)
        } else {
            context.out.line(line(event))
        }
    };
    let service = context.named();
    let mut after = Seq(arguments.after);
    loop {
        let events = page(context, service, after).await?;
        let Some(last) = events.last() else { break };
        after = last.seq;
        events.iter().try_for_each(show)?;
    }
    if !arguments.follow {
        return Ok(());
    }
    loop {
        for event in follow::next(context, service, after).await? {
            after = event.seq;
            show(&event)?;
        }
    }
}

async fn page(
    context: &Context,
    service: Option<&ServiceName>,
    after: Seq,
) -> Result<Vec<Event>, CliError> {
    Ok(context.backend.events(service, after, PAGE, Duration::ZERO).await?)
}

fn line(event: &Event) -> String {
    let (at, what) = (to_the_second(event.at), sentence(&event.sentence()));
    format!("{:>6} {at} {}: {what}", event.seq, event.service)
}
