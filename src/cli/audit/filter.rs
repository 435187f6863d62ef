//! Selects the events of an audit command and reads them page by page.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;
use clap::builder::PossibleValuesParser;
use clap_complete::engine::ArgValueCandidates;

use crate::backend::Backend;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::{completions, zone};
use crate::domain::chain::RecordSpan;
use crate::domain::event::{Event, Fact};
use crate::domain::ids::Seq;

/// How many events to read at once.
const PAGE: usize = 500;

#[derive(Debug, Args)]
pub struct Filter {
    /// Only from this time on: "1h", "2d" or "2w" ago, or as in "2026-12-24 18:00" (local time) or "2026-12-24 18:00 UTC"
    #[arg(long, value_name = "TIME", value_parser = zone::since)]
    since: Option<DateTime<Utc>>,
    /// Only before this time
    #[arg(long, value_name = "TIME", value_parser = zone::end)]
    until: Option<DateTime<Utc>>,
    /// Only events by this person; "trunkline" for the engine itself
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(completions::people))]
    actor: Option<String>,
    /// Only these kinds, separated by commas
    #[arg(long, value_name = "KIND", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(Fact::KINDS))]
    kind: Vec<String>,
}

impl Filter {
    /// Calls `each` with every page of selected events, oldest first. Reads only the part of the record that the engine
    /// names for the time range: event times may go backwards when a clock is set.
    pub async fn each_page(
        &self,
        context: &Context,
        mut each: impl AsyncFnMut(Vec<Event>) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let Some(RecordSpan { first, last }) = self.span(context).await? else { return Ok(()) };
        // Without an end, events recorded during the walk count too.
        let last = self.until.map_or(Seq(u64::MAX), |_| last);
        let mut after = Seq(first.0.saturating_sub(1));
        while after < last {
            let page = page(context, after).await?;
            let Some(newest) = page.last() else { break };
            after = newest.seq;
            each(page.into_iter().filter(|event| self.takes(event)).collect()).await?;
        }
        Ok(())
    }

    /// The newest `limit` selected events, oldest first. Reads the record from its end.
    pub async fn newest(
        &self,
        context: &Context,
        limit: usize,
    ) -> Result<VecDeque<Event>, CliError> {
        let mut newest = VecDeque::new();
        let Some(RecordSpan { first, mut last }) = self.span(context).await? else {
            return Ok(newest);
        };
        let mut width = PAGE as u64;
        while newest.len() < limit && first <= last {
            let from = first.max(Seq(last.0.saturating_sub(width - 1)));
            let mut found = VecDeque::new();
            let mut after = Seq(from.0.saturating_sub(1));
            while after < last {
                let page = page(context, after).await?;
                let Some(end) = page.last() else { break };
                after = end.seq;
                found.extend(page.into_iter().filter(|e| e.seq <= last && self.takes(e)));
                found.drain(..found.len().saturating_sub(limit - newest.len()));
            }
            found.append(&mut newest);
            newest = found;
            if from.0 <= 1 {
                break;
            }
            (last, width) = (Seq(from.0 - 1), width.saturating_mul(4));
        }
        Ok(newest)
    }

    /// The part of the record in the time range; `None` if it has no event.
    async fn span(&self, context: &Context) -> Result<Option<RecordSpan>, CliError> {
        Ok(context.backend.span(self.since, self.until).await?)
    }

    fn takes(&self, event: &Event) -> bool {
        let Self { since, until, actor, kind } = self;
        since.is_none_or(|since| event.at >= since)
            && until.is_none_or(|until| event.at < until)
            && actor.as_ref().is_none_or(|actor| event.actor.to_string() == *actor)
            && (kind.is_empty() || kind.iter().any(|kind| kind == event.fact.kind()))
    }
}

async fn page(context: &Context, after: Seq) -> Result<Vec<Event>, CliError> {
    Ok(context.backend.events(context.named(), after, PAGE, Duration::ZERO).await?)
}
