//! `trunkline cancel`: stops a running deployment.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::context::Context;
use super::error::CliError;
use super::{Acting, act, completions};
use crate::domain::command::Command;
use crate::domain::ids::DeploymentId;

#[derive(Debug, Args)]
pub struct CancelArgs {
    /// The deployment's id from "trunkline status", as in d57
    #[arg(add = ArgValueCandidates::new(completions::deployments))]
    deployment: DeploymentId,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Of one that is being cancelled: wait no more for its run at another engine, which may still change something
    #[arg(long)]
    give_up: bool,
    #[command(flatten)]
    acting: Acting,
}

pub async fn run(context: &Context, arguments: CancelArgs) -> Result<(), CliError> {
    let CancelArgs { deployment, reason, give_up, acting } = arguments;
    let service = context.service().await?;
    let command = if give_up {
        Command::GiveUp { deployment, reason }
    } else {
        Command::Cancel { deployment, reason }
    };
    act::run(context, &service, command, acting.key).await.map(drop)
}
