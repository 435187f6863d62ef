//! `trunkline release`: ends a hold and marks the bad commits.

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::history::EnvironmentArg;
use super::{Acting, act, same_key};
use crate::domain::command::Command;
use crate::domain::event::Fact;
use crate::domain::ids::Environment;
use crate::domain::quarantine::BadCommit;

#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// The environment to release
    #[arg(value_enum, default_value_t = EnvironmentArg::Production)]
    environment: EnvironmentArg,
    /// A bad commit, which goes into quarantine; repeat for more. The beginning of an id is enough
    #[arg(long, value_name = "SHA")]
    bad: Vec<String>,
    /// No commit was bad. After a rollback, this or --bad is required
    #[arg(long, conflicts_with = "bad")]
    none_bad: bool,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
}

pub async fn run(context: &Context, arguments: ReleaseArgs) -> Result<(), CliError> {
    let ReleaseArgs { environment, bad, none_bad, reason, acting } = arguments;
    let service = context.service().await?;
    let (environment, key) = (Environment::from(environment), acting.key);
    let is_same = |fact: &Fact| {
        matches!(fact, Fact::HoldReleased { environment: of, reason: why, bad: named }
            if *of == environment && same_key::is_same_text(why, &reason) && are_named(named, &bad))
    };
    if same_key::first_answer(context, &service, key.as_ref(), |e| is_same(&e.fact))
        .await?
        .is_some()
    {
        return Ok(());
    }
    let bad = (none_bad || !bad.is_empty()).then_some(bad);
    let snapshot = context.snapshot(&service).await?;
    let hold = snapshot.holds.get(&environment);
    if bad.is_none() && hold.is_some_and(|hold| hold.rollback.is_some()) {
        return Err(CliError::usage(format!(
            "{environment} was rolled back; add --bad SHA for each bad commit, or --none-bad"
        )));
    }
    let hold = hold.map(|hold| hold.id);
    let command = Command::Release { environment, reason, bad, hold };
    act::run(context, &service, command, key).await.map(drop)
}

/// Whether these ids name these commits.
fn are_named(commits: &[BadCommit], names: &[String]) -> bool {
    let is_of = |commit: &BadCommit, name: &String| {
        commit.sha.as_str().starts_with(&name.trim().to_ascii_lowercase())
    };
    commits.len() == names.len() && commits.iter().zip(names).all(|(c, name)| is_of(c, name))
}
