//! `trunkline rollback`: rolls production back. No freeze, hold or other promote guard blocks it; only a bad build that is
//! named needs a reason.

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
pub struct RollbackArgs {
    /// The build to roll back to; the default is the newest good one that was live before
    #[arg(add = ArgValueCandidates::new(completions::builds))]
    build: Option<BuildNumber>,
    /// Run the rollback steps of the trunk's newest commit, in the files of the build, instead of its own
    #[arg(long)]
    trunk_steps: bool,
    /// The reason to override a guard: a quarantined build needs one
    #[arg(long = "reason", value_name = "GUARD=TEXT", value_parser = confirm::reason)]
    reasons: Vec<(Guard, String)>,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub async fn run(context: &Context, arguments: RollbackArgs) -> Result<(), CliError> {
    let to = arguments.build;
    let action = if arguments.trunk_steps {
        Action::RollbackByTrunk { to }
    } else {
        Action::Rollback { to }
    };
    let reasons = arguments.reasons.into_iter().collect();
    confirm::run(context, action, reasons, arguments.confirmation).await
}
