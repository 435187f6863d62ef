//! `trunkline hold`: blocks promotes into an environment until the hold is released.

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::history::EnvironmentArg;
use super::{Acting, act};
use crate::domain::command::Command;

#[derive(Debug, Args)]
pub struct HoldArgs {
    /// The environment to hold
    #[arg(value_enum, default_value_t = EnvironmentArg::Production)]
    environment: EnvironmentArg,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
}

pub async fn run(context: &Context, arguments: HoldArgs) -> Result<(), CliError> {
    let HoldArgs { environment, reason, acting } = arguments;
    let service = context.service().await?;
    let command = Command::Hold { environment: environment.into(), reason };
    act::run(context, &service, command, acting.key).await.map(drop)
}
