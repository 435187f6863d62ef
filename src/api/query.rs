//! The query parameters of each path.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::chain::{ChainFrom, Hash};
use crate::domain::command::Action;
use crate::domain::ids::{BuildNumber, DeploymentId, Environment, IncidentId, Seq, ServiceName};
use crate::domain::log::{Direction, FilteredRead, LineFilter, LogFrom, LogSearch, Wanted};
use crate::domain::timeline::TimelineRange;

/// How long to wait for a change, in seconds, at most 25. Fractions are allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Wait(f64);

impl Wait {
    /// The time to wait, at most `longest`. An invalid number means no wait.
    #[must_use]
    pub fn up_to(self, longest: Duration) -> Duration {
        match Duration::try_from_secs_f64(self.0) {
            Ok(wait) => wait.min(longest),
            Err(_) if self.0 > 0.0 => longest,
            Err(_) => Duration::ZERO,
        }
    }
}

impl From<Duration> for Wait {
    fn from(wait: Duration) -> Self {
        Self(wait.as_secs_f64())
    }
}

/// For the fleet and a service. The version that the caller has is in `If-None-Match`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SnapshotQuery {
    /// How long to wait for a version other than the caller's.
    #[serde(default)]
    pub wait: Wait,
}

/// For the builds of the trunk, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BuildsQuery {
    /// Only builds older than this one.
    pub before: Option<BuildNumber>,
    /// The most to list: by default 50, at most 500.
    pub limit: Option<usize>,
}

/// For the deployments of an environment, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeploymentsQuery {
    pub environment: Environment,
    /// Only deployments older than this one.
    pub before: Option<DeploymentId>,
    /// The most to list: by default 50, at most 500.
    pub limit: Option<usize>,
}

/// For the incidents of a service, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IncidentsQuery {
    /// Only incidents older than this one.
    pub before: Option<IncidentId>,
    /// The most to list: by default 50, at most 500.
    pub limit: Option<usize>,
}

/// For the calendar freezes: the windows that overlap a period of at most 800 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FreezesQuery {
    pub environment: Environment,
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

impl FreezesQuery {
    /// The period that it asks about.
    ///
    /// # Errors
    /// A sentence, if the period is longer than 800 days.
    pub fn period(&self) -> Result<(DateTime<Utc>, DateTime<Utc>), &'static str> {
        let longest = TimeDelta::days(800);
        let is_fine = self.until.signed_duration_since(self.from) <= longest;
        is_fine.then_some((self.from, self.until)).ok_or("ask for 800 days at most")
    }
}

/// For how a service was delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StatsQuery {
    /// How many days back from now: by default 30, at most 400.
    pub days: Option<u32>,
}

/// For a plan: `action=promote&build=1290`, `action=rollback`, `action=rollback&to=1286`, `action=retry&build=1290` or
/// `action=retry&build=1290&environment=production`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PlanQuery {
    pub action: Verb,
    /// What to promote or retry.
    pub build: Option<BuildNumber>,
    /// What to roll back to; by default the engine's choice.
    pub to: Option<BuildNumber>,
    /// Where to retry; by default in staging.
    pub environment: Option<Environment>,
}

/// What to plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Promote,
    Rollback,
    RollbackByTrunk,
    Retry,
}

impl From<Action> for PlanQuery {
    fn from(action: Action) -> Self {
        match action {
            Action::Promote { build } => {
                Self { action: Verb::Promote, build: Some(build), to: None, environment: None }
            }
            Action::Rollback { to } => {
                Self { action: Verb::Rollback, build: None, to, environment: None }
            }
            Action::RollbackByTrunk { to } => {
                Self { action: Verb::RollbackByTrunk, build: None, to, environment: None }
            }
            Action::Retry { build, environment } => Self {
                action: Verb::Retry,
                build: Some(build),
                to: None,
                environment: Some(environment),
            },
        }
    }
}

impl TryFrom<PlanQuery> for Action {
    type Error = &'static str;

