//! `trunkline events`: the recorded events, as they were and as they come.

use std::time::Duration;

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::{Reading, follow, output};
use crate::backend::Backend;
use crate::domain::event::{Event, Fact, Outcome};
use crate::domain::ids::{Seq, ServiceName};
use crate::domain::quarantine::BadCommit;

/// How many events to ask for at once.
const PAGE: usize = 500;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Go on with what happens from now on
    #[arg(long, short)]
    follow: bool,
    /// Only what came after this event
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    after: u64,
    #[command(flatten)]
    reading: Reading,
}

/// With `--json` one document on each line.
pub async fn run(context: &Context, arguments: Arguments) -> Result<(), CliError> {
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
    let at = event.at.format("%Y-%m-%d %H:%M:%S");
    let kind = event.fact.kind().replace('_', " ");
    let (seq, service, actor) = (event.seq, &event.service, &event.actor);
    format!("{seq:>6} {at} {service} {actor}: {kind} {}", detail(&event.fact)).trim_end().to_owned()
}

pub fn detail(fact: &Fact) -> String {
    match fact {
        Fact::BuildFound { build, sha, commits, .. } => {
            let subject = commits.first().map_or("", |commit| &commit.subject);
            format!("{build} {} {subject}", sha.short())
        }
        Fact::TrunkRewritten { from, to, .. } => format!("{} to {}", from.short(), to.short()),
        Fact::DeploymentRequested(request) => {
            format!("{} of {} to {}", request.kind, request.build, request.environment)
        }
        Fact::DeploymentStarted { deployment } => deployment.to_string(),
        Fact::StepStarted { deployment, step } => format!("{deployment} step {}", step + 1),
        Fact::StepEnded { deployment, step, outcome, .. } => {
            format!("{deployment} step {} {}", step + 1, outcome.say())
        }
        Fact::CancelRequested { deployment, reason } => format!("{deployment}: {reason}"),
        Fact::DeploymentEnded { deployment, outcome } => format!("{deployment} {}", ended(outcome)),
        Fact::HoldPlaced { environment, reason, .. } => format!("{environment}: {reason}"),
        Fact::HoldReleased { environment, reason, bad } => {
            format!("{environment}: {reason}{}", named_bad(bad))
        }
        Fact::CommitsQuarantined { bad, reason } => format!("{reason}{}", named_bad(bad)),
        Fact::CommitCleared { sha, reason } => format!("{}: {reason}", sha.short()),
        Fact::BuildVerified { build, note, .. } | Fact::PromoterRequested { build, note, .. } => {
            format!("{build}: {note}")
        }
        Fact::RequestWithdrawn { request, reason } => format!("{request}: {reason}"),
        Fact::FreezePlaced { reason, .. } => reason.clone(),
        Fact::FreezeLifted { freeze, reason } => format!("{freeze}: {reason}"),
        Fact::Refused { what, sentence, .. } => format!("{what}: {sentence}"),
    }
}

/// `; bad: 3f9ac21 fix: retry webhook, a91f3c4 …`
fn named_bad(bad: &[BadCommit]) -> String {
    let all: Vec<_> =
        bad.iter().map(|commit| format!("{} {}", commit.sha.short(), commit.subject)).collect();
    if all.is_empty() { String::new() } else { format!("; bad: {}", all.join(", ")) }
}

fn ended(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Succeeded => "succeeded".to_owned(),
        Outcome::Failed(why) => format!("failed: {why}"),
        Outcome::Cancelled => "cancelled".to_owned(),
        Outcome::Interrupted(why) => format!("interrupted: {why}"),
    }
}
