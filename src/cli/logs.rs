//! `trunkline logs`: prints the log of a deployment step by step, and follows it.

use std::num::ParseIntError;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use serde::Serialize;

use super::builds::LARGEST_PAGE;
use super::context::Context;
use super::error::CliError;
use super::{Reading, completions, follow, history, output};
use crate::backend::{Backend, LONGEST_WAIT};
use crate::domain::deployment::{Deployment, StepState};
use crate::domain::ids::{BuildNumber, DeploymentId, Environment, ServiceName};
use crate::domain::log::{LogFrom, LogLine, Stream};

/// About how many bytes to read at once.
const PAGE: usize = 256 * 1024;
/// A longer line of the step is printed in pieces, in bytes.
const LONGEST_LINE: usize = 64 * 1024 * 1024;
/// The pause before looking again at a step that has not started.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The deployment, as in d57, or the last one of a build, as in '#1290'; without it, the running one or else the
    /// last one
    #[arg(value_name = "DEPLOYMENT", add = ArgValueCandidates::new(completions::deployments))]
    of: Option<LogOf>,
    /// Only this step
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(completions::steps))]
    step: Option<String>,
    /// Follow until the deployment ends
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    reading: Reading,
}

/// Whose log to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogOf {
    Deployment(DeploymentId),
    Build(BuildNumber),
    /// A bare number can be either.
    Number(u64),
}

impl FromStr for LogOf {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        match text.split_at_checked(1) {
            Some(("d", id)) => Ok(Self::Deployment(DeploymentId(id.parse()?))),
            Some(("#", number)) => Ok(Self::Build(BuildNumber(number.parse()?))),
            _ => Ok(Self::Number(text.parse()?)),
        }
    }
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
    let deployment = deployment(context, &service, arguments.of).await?;
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

/// The deployment that an argument names, or the running one, or else the last one.
pub async fn deployment(
    context: &Context,
    service: &ServiceName,
    of: Option<LogOf>,
) -> Result<Deployment, CliError> {
    match of {
        Some(of) => named(context, service, of).await,
        None => newest(context, service).await,
    }
}

async fn named(
    context: &Context,
    service: &ServiceName,
    of: LogOf,
) -> Result<Deployment, CliError> {
    let missing = |what: &str| CliError::failed(format!("there is no {what}"));
    let (by_id, by_build) = match of {
        LogOf::Deployment(id) => (find(context, service, id).await?, None),
        LogOf::Build(build) => (None, of_build(context, service, build).await?),
        LogOf::Number(number) => (
            find(context, service, DeploymentId(number)).await?,
            of_build(context, service, BuildNumber(number)).await?,
        ),
    };
    match (by_id, by_build) {
        (Some(id), Some(build)) if id.id != build.id => Err(CliError::usage(format!(
            "{} can be the deployment {} or the build {}; write {} or '{}'",
            id.id.0, id.id, build.request.build, id.id, build.request.build
        ))),
        (Some(found), _) | (None, Some(found)) => Ok(found),
        (None, None) => Err(match of {
            LogOf::Deployment(id) => missing(&format!("deployment {id}")),
            LogOf::Build(build) => missing(&format!("deployment of a build {build}")),
            LogOf::Number(number) => {
                missing(&format!("deployment d{number}, and no deployment of a build #{number}"))
            }
        }),
    }
}

/// Any deployment, however old.
async fn find(
    context: &Context,
    service: &ServiceName,
    id: DeploymentId,
) -> Result<Option<Deployment>, CliError> {
    let before = Some(DeploymentId(id.0.saturating_add(1)));
    for environment in [Environment::Production, Environment::Staging] {
        let ask = async || context.backend.history(service, environment, before, 1).await;
        let found = follow::patiently(ask).await?;
        if let Some(found) = found.into_iter().find(|deployment| deployment.id == id) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The running deployment of a build, or else its last one, in either environment.
async fn of_build(
    context: &Context,
    service: &ServiceName,
    build: BuildNumber,
) -> Result<Option<Deployment>, CliError> {
    let mut all = Vec::new();
    for environment in [Environment::Production, Environment::Staging] {
        let mut before = None;
        loop {
            let page = history::pages(context, service, environment, before, LARGEST_PAGE).await?;
            before = page.last().map(|deployment| deployment.id);
            let found = page.into_iter().find(|deployment| deployment.request.build == build);
            if found.is_some() || before.is_none() {
                all.extend(found);
                break;
            }
        }
    }
    Ok(all.into_iter().max_by_key(|deployment| (deployment.is_open(), deployment.id)))
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
            let step = deployment.and_then(|deployment| deployment.steps.get(step).cloned());
            state = step.unwrap_or(StepState::Skipped);
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
