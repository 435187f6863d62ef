//! `trunkline history`: lists the deployments to an environment with their outcomes.

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};

use super::context::Context;
use super::error::CliError;
use super::wording::{how_it_goes, instant};
use super::{Reading, output};
use crate::domain::deployment::Deployment;
use crate::domain::ids::{DeploymentId, Environment};

#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The environment
    #[arg(value_enum, default_value_t = EnvironmentArg::Production)]
    environment: EnvironmentArg,
    /// Show at most this many, the newest first
    #[arg(long, short = 'n', default_value_t = 20, value_name = "N")]
    limit: usize,
    /// Only deployments older than this one
    #[arg(long, value_name = "DEPLOYMENT")]
    before: Option<DeploymentId>,
    #[command(flatten)]
    reading: Reading,
}

/// An environment as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EnvironmentArg {
    Staging,
    Production,
}

impl From<EnvironmentArg> for Environment {
    fn from(at: EnvironmentArg) -> Self {
        match at {
            EnvironmentArg::Staging => Self::Staging,
            EnvironmentArg::Production => Self::Production,
        }
    }
}

pub async fn run(context: &Context, arguments: HistoryArgs) -> Result<(), CliError> {
    use crate::backend::Backend;
    let service = context.service().await?;
    let HistoryArgs { environment, limit, before, reading } = arguments;
    let all = context.backend.history(&service, environment.into(), before, limit).await?;
    if reading.json {
        return output::json(&all);
    }
    let now = context.snapshot(&service).await?.at;
    let rows: Vec<_> = all.iter().map(|deployment| line(deployment, now)).collect();
    context.out.table(&rows)
}

fn line(deployment: &Deployment, now: DateTime<Utc>) -> Vec<String> {
    let overridden: Vec<_> = deployment.request.overrides.keys().map(|g| g.as_str()).collect();
    let overridden = match overridden.as_slice() {
        [] => String::new(),
        guards => format!(" (overrode {})", guards.join(", ")),
    };
    vec![
        deployment.id.to_string(),
        instant(deployment.requested_at),
        deployment.request.kind.to_string(),
        deployment.request.build.to_string(),
        deployment.by.to_string(),
        format!("{}{overridden}", how_it_goes(deployment, now)),
    ]
}
