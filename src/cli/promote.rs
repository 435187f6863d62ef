//! `trunkline promote`: puts a build into production, through plan, confirm and execute.

use clap::Args;

use super::confirm::{self, Confirmation};
use super::context::Context;
use super::error::CliError;
use crate::domain::command::Action;
use crate::domain::ids::BuildNumber;
use crate::domain::plan::Guard;

#[derive(Debug, Args)]
pub struct PromoteArgs {
    /// Its number, as in 1290
    build: BuildNumber,
    /// Why a guard's override is right this time; once for each
    #[arg(long = "reason", value_name = "GUARD=TEXT", value_parser = confirm::reason)]
    reasons: Vec<(Guard, String)>,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub async fn run(context: &Context, arguments: PromoteArgs) -> Result<(), CliError> {
    let action = Action::Promote { build: arguments.build };
    let reasons = arguments.reasons.into_iter().collect();
    confirm::run(context, action, reasons, arguments.confirmation).await
}
