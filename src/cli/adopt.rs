//! `trunkline adopt`: states which commit production runs.

use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::{Acting, act};
use crate::domain::command::Command;

#[derive(Debug, Args)]
pub struct AdoptArgs {
    /// The commit that production runs: its id, or the beginning of it
    #[arg(value_name = "SHA")]
    commit: String,
    /// How you know; needed when the record says that another build is live
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
}

pub async fn run(context: &Context, arguments: AdoptArgs) -> Result<(), CliError> {
    let AdoptArgs { commit, reason, acting } = arguments;
    let service = context.service().await?;
    act::run(context, &service, Command::Adopt { commit, reason }, acting.key).await.map(drop)
}
