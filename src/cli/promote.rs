//! `trunkline promote`: plans, confirms and executes the promotion of a build to production.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::completions;
use super::confirm::{self, Confirmation};
use super::context::Context;
use super::error::CliError;
use crate::domain::command::Action;
use crate::domain::ids::BuildNumber;
use crate::domain::plan::Guard;

#[derive(Debug, Args)]
pub struct PromoteArgs {
    /// The build number, as in 1290
    #[arg(add = ArgValueCandidates::new(completions::builds))]
    build: BuildNumber,
    /// The reason to override a guard that the plan names, as in soak="hotfix"; repeat for each guard
    #[arg(long = "reason", value_name = "GUARD=TEXT", value_parser = confirm::reason,
          add = ArgValueCandidates::new(completions::guards))]
    reasons: Vec<(Guard, String)>,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub async fn run(context: &Context, arguments: PromoteArgs) -> Result<(), CliError> {
    let action = Action::Promote { build: arguments.build };
    let reasons = arguments.reasons.into_iter().collect();
    confirm::run(context, action, reasons, arguments.confirmation).await
}
