//! Which events an audit is about, and the walk over them page by page.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::backend::Backend;
use crate::cli::context::Context;
use crate::cli::events::detail;
use crate::cli::failure::Failure;
use crate::cli::freeze::time;
use crate::domain::event::{DeploymentRequest, Event, Fact};
use crate::domain::ids::Seq;

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
    /// Hands on each event that is meant, oldest first. The record is read in pages and from its beginning, also for
    /// a narrow time: clocks are set, so that no time tells where in the record it begins.
    pub async fn each(
        &self,
        context: &Context,
        mut each: impl FnMut(Event) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut after = Seq(0);
        loop {
            let service = context.named();
            let page = context.backend.events(service, after, PAGE, Duration::ZERO).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.seq;
            page.into_iter().filter(|event| self.takes(event)).try_for_each(&mut each)?;
        }
    }

    fn takes(&self, event: &Event) -> bool {
        let Self { since, until, actor, kind } = self;
        since.is_none_or(|since| event.at >= since)
            && until.is_none_or(|until| event.at < until)
            && actor.as_ref().is_none_or(|actor| event.actor.to_string() == *actor)
            && (kind.is_empty() || kind.iter().any(|kind| kind == event.fact.kind()))
    }
}

/// What happened, with every sentence that was overridden and the reason that was typed for it.
pub fn sentence(fact: &Fact) -> String {
    let mut said = detail(fact);
    for (_, overridden) in overrides(fact) {
        said.push_str("; ");
        said.push_str(&overridden);
    }
    said
}

/// The reasons that were typed, each with the guard that asked for it and the sentence that was read.
pub fn overrides(fact: &Fact) -> Vec<(String, String)> {
    let Fact::DeploymentRequested(DeploymentRequest { findings, overrides, .. }) = fact else {
        return Vec::new();
    };
    let each = overrides.iter().map(|(guard, reason)| {
        let read = findings.iter().filter(|finding| finding.guard == *guard);
        let read: Vec<_> = read.map(|finding| finding.sentence.as_str()).collect();
        (reason.clone(), format!("overrode {guard} ({}): {reason}", read.join("; ")))
    });
    each.collect()
}
