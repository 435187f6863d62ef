//! `trunkline hold`: blocks promotes into an environment until the hold is released.

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::history::Where;
use super::{Acting, act};
use crate::domain::command::Command;

#[derive(Debug, Args)]
pub struct HoldArgs {
    /// The environment to hold
    #[arg(value_enum, default_value_t = Where::Production)]
    environment: Where,
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
