//! `trunkline freeze check`: whether one moment is frozen, by the engine's rules or by a file alone.

use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::list::row;
use crate::backend::Backend as _;
use crate::calendar::ical::LARGEST_FEED;
use crate::calendar::{
    Evaluation, Feed, FeedPlace, FeedSource, FreezeAction, FreezeQuery, FreezeRules, FreezeState,
    FreezesFile, LARGEST_FILE,
};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::history::EnvironmentArg;
use crate::cli::output::Output;
use crate::cli::wording::instant;
use crate::cli::{Global, Reading, output, zone};
use crate::config::{ConfigError, freezes as files};
use crate::domain::ids::{Environment, ServiceName};
use crate::domain::stops::evaluate_freezes;
use crate::engine::clock::{Clock as _, SystemClock};

/// How far ahead the end of a run of freezes is searched.
const AHEAD: TimeDelta = TimeDelta::days(400);

#[derive(Debug, Args)]
pub struct FreezeCheckArgs {
    /// A freezes.toml to check alone, without an engine
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The moment, as in "2026-12-24 18:00" (local time) or "2026-12-24 18:00 UTC"; the default is now
    #[arg(long, value_name = "TIME", value_parser = zone::start)]
    at: Option<DateTime<Utc>>,
    /// The environment of the deployment
    #[arg(long, value_enum, default_value = "production")]
    environment: EnvironmentArg,
    /// The action
    #[arg(long, value_enum, default_value = "promote")]
    action: What,
    #[command(flatten)]
    reading: Reading,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    Promote,
    Rollback,
    Abort,
}

/// The document.
#[derive(Serialize)]
struct Checked<'a> {
    at: DateTime<Utc>,
    service: &'a ServiceName,
    environment: Environment,
    action: FreezeAction,
    /// Every match in one line.
    why: String,
    #[serde(flatten)]
    evaluation: Evaluation,
}

pub async fn run(global: Global, arguments: FreezeCheckArgs) -> Result<(), CliError> {
    let environment = arguments.environment.into();
    let action = match arguments.action {
        What::Promote => FreezeAction::Promote,
        What::Rollback => FreezeAction::Rollback,
        What::Abort => FreezeAction::Abort,
    };
    let Some(file) = &arguments.file else {
        let context = Context::connect(global).await?;
        let service = context.service().await?;
        let snapshot = context.snapshot(&service).await?;
        let at = arguments.at.unwrap_or(snapshot.at);
        let windows = context.backend.freezes(&service, environment, at, at + AHEAD).await?;
        let by_hand: &[_] = match environment {
            Environment::Production => &snapshot.freezes,
            Environment::Staging => &[],
        };
        let mut evaluation = match action {
            FreezeAction::Promote => evaluate_freezes(&windows, by_hand, at),
            FreezeAction::Rollback | FreezeAction::Abort => Evaluation::default(),
        };
        // As in a plan: the policy of the service may turn freezes into warnings.
        evaluation.state = evaluation.state.under(snapshot.policy.freeze);
        evaluation.problems.clone_from(&snapshot.calendar_problems);
        let checked = Checked::of(at, &service, environment, action, evaluation);
        return checked.print(arguments.reading);
    };
    let service = global.service.ok_or_else(|| {
        CliError::usage("name the service with --service; a file is checked for one service")
    })?;
    let at = arguments.at.unwrap_or_else(|| SystemClock.now());
    let rules = rules(file, at)?;
    let evaluation = rules.evaluate(&FreezeQuery {
        at,
        environment: environment.as_str(),
        service: service.as_str(),
        action,
    });
    Checked::of(at, &service, environment, action, evaluation).print(arguments.reading)
}

impl<'a> Checked<'a> {
    fn of(
        at: DateTime<Utc>,
        service: &'a ServiceName,
        environment: Environment,
        action: FreezeAction,
        evaluation: Evaluation,
    ) -> Self {
        let why = match (action, evaluation.state) {
            (FreezeAction::Rollback, FreezeState::Open) => "rollbacks are never frozen".to_owned(),
            (FreezeAction::Abort, FreezeState::Open) => "aborts are never frozen".to_owned(),
            _ => evaluation.why(),
        };
        Self { at, service, environment, action, why, evaluation }
    }

    fn print(&self, reading: Reading) -> Result<(), CliError> {
        if reading.json {
            return output::json(self);
        }
        let out = Output::new();
        out.line(self.headline())?;
        out.table(&self.evaluation.matches.iter().map(row).collect::<Vec<_>>())?;
        out.lines(self.evaluation.problems.iter().map(|problem| format!("not known: {problem}")))
    }

    fn headline(&self) -> String {
        let Self { at, service, environment, action, why, evaluation } = self;
        let until = |known: Option<_>| {
            known.map_or("with no known end".to_owned(), |at| format!("until {}", instant(at)))
        };
        let answer = match evaluation.state {
            FreezeState::Frozen => {
                let until = until(evaluation.lasts_until);
                format!("frozen {until}; a promote needs --reason freeze=TEXT")
            }
            FreezeState::Warn => format!("open, with a warning {}", until(evaluation.until)),
            FreezeState::Open if *action != FreezeAction::Promote => format!("open: {why}"),
            FreezeState::Open => {
                let days = AHEAD.num_days();
                let known = if evaluation.problems.is_empty() { "" } else { ", as far as known" };
                let next = evaluation.until.map_or_else(
                    || format!("no freeze starts in the next {days} days"),
                    |at| format!("the next freeze starts {}", instant(at)),
                );
                format!("open{known}; {next}")
            }
        };
        let what = match action {
            FreezeAction::Promote => "promote",
            FreezeAction::Rollback => "rollback",
            FreezeAction::Abort => "abort",
        };
        format!("{service} {environment}, {what} at {}: {answer}", instant(*at))
    }
}

/// The rules of a file, with the feeds that are files. Feeds from the web are not read.
fn rules(path: &Path, at: DateTime<Utc>) -> Result<FreezeRules, CliError> {
    let shown = path.display().to_string();
    let text = files::text(path, LARGEST_FILE)
        .map_err(|why| CliError::usage(format!("{shown}: cannot be read: {why}")))?;
    let file = FreezesFile::parse(&text, &shown).map_err(ConfigError::from)?;
    let folder = path.parent().unwrap_or(path);
    let read = |source: &FeedSource| match &source.place {
        FeedPlace::Path(below) => files::text(&folder.join(below), LARGEST_FEED),
        FeedPlace::Url(_) => Err("feeds from the web are not read here".to_owned()),
    };
    let stretch = (at - TimeDelta::days(60), at + AHEAD);
    Ok(file.rules.with_feeds(|id| {
        let source = file.feeds.iter().find(|source| source.id == id)?;
        let feed = read(source).and_then(|text| files::feed(&text, source.zone, stretch, at));
        Some(feed.unwrap_or_else(Feed::unread))
    }))
}
