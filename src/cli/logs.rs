//! `trunkline logs`: prints the log of a deployment step by step, and follows it.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::context::Context;
use super::error::CliError;
use super::{Reading, follow, output};
use crate::backend::{Backend, LONGEST_WAIT};
use crate::domain::deployment::{Deployment, StepState};
use crate::domain::ids::{DeploymentId, Environment, ServiceName};
use crate::domain::log::{LogFrom, LogLine, Stream};

/// About how many bytes to read at once.
const PAGE: usize = 256 * 1024;
/// A longer line of the step is printed in pieces, in bytes.
const LONGEST_LINE: usize = 64 * 1024 * 1024;
/// The pause before looking again at a step that has not started.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The deployment; without it, the running one or else the last one
    deployment: Option<DeploymentId>,
    /// Only this step
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
    /// Follow until the deployment ends
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    reading: Reading,
}

/// A line as `--json` prints it, one document on each line.
#[derive(Serialize)]
struct LogDocument<'a> {
    deployment: DeploymentId,
    step: &'a str,
    at: Option<chrono::DateTime<chrono::Utc>>,
    stream: Stream,
    text: std::borrow::Cow<'a, str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    continues: bool,
}

pub async fn run(context: &Context, arguments: LogsArgs) -> Result<(), CliError> {
    let service = context.service().await?;
    let deployment = match arguments.deployment {
        Some(id) => find(context, &service, id).await?,
        None => newest(context, &service).await?,
    };
    let names = deployment.request.steps.iter().map(|step| step.name.as_str());
    let wanted: Vec<_> = names
        .enumerate()
        .filter(|(_, name)| arguments.step.as_deref().is_none_or(|step| step == *name))
        .collect();
    if let (Some(step), true) = (&arguments.step, wanted.is_empty()) {
        let names: Vec<_> = deployment.request.steps.iter().map(|s| s.name.as_str()).collect();
        let names = names.join(", ");
        return Err(CliError::usage(format!(
            "{} has no step {step:?}; it has {names}",
            deployment.id
        )));
    }
    let reader = LogReader { context, service: &service, arguments: &arguments, id: deployment.id };
    for (index, name) in wanted {
        if !reader.begins(index, &deployment.steps[index]).await? {
            continue;
        }
        if !arguments.reading.json {
            context.out.line(format!("== {} {name}", deployment.id))?;
        }
        reader.step(index, name).await?;
    }
    Ok(())
}

/// Any deployment, however old.
async fn find(
    context: &Context,
    service: &ServiceName,
    id: DeploymentId,
) -> Result<Deployment, CliError> {
    let before = Some(DeploymentId(id.0.saturating_add(1)));
    for environment in [Environment::Production, Environment::Staging] {
        let ask = async || context.backend.history(service, environment, before, 1).await;
        let found = follow::patiently(ask).await?;
        if let Some(found) = found.into_iter().find(|deployment| deployment.id == id) {
            return Ok(found);
        }
    }
    Err(CliError::failed(format!("there is no deployment {id}")))
}

async fn newest(context: &Context, service: &ServiceName) -> Result<Deployment, CliError> {
    let all = context.snapshot(service).await?.deployments;
    let mut all: Vec<_> = all.into_iter().map(|row| row.deployment).collect();
    all.sort_by_key(|deployment| (deployment.is_open(), deployment.id));
    all.pop().ok_or_else(|| CliError::failed(format!("{service} has no deployments yet")))
}

/// A line and its next piece.
fn joined(begun: Option<LogLine>, piece: LogLine) -> LogLine {
    let Some(mut line) = begun else { return piece };
    line.text.extend(piece.text);
    line.continues = piece.continues;
    line
}

struct LogReader<'a> {
    context: &'a Context,
    service: &'a ServiceName,
    arguments: &'a LogsArgs,
    id: DeploymentId,
}

impl LogReader<'_> {
    /// Whether the step has a log. When following, waits until the step starts or is skipped.
    async fn begins(&self, step: usize, known: &StepState) -> Result<bool, CliError> {
        let mut state = known.clone();
        while self.arguments.follow && state == StepState::Waiting {
            tokio::time::sleep(PAUSE).await;
            let deployment = find(self.context, self.service, self.id).await?;
            state = deployment.steps.get(step).cloned().unwrap_or(StepState::Skipped);
        }
        Ok(matches!(state, StepState::Running { .. } | StepState::Ended { .. }))
    }

    async fn step(&self, step: usize, name: &str) -> Result<(), CliError> {
        let wait = if self.arguments.follow { LONGEST_WAIT } else { Duration::ZERO };
        let mut cursor = 0;
        // The pieces so far of a line that the log has in pieces.
        let mut begun: Option<LogLine> = None;
        loop {
            let from = LogFrom::After(cursor);
            let (backend, service) = (&self.context.backend, self.service);
            let ask = async || backend.log(service, self.id, step, from, PAGE, wait).await;
            let page = follow::patiently(ask).await?;
            for piece in page.lines() {
                let line = joined(begun.take(), piece);
                if line.continues && line.text.len() < LONGEST_LINE {
                    begun = Some(line);
                } else {
                    self.line(name, &line)?;
                }
            }
            cursor = page.next;
            let caught_up = page.bytes.is_empty() || cursor >= page.size;
            if page.ended || (caught_up && !self.arguments.follow) {
                return begun.map_or(Ok(()), |line| self.line(name, &line));
            }
        }
    }

    fn line(&self, name: &str, line: &LogLine) -> Result<(), CliError> {
        if !self.arguments.reading.json {
            return self.context.out.bytes(&line.text);
        }
        output::json_line(&LogDocument {
            deployment: self.id,
            step: name,
            at: line.at,
            stream: line.stream,
            text: String::from_utf8_lossy(&line.text),
            continues: line.continues,
        })
    }
}