    fn try_from(query: PlanQuery) -> Result<Self, Self::Error> {
        match query {
            PlanQuery {
                action: Verb::Promote,
                build: Some(build),
                to: None,
                environment: None,
            } => Ok(Self::Promote { build }),
            PlanQuery { action: Verb::Rollback, build: None, to, environment: None } => {
                Ok(Self::Rollback { to })
            }
            PlanQuery { action: Verb::RollbackByTrunk, build: None, to, environment: None } => {
                Ok(Self::RollbackByTrunk { to })
            }
            PlanQuery { action: Verb::Retry, build: Some(build), to: None, environment } => {
                let environment = environment.unwrap_or(Environment::Staging);
                Ok(Self::Retry { build, environment })
            }
            PlanQuery { action: Verb::Promote, .. } => {
                Err("a promote names its build: \"action=promote&build=1290\"")
            }
            PlanQuery { action: Verb::Rollback | Verb::RollbackByTrunk, .. } => {
                Err("a rollback names at most its target: \"action=rollback&to=1286\"")
            }
            PlanQuery { action: Verb::Retry, .. } => Err(
                "a retry names its build and perhaps where: \"action=retry&build=1290&environment=staging\"",
            ),
        }
    }
}

/// For a page of a log; by default from its beginning.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// Lines that start at or after this cursor.
    pub after: Option<u64>,
    /// The last lines that end at or before this cursor.
    pub before: Option<u64>,
    /// The last lines; the value does not matter.
    pub end: Option<String>,
    /// About how many bytes: by default 65,536, at most 1,048,576.
    pub limit: Option<usize>,
    /// How long to wait for the first line.
    #[serde(default)]
    pub wait: Wait,
}

impl LogQuery {
    #[must_use]
    pub fn new(from: LogFrom, limit: usize, wait: Duration) -> Self {
        let query = Self { limit: Some(limit), wait: wait.into(), ..Self::default() };
        match from {
            LogFrom::After(cursor) => Self { after: Some(cursor), ..query },
            LogFrom::Before(cursor) => Self { before: Some(cursor), ..query },
            LogFrom::End => Self { end: Some(String::new()), ..query },
        }
    }

    /// Which part of the log it asks for.
    ///
    /// # Errors
    /// A sentence, if it asks for more than one part.
    pub fn from(&self) -> Result<LogFrom, &'static str> {
        match (self.after, self.before, &self.end) {
            (after, None, None) => Ok(LogFrom::After(after.unwrap_or(0))),
            (None, Some(before), None) => Ok(LogFrom::Before(before)),
            (None, None, Some(_)) => Ok(LogFrom::End),
            _ => Err("ask for one of \"after\", \"before\" and \"end\""),
        }
    }
}

/// For a search of a log: `text=timeout&before=81920` or `error=true&after=0`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogSearchQuery {
    /// The text to look for, at most 1,000 bytes. Letters match in either case unless one of them is upper case.
    pub text: Option<String>,
    /// A regular expression to look for instead, at most 1,000 bytes.
    pub regex: Option<String>,
    /// Searches for a line of level error instead.
    pub error: Option<bool>,
    /// The first line that starts at or after this cursor.
    pub after: Option<u64>,
    /// The last line that ends at or before this cursor.
    pub before: Option<u64>,
}

impl From<LogSearch> for LogSearchQuery {
    fn from(LogSearch { wanted, direction, from }: LogSearch) -> Self {
        let query = match wanted {
            Wanted::Text(text) => Self { text: Some(text), ..Self::default() },
            Wanted::Pattern(pattern) => Self { regex: Some(pattern), ..Self::default() },
            Wanted::Error => Self { error: Some(true), ..Self::default() },
        };
        match direction {
            Direction::Newer => Self { after: Some(from), ..query },
            Direction::Older => Self { before: Some(from), ..query },
        }
    }
}

impl TryFrom<LogSearchQuery> for LogSearch {
    type Error = &'static str;

    fn try_from(query: LogSearchQuery) -> Result<Self, &'static str> {
        let wanted = wanted(query.text, query.regex, query.error)?;
        let (direction, from) = match (query.after, query.before) {
            (Some(after), None) => (Direction::Newer, after),
            (None, Some(before)) => (Direction::Older, before),
            _ => return Err("look from \"after\" or \"before\""),
        };
        Ok(Self { wanted, direction, from })
    }
}

fn wanted(
    text: Option<String>,
    regex: Option<String>,
    error: Option<bool>,
) -> Result<Wanted, &'static str> {
    match (text, regex, error.unwrap_or(false)) {
        (Some(text), None, false) => Ok(Wanted::Text(text)),
        (None, Some(pattern), false) => Ok(Wanted::Pattern(pattern)),
        (None, None, true) => Ok(Wanted::Error),
        _ => Err("look for \"text\", for \"regex\" or with \"error=true\""),
    }
}

