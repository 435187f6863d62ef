//! `trunkline hold`: blocks promotes into an environment until the hold is released.

use clap::Args;

use super::all_services::{self, ForService};
use super::context::Context;
use super::error::CliError;
use super::history::EnvironmentArg;
use super::{Acting, act};
use crate::domain::command::Command;
use crate::domain::ids::IdempotencyKey;
use crate::domain::snapshot::FleetRow;

#[derive(Debug, Args)]
pub struct HoldArgs {
    /// The environment to hold
    #[arg(value_enum, default_value_t = EnvironmentArg::Production)]
    environment: EnvironmentArg,
    /// Hold production of every service; those on hold already are left as they are
    #[arg(long)]
    all: bool,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
}

pub async fn run(context: &Context, arguments: HoldArgs) -> Result<(), CliError> {
    let HoldArgs { environment, all, reason, acting } = arguments;
    if all {
        check_all(context, environment)?;
        return stop_all(context, &reason, acting.key.as_ref()).await;
    }
    let service = context.service().await?;
    let command = Command::Hold { environment: environment.into(), reason };
    act::run(context, &service, command, acting.key).await.map(drop)
}

/// Refuses what contradicts `--all`.
pub fn check_all(context: &Context, environment: EnvironmentArg) -> Result<(), CliError> {
    if environment != EnvironmentArg::Production {
        return Err(CliError::usage("--all is about production of every service; remove staging"));
    }
    match context.named() {
        Some(service) => Err(CliError::usage(format!(
            "--all is about every service; remove --service {service}"
        ))),
        None => Ok(()),
    }
}

async fn stop_all(
    context: &Context,
    reason: &str,
    key: Option<&IdempotencyKey>,
) -> Result<(), CliError> {
    let fleet = context.fleet().await?;
    all_services::say_missing(&fleet);
    if fleet.services.is_empty() {
        return Err(CliError::failed("the engine has no service to hold; run: trunkline doctor"));
    }
    let wanted = fleet.services.iter().map(|row| (row.service.clone(), stop(row, reason, key)));
    all_services::run(context, wanted.collect(), key).await
}

fn stop(row: &FleetRow, reason: &str, key: Option<&IdempotencyKey>) -> ForService {
    match &row.hold {
        // With a key it may be the hold of the first try, whose receipt is looked up.
        Some(hold) if key.is_none() => ForService::Leave(format!(
            "left as it is: on hold already by {}: {}",
            hold.by, hold.reason
        )),
        _ => ForService::Send(Command::StopAll { reason: reason.to_owned() }),
    }
}
