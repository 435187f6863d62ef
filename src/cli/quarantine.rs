//! `trunkline quarantine`: lists, adds and clears bad commits.

use clap::{Args, Subcommand};

use super::context::Context;
use super::error::CliError;
use super::wording::ago;
use super::{Acting, Reading, act, output};
use crate::domain::command::Command;
use crate::domain::ids::BuildNumber;
use crate::domain::quarantine::Quarantined;

#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// List the commits in quarantine
    List(QuarantineListArgs),
    /// Put bad commits into quarantine
    Add(QuarantineAddArgs),
    /// Take a commit out of quarantine
    Clear(QuarantineClearArgs),
}

#[derive(Debug, Args)]
pub struct QuarantineListArgs {
    #[command(flatten)]
    reading: Reading,
}

#[derive(Debug, Args)]
pub struct QuarantineAddArgs {
    /// Commit ids, or the beginnings of them
    #[arg(required = true, value_name = "SHA")]
    commits: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
}

#[derive(Debug, Args)]
pub struct QuarantineClearArgs {
    /// The commit id, or the beginning of it
    #[arg(value_name = "SHA")]
    commit: String,
    /// Why the commit is harmless
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
}

pub async fn run(context: &Context, command: QuarantineCommand) -> Result<(), CliError> {
    let service = context.service().await?;
    let (command, key) = match command {
        QuarantineCommand::List(arguments) => {
            let snapshot = context.snapshot(&service).await?;
            if arguments.reading.json {
                return output::json(&snapshot.quarantine);
            }
            let newest = snapshot.builds.first().map(|row| row.build.number);
            let lines = snapshot.quarantine.iter();
            let lines = lines.map(|one| line(one, newest, &ago(one.at, snapshot.at)));
            let shown = u32::try_from(snapshot.quarantine.len()).unwrap_or(u32::MAX);
            let more = snapshot.quarantine_total.saturating_sub(shown);
            let more = (more > 0)
                .then(|| format!("{more} older ones not shown; run: trunkline audit list"));
            return context.out.lines(lines.chain(more));
        }
        QuarantineCommand::Add(QuarantineAddArgs { commits, reason, acting }) => {
            (Command::Quarantine { commits, reason }, acting.key)
        }
        QuarantineCommand::Clear(QuarantineClearArgs { commit, reason, acting }) => {
            (Command::Clear { commit, reason }, acting.key)
        }
    };
    act::run(context, &service, command, key).await.map(drop)
}

fn line(quarantined: &Quarantined, newest: Option<BuildNumber>, ago: &str) -> String {
    let Quarantined { commit, by, reason, .. } = quarantined;
    let (sha, build, subject) = (commit.sha.short(), commit.build, &commit.subject);
    let place =
        if Some(build) > newest { "in no build yet:".into() } else { format!("of {build}") };
    format!("{sha} {place} {subject}; by {by} {ago}: {reason}")
}
