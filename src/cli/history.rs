//! `trunkline history`: lists the deployments to an environment with their outcomes.

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use clap_complete::engine::ArgValueCandidates;

use super::builds::LARGEST_PAGE;
use super::context::Context;
use super::error::CliError;
use super::output::{Cell, Paint};
use super::wording::{instant, outcome};
use super::{Reading, completions, output, zone};
use crate::backend::Backend as _;
use crate::domain::deployment::{Deployment, DeploymentState};
use crate::domain::ids::{DeploymentId, Environment, ServiceName};
use crate::domain::snapshot::ServiceSnapshot;

#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The environment
    #[arg(value_enum, default_value_t = EnvironmentArg::Production)]
    environment: EnvironmentArg,
    /// Show at most this many, the newest first
    #[arg(long, short = 'n', default_value_t = 20, value_name = "N")]
    limit: usize,
    /// Only deployments older than this one
    #[arg(long, value_name = "DEPLOYMENT", add = ArgValueCandidates::new(completions::deployments))]
    before: Option<DeploymentId>,
    /// Only those requested from this time on: "1h", "2d" or "2w" ago, or as in "2026-12-24 18:00"
    #[arg(long, value_name = "TIME", value_parser = zone::since)]
    since: Option<DateTime<Utc>>,
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
    let service = context.service().await?;
    let HistoryArgs { environment, limit, before, since, reading } = arguments;
    // One more, to see whether there is one.
    let wanted = limit.saturating_add(1);
    let mut all = pages(context, &service, environment.into(), before, wanted).await?;
    all.retain(|deployment| since.is_none_or(|since| deployment.requested_at >= since));
    let is_cut = all.len() > limit;
    all.truncate(limit);
    if reading.json {
        output::json(&all)?;
    } else {
        let snapshot = context.snapshot(&service).await?;
        let rows: Vec<_> = all.iter().map(|deployment| line(deployment, &snapshot)).collect();
        context.out.table(&rows)?;
    }
    if let Some(last) = all.last().filter(|_| is_cut) {
        let next = format!("--before {}", last.id);
        output::note(&format!("older ones not shown; add {next} for the next, or a larger -n"));
    }
    Ok(())
}

/// The newest `limit` deployments that are older than `before`.
pub async fn pages(
    context: &Context,
    service: &ServiceName,
    environment: Environment,
    mut before: Option<DeploymentId>,
    limit: usize,
) -> Result<Vec<Deployment>, CliError> {
    let mut all = Vec::new();
    while all.len() < limit {
        let more = (limit - all.len()).min(LARGEST_PAGE);
        let page = context.backend.history(service, environment, before, more).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        all.extend(page);
    }
    Ok(all)
}

fn line(deployment: &Deployment, snapshot: &ServiceSnapshot) -> Vec<Cell> {
    let about = snapshot.incidents.iter().filter(|of| of.incident.is_about(deployment.id));
    let ids = about.map(|of| format!("; incident {}", of.incident.id));
    let outcome = outcome(deployment, snapshot.at) + &ids.collect::<String>();
    vec![
        deployment.id.to_string().into(),
        instant(deployment.requested_at).into(),
        deployment.kind().to_owned().into(),
        deployment.deployed().into(),
        deployment.by.to_string().into(),
        match deployment.state() {
            DeploymentState::Succeeded => Paint::Good.cell(outcome),
            DeploymentState::Failed | DeploymentState::Interrupted => Paint::Bad.cell(outcome),
            DeploymentState::Cancelled => Paint::Caution.cell(outcome),
            DeploymentState::Queued | DeploymentState::Running => Paint::Active.cell(outcome),
        },
    ]
}
