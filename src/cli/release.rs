//! `trunkline release`: ends a hold and marks the bad commits.

use clap::Args;

use super::all_services::{self, ForService};
use super::context::Context;
use super::error::CliError;
use super::history::EnvironmentArg;
use super::{Acting, act, hold, output, same_key};
use crate::domain::command::Command;
use crate::domain::event::Fact;
use crate::domain::ids::{Environment, IdempotencyKey, ServiceName};
use crate::domain::leftovers::Leftovers;
use crate::domain::quarantine::BadCommit;
use crate::domain::snapshot::FleetRow;
use crate::domain::stops::Hold;

#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// The environment to release
    #[arg(value_enum, default_value_t = EnvironmentArg::Production)]
    environment: EnvironmentArg,
    /// Release the holds that were placed together by "hold --all"; other holds stay
    #[arg(long, conflicts_with_all = ["bad", "none_bad"])]
    all: bool,
    /// A bad commit, which goes into quarantine; repeat for more. The beginning of an id is enough
    #[arg(long, value_name = "SHA")]
    bad: Vec<String>,
    /// No commit was bad. After a rollback, this or --bad is required
    #[arg(long, conflicts_with = "bad")]
    none_bad: bool,
    /// Release although something that the rollback left behind is not ticked; it is recorded what
    #[arg(long, conflicts_with = "all")]
    leave_open: bool,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
}

pub async fn run(context: &Context, arguments: ReleaseArgs) -> Result<(), CliError> {
    let ReleaseArgs { environment, all, bad, none_bad, leave_open, reason, acting } = arguments;
    if all {
        hold::check_all(context, environment)?;
        return release_all(context, &reason, acting.key.as_ref()).await;
    }
    let service = context.service().await?;
    let (environment, key) = (Environment::from(environment), acting.key);
    let is_same = |fact: &Fact| {
        matches!(fact, Fact::HoldReleased { environment: of, reason: why, bad: named, .. }
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
    let leave_open = stays_open(context, &service, hold, leave_open)?;
    let hold = hold.map(|hold| hold.id);
    let command = Command::Release { environment, reason, bad, hold, leave_open };
    act::run(context, &service, command, key).await.map(drop)
}

/// The numbers of what is not ticked and stays so: by the flag, or once a person at a terminal was asked.
fn stays_open(
    context: &Context,
    service: &ServiceName,
    hold: Option<&Hold>,
    by_flag: bool,
) -> Result<Vec<u32>, CliError> {
    let left = hold.and_then(|hold| hold.left.as_deref());
    let open: Vec<_> = left.into_iter().flat_map(Leftovers::open).collect();
    if open.is_empty() || by_flag {
        return Ok(open.into_iter().map(|(number, _)| number).collect());
    }
    let out = context.out.regardless();
    out.line("the rollback left something behind that is not ticked:")?;
    out.lines(open.iter().map(|(number, item)| format!("  {number} {}", item.what)))?;
    if !context.out.is_interactive() {
        let tick = context.command_line(service, &format!("tick {}", open[0].0));
        return Err(CliError::Refused(format!(
            "not released, {}: tick each, as in: {tick}; or add --leave-open",
            left.and_then(Leftovers::count).unwrap_or_default()
        )));
    }
    let question = format!("release with {} open? [y/N]", open.len());
    if matches!(output::ask(&question)?.as_str(), "y" | "Y" | "yes") {
        return Ok(open.into_iter().map(|(number, _)| number).collect());
    }
    Err(CliError::Refused("not confirmed, nothing was done".to_owned()))
}

/// Releases the holds that were placed together. One that somebody replaced meanwhile stays.
async fn release_all(
    context: &Context,
    reason: &str,
    key: Option<&IdempotencyKey>,
) -> Result<(), CliError> {
    let fleet = context.fleet().await?;
    all_services::say_missing(&fleet);
    let held = fleet.services.iter().filter_map(|row| Some((row, row.hold.as_ref()?)));
    let of = |(row, hold): (&FleetRow, &Hold)| {
        let what = if hold.all {
            ForService::Send(Command::Release {
                environment: Environment::Production,
                reason: reason.to_owned(),
                bad: None,
                hold: Some(hold.id),
                leave_open: Vec::new(),
            })
        } else {
            let how = "release it by itself";
            ForService::Leave(format!("stays on hold by {}: {}; {how}", hold.by, hold.reason))
        };
        (row.service.clone(), what)
    };
    let wanted: Vec<_> = held.map(of).collect();
    if !wanted.iter().any(|(_, what)| matches!(what, ForService::Send(_))) {
        context.out.line("no hold was placed by \"hold --all\"")?;
    }
    all_services::run(context, wanted, key).await
}

/// Whether these ids name these commits.
fn are_named(commits: &[BadCommit], names: &[String]) -> bool {
    let is_of = |commit: &BadCommit, name: &String| {
        commit.sha.as_str().starts_with(&name.trim().to_ascii_lowercase())
    };
    commits.len() == names.len() && commits.iter().zip(names).all(|(c, name)| is_of(c, name))
}
