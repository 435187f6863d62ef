//! `trunkline retry`: deploys again what failed or was passed over, without a new commit.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use super::completions;
use super::confirm::{self, Confirmation};
use super::context::Context;
use super::error::CliError;
use crate::domain::command::Action;
use crate::domain::ids::{BuildNumber, Environment};
use crate::domain::plan::Guard;

/// What is tried again, and where.
#[derive(Debug, Clone, Copy, Args)]
pub struct Retried {
    /// The build number, as in 1290
    #[arg(add = ArgValueCandidates::new(completions::builds))]
    build: BuildNumber,
    /// Try its failed promote or rollback of production again, instead of its way to staging
    #[arg(long)]
    production: bool,
}

impl From<Retried> for Action {
    fn from(Retried { build, production }: Retried) -> Self {
        let environment = if production { Environment::Production } else { Environment::Staging };
        Self::Retry { build, environment }
    }
}

#[derive(Debug, Args)]
pub struct RetryArgs {
    #[command(flatten)]
    retried: Retried,
    /// The reason to override a guard that the plan names, as in hold="agreed"; repeat for each guard
    #[arg(long = "reason", value_name = "GUARD=TEXT", value_parser = confirm::reason,
          add = ArgValueCandidates::new(completions::guards))]
    reasons: Vec<(Guard, String)>,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub async fn run(context: &Context, arguments: RetryArgs) -> Result<(), CliError> {
    let reasons = arguments.reasons.into_iter().collect();
    confirm::run(context, arguments.retried.into(), reasons, arguments.confirmation).await
}
