//! `trunkline build --now`: makes a build of the trunk's newest commit.

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::{Acting, act};
use crate::domain::command::Command;

#[derive(Debug, Args)]
pub struct BuildArgs {
    /// Make it now, although the newest commit changes nothing in the service's paths
    #[arg(long, required = true)]
    now: bool,
    #[command(flatten)]
    acting: Acting,
}

pub async fn run(context: &Context, arguments: BuildArgs) -> Result<(), CliError> {
    let service = context.service().await?;
    act::run(context, &service, Command::BuildTip {}, arguments.acting.key).await.map(drop)
}
