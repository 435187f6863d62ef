//! `trunkline freeze add`: promotes in a time window need a reason.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::{Acting, act, same_key, zone};
use crate::domain::command::Command;
use crate::domain::event::{Event, Fact};

#[derive(Debug, Args)]
#[group(id = "end", args = ["until", "duration"], multiple = false)]
pub struct FreezeAddArgs {
    /// When it starts, as in "2026-12-24 18:00" (local time) or "2026-12-24 18:00 UTC"; the default is now
    #[arg(long, value_name = "TIME", value_parser = zone::start)]
    from: Option<DateTime<Utc>>,
    /// When it ends, in the same forms; without an end it lasts until it is lifted
    #[arg(long, value_name = "TIME", value_parser = zone::end)]
    until: Option<DateTime<Utc>>,
    /// How long it lasts, as in "2h 30m"
    #[arg(long = "for", value_name = "DURATION", value_parser = crate::domain::time::parse)]
    duration: Option<Duration>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
}

pub async fn run(context: &Context, arguments: FreezeAddArgs) -> Result<(), CliError> {
    let service = context.service().await?;
    let key = arguments.acting.key.clone();
    if same_key::first_answer(context, &service, key.as_ref(), |e| is_same(&arguments, e))
        .await?
        .is_some()
    {
        return Ok(());
    }
    let FreezeAddArgs { from, until, duration, reason, .. } = arguments;
    let until = match duration {
        None => until,
        Some(duration) => {
            let begin = match from {
                Some(from) => from,
                None => context.snapshot(&service).await?.at,
            };
            Some(
                begin
                    .checked_add_signed(TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX))
                    .ok_or_else(|| CliError::usage("the end is too far away; leave out --for"))?,
            )
        }
    };
    act::run(context, &service, Command::Freeze { from, until, reason }, key).await.map(drop)
}

/// How long after its command a freeze may be recorded.
const ON_ITS_WAY: TimeDelta = TimeDelta::minutes(1);

/// Whether these arguments made that freeze. Without `--from` it starts when the command was given.
fn is_same(words: &FreezeAddArgs, event: &Event) -> bool {
    let Fact::FreezePlaced { from, until, reason } = &event.fact else { return false };
    let ends = match (words.duration, words.until, until) {
        (None, words, until) => words == *until,
        (Some(duration), _, Some(until)) => {
            let begin = words.from.unwrap_or(*from);
            let duration = TimeDelta::from_std(duration).ok();
            let wanted = duration.and_then(|duration| begin.checked_add_signed(duration));
            let late = wanted.map(|wanted| wanted.signed_duration_since(*until));
            late.is_some_and(|late| (TimeDelta::zero()..ON_ITS_WAY).contains(&late))
        }
        (Some(_), _, None) => false,
    };
    let begins = words.from.unwrap_or(*from).max(event.at) == (*from).max(event.at);
    ends && begins && same_key::is_same_text(reason, &words.reason)
}
