//! `trunkline may`: whether anything stands in the way of somebody else's pipeline.

use clap::{Args, Subcommand};

use super::context::Context;
use super::error::CliError;
use super::{Reading, output};
use crate::domain::ids::ServiceName;
use crate::domain::instant::localized;
use crate::domain::may_promote::{MayAnswer, MayPromote};

#[derive(Debug, Subcommand)]
pub enum MayCommand {
    /// Exit 0 if no hold, freeze, doubt or other deployment stands in the way, 3 if one does
    ///
    /// Exits with 1 if that is not known: the engine does not answer, or its rules may be out of date. It has no build, so
    /// it does not look at authors, verification, soak time, bad commits, migrations and the order of builds.
    Promote(MayPromoteArgs),
}

#[derive(Debug, Args)]
pub struct MayPromoteArgs {
    /// The service; as --service
    #[arg(value_name = "SERVICE")]
    name: Option<ServiceName>,
    #[command(flatten)]
    reading: Reading,
}

pub async fn run(context: &Context, command: MayCommand) -> Result<(), CliError> {
    let MayCommand::Promote(MayPromoteArgs { name, reading }) = command;
    let service = match name {
        Some(name) => name,
        None => context.service().await?,
    };
    let snapshot = context.snapshot(&service).await?;
    let answer = MayPromote::of(&snapshot);
    if reading.json {
        output::json(&answer)?;
    } else {
        context.out.lines(lines(&answer))?;
    }
    let zone = super::zone::local();
    let reasons = answer.reasons.iter().map(|reason| localized(&reason.sentence, zone));
    let reasons = reasons.collect::<Vec<_>>().join("; ");
    match answer.may {
        MayAnswer::Yes => Ok(()),
        MayAnswer::No => {
            Err(CliError::Refused(format!("{service} may not be promoted: {reasons}")))
        }
        MayAnswer::Unknown => Err(CliError::failed(format!(
            "it is not known whether {service} may be promoted: {reasons}"
        ))),
    }
}

/// What is said on standard output; the reasons against it are the error.
fn lines(answer: &MayPromote) -> Vec<String> {
    let zone = super::zone::local();
    let mut lines: Vec<_> = answer
        .warnings
        .iter()
        .map(|warning| format!("warning: {}", localized(warning, zone)))
        .collect();
    if answer.may == MayAnswer::Yes {
        let service = &answer.service;
        lines.push(format!(
            "{service}: no hold, no freeze, nothing else deploys, production is not in doubt"
        ));
        lines.push(format!("not looked at: {}", answer.not_looked_at.join(", ")));
    }
    lines
}
