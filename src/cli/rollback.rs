//! `trunkline rollback`: rolls production back. No freeze, hold or other promote guard blocks it.

use clap::Args;

use super::confirm::{self, Confirmation, Reasons};
use super::context::Context;
use super::error::CliError;
use crate::domain::command::Action;
use crate::domain::ids::BuildNumber;

#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The build to roll back to; the default is the one that was live before
    build: Option<BuildNumber>,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub async fn run(context: &Context, arguments: RollbackArgs) -> Result<(), CliError> {
    let action = Action::Rollback { to: arguments.build };
    confirm::run(context, action, Reasons::new(), arguments.confirmation).await
}
