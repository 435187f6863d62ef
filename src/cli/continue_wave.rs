//! `trunkline continue`: lets the next wave of a deployment begin.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::context::Context;
use super::error::CliError;
use super::{Acting, act, completions};
use crate::domain::command::Command;
use crate::domain::ids::DeploymentId;

#[derive(Debug, Args)]
pub struct ContinueArgs {
    /// The deployment's id from "trunkline status", as in d57
    #[arg(add = ArgValueCandidates::new(completions::deployments))]
    deployment: DeploymentId,
    /// The wave after which it waits, from 1 on; a deployment that waits after another one is left alone
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    after: u32,
    /// Why; needed if something speaks against it, such as a watch that is bad. It answers whatever does by then
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
}

pub async fn run(context: &Context, arguments: ContinueArgs) -> Result<(), CliError> {
    let ContinueArgs { deployment, after: wave, reason, acting } = arguments;
    let service = context.service().await?;
    let command = Command::Continue { deployment, wave, reason, seen: None };
    act::run(context, &service, command, acting.key).await.map(drop)
}