/// For the lines of a log that pass a filter: `text=timeout&around=2&end=`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogFilterQuery {
    /// The text that a line has to have, at most 1,000 bytes. Letters match in either case unless one of them is upper
    /// case.
    pub text: Option<String>,
    /// A regular expression that a line has to match instead, at most 1,000 bytes.
    pub regex: Option<String>,
    /// Lines of level error instead.
    pub error: Option<bool>,
    /// The lines that do not match.
    #[serde(default)]
    pub inverted: bool,
    /// How many lines before and after each are listed with it: by default none, at most 20.
    #[serde(default)]
    pub around: usize,
    /// Lines that start at or after this cursor; by default from the beginning.
    pub after: Option<u64>,
    /// The last lines that end at or before this cursor.
    pub before: Option<u64>,
    /// The last lines; the value does not matter.
    pub end: Option<String>,
    /// The most lines that pass: by default 500, which is also the most. With 0 they are counted and not listed.
    pub limit: Option<usize>,
    /// How long to wait for the first line, whether or not it passes.
    #[serde(default)]
    pub wait: Wait,
}

impl LogFilterQuery {
    #[must_use]
    pub fn new(read: FilteredRead, wait: Duration) -> Self {
        let FilteredRead { filter: LineFilter { wanted, inverted, around }, from, limit } = read;
        let what = LogSearchQuery::from(LogSearch { wanted, direction: Direction::Newer, from: 0 });
        let LogQuery { after, before, end, .. } = LogQuery::new(from, 0, wait);
        let LogSearchQuery { text, regex, error, .. } = what;
        let (limit, wait) = (Some(limit), wait.into());
        Self { text, regex, error, inverted, around, after, before, end, limit, wait }
    }
}

impl TryFrom<LogFilterQuery> for FilteredRead {
    type Error = &'static str;

    fn try_from(query: LogFilterQuery) -> Result<Self, &'static str> {
        let LogFilterQuery { text, regex, error, inverted, around, after, before, end, .. } = query;
        let part = LogQuery { after, before, end, ..LogQuery::default() };
        let filter = LineFilter { wanted: wanted(text, regex, error)?, inverted, around };
        Ok(Self { filter, from: part.from()?, limit: query.limit.unwrap_or(usize::MAX) })
    }
}

/// For events, of one service or of all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    pub service: Option<ServiceName>,
    /// Only events later than this one.
    #[serde(default)]
    pub after: Seq,
    /// The most to list: by default 100, at most 1,000.
    pub limit: Option<usize>,
    /// How long to wait for the first event.
    #[serde(default)]
    pub wait: Wait,
}

/// For the timeline of all services. The version that the caller has is in `If-None-Match`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TimelineQuery {
    /// How many minutes back from now: by default 60, at most 21,600.
    pub minutes: Option<u32>,
    /// Only what was recorded before this event.
    pub before: Option<Seq>,
    /// The most events to read: by default 100, at most 500. What was done to several services together is one entry.
    pub limit: Option<usize>,
    /// How long to wait for a version other than the caller's.
    #[serde(default)]
    pub wait: Wait,
}

impl TimelineQuery {
    #[must_use]
    pub fn new(range: TimelineRange, wait: Duration) -> Self {
        let minutes = range.within.as_secs().div_ceil(60);
        Self {
            minutes: Some(u32::try_from(minutes).unwrap_or(u32::MAX)),
            before: range.before,
            limit: Some(range.limit),
            wait: wait.into(),
        }
    }

    /// The part that it asks for.
    #[must_use]
    pub fn range(&self) -> TimelineRange {
        let minutes = self.minutes.unwrap_or(60).max(1);
        let within = Duration::from_mins(minutes.into()).min(TimelineRange::LONGEST);
        let limit = self.limit.unwrap_or(100).clamp(1, 500);
        TimelineRange { within, before: self.before, limit }
    }
}

/// For a part of the record's hash chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChainQuery {
    /// Only rows later than this one.
    #[serde(default)]
    pub after: Seq,
    /// The hash that the row `after` must have; by default the row's own hash.
    pub hash: Option<Hash>,
    /// The most rows: by default 1,000, which is also the most.
    pub limit: Option<usize>,
}

impl ChainQuery {
    #[must_use]
    pub fn new(from: ChainFrom, limit: usize) -> Self {
        Self { after: from.seq, hash: from.hash, limit: Some(limit) }
    }

    /// The row after which the walk continues.
    #[must_use]
    pub fn from(&self) -> ChainFrom {
        ChainFrom { seq: self.after, hash: self.hash }
    }
}

/// For the events of a period. Both ends are inclusive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SpanQuery {
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
}
