//! Which events an audit is about, and the walk over them page by page.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::backend::Backend;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::freeze::time;
use crate::domain::event::{Event, Fact};
use crate::domain::ids::Seq;
use crate::store::Reader;

/// How many events are in memory at once.
const PAGE: usize = 500;

#[derive(Debug, Args)]
pub struct Filter {
    /// Only from this time on
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<DateTime<Utc>>,
    /// Only before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<DateTime<Utc>>,
    /// Only what this person did; "trunkline" for the engine itself
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only these kinds, separated by commas
    #[arg(long, value_name = "KIND", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(Fact::KINDS))]
    kind: Vec<String>,
}

impl Filter {
    /// Hands on each event that is meant, oldest first. The record is read in pages, and no more of it than the time
    /// reaches: clocks are set, so the database of the engine is asked where that begins and ends.
    pub async fn each(
        &self,
        context: &Context,
        database: &Path,
        mut each: impl FnMut(Event) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let Some((first, last)) = self.stretch(database)? else { return Ok(()) };
        // What is recorded while this reads counts where no end was named.
        let last = self.until.map_or(Seq(u64::MAX), |_| last);
        let mut after = Seq(first.0.saturating_sub(1));
        while after < last {
            let page = page(context, after).await?;
            let Some(newest) = page.last() else { break };
            after = newest.seq;
            page.into_iter().filter(|event| self.takes(event)).try_for_each(&mut each)?;
        }
        Ok(())
    }

    /// The newest events that are meant, oldest first: the record is read from its end, until there are enough.
    pub async fn newest(
        &self,
        context: &Context,
        database: &Path,
        limit: usize,
    ) -> Result<VecDeque<Event>, CliError> {
        let mut newest = VecDeque::new();
        let Some((first, mut last)) = self.stretch(database)? else { return Ok(newest) };
        let mut width = PAGE as u64;
        while newest.len() < limit && first <= last {
            let from = first.max(Seq(last.0.saturating_sub(width - 1)));
            let mut found = VecDeque::new();
            let mut after = Seq(from.0.saturating_sub(1));
            while after < last {
                let page = page(context, after).await?;
                let Some(end) = page.last() else { break };
                after = end.seq;
                let meant = page.into_iter().filter(|e| e.seq <= last && self.takes(e));
                found.extend(meant);
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

    /// Where in the record the time begins and ends; nothing where nothing is in it.
    fn stretch(&self, database: &Path) -> Result<Option<(Seq, Seq)>, CliError> {
        let stretch =
            Reader::open(database).and_then(|reader| reader.stretch(self.since, self.until));
        stretch.map_err(|error| CliError::failed(error.to_string()))
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
