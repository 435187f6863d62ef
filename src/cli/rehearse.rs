//! `trunkline rehearse`: tries the way back in staging.

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::{Acting, act, follow};
use crate::domain::command::Command;

#[derive(Debug, Args)]
pub struct RehearseArgs {
    /// Wait until staging has come forward again; fails if one of the two deployments does
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    acting: Acting,
}

pub async fn run(context: &Context, arguments: RehearseArgs) -> Result<(), CliError> {
    let service = context.service().await?;
    let receipt = act::run(context, &service, Command::Rehearse {}, arguments.acting.key).await?;
    let Some(back) = receipt.deployment.filter(|_| arguments.wait) else { return Ok(()) };
    // The deployment that comes forward is recorded right after the one that goes back.
    let forward = crate::domain::ids::DeploymentId(back.0 + 1);
    let went = follow::to_the_end(context, &service, back, receipt.seq).await;
    let came = follow::to_the_end(context, &service, forward, receipt.seq).await;
    went.and(came)
}
