//! `trunkline verify`: records that a person checked a build in staging.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::arrival::{self, Arrival};
use super::context::Context;
use super::error::CliError;
use super::{Acting, act, completions};
use crate::domain::command::Command;
use crate::domain::ids::BuildNumber;

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The build number, as in 1290
    #[arg(add = ArgValueCandidates::new(completions::builds))]
    build: BuildNumber,
    /// What you checked
    #[arg(long, value_name = "TEXT")]
    note: String,
    #[command(flatten)]
    acting: Acting,
}

pub async fn run(context: &Context, arguments: VerifyArgs) -> Result<(), CliError> {
    let VerifyArgs { build, note, acting } = arguments;
    let service = context.service().await?;
    arrival::of(context, &service, build, Arrival::InStaging).await?;
    act::run(context, &service, Command::Verify { build, note }, acting.key).await.map(drop)
}
