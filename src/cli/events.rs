//! `trunkline events`: the recorded events, and new ones as they come.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::wording::{sentence, to_the_second};
use super::{Reading, follow, output, zone};
use crate::backend::{Backend, BackendError};
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
    /// Only from this time on: "1h", "2d" or "2w" ago, or as in "2026-12-24 18:00"
    #[arg(long, value_name = "TIME", value_parser = zone::since)]
    since: Option<DateTime<Utc>>,
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
    let is_late = |event: &Event| arguments.since.is_none_or(|since| event.at >= since);
    let mut after = Seq(arguments.after).max(before(context, arguments.since).await?);
    loop {
        let events = page(context, service, after).await?;
        let Some(last) = events.last() else { break };
        after = last.seq;
        events.iter().filter(|event| is_late(event)).try_for_each(show)?;
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

/// The event before the first of a period; reading begins after it.
async fn before(context: &Context, since: Option<DateTime<Utc>>) -> Result<Seq, CliError> {
    if since.is_none() {
        return Ok(Seq(0));
    }
    match context.backend.span(since, None).await {
        Ok(Some(span)) => Ok(Seq(span.first.0.saturating_sub(1))),
        // None of them is that late. New ones are printed if they are followed.
        Ok(None) => Ok(context.backend.span(None, None).await?.map_or(Seq(0), |all| all.last)),
        // Who is limited to services may not ask for the period of all; every event is looked at.
        Err(BackendError::NotAllowed(_)) => Ok(Seq(0)),
        Err(error) => Err(error.into()),
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
