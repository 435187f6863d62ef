//! What rollback steps need of their surroundings, such as a registry or a cluster, and whether it is there.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::instant;
use super::live_source::LiveUrl;

/// One thing that the rollback steps need, as the trunk's newest service file declares it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RollbackNeed {
    pub name: String,
    pub probe: NeedProbe,
    pub every: Duration,
}

/// How it is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NeedProbe {
    /// A program and its arguments that end well while it is there.
    Run(Vec<String>),
    /// An address that answers with a status from 200 to 399 while it is there.
    Url(LiveUrl),
}

/// How a need stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NeedStanding {
    pub name: String,
    pub state: NeedState,
    /// Since when it is so; absent while it was not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// Why it is not there, or not known to be: `exit 7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Whether something that rollback steps need is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NeedState {
    There,
    Missing,
    /// It was not looked at yet, or could not be.
    Unknown,
}

impl NeedStanding {
    /// Before it was looked at.
    #[must_use]
    pub fn unknown(name: &str) -> Self {
        Self { name: name.to_owned(), state: NeedState::Unknown, since: None, why: None }
    }

    /// What is said of it, unless it is there: `rollback needs registry: missing since 14:02 UTC (exit 7)`.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        let how = match self.state {
            NeedState::There => return None,
            NeedState::Missing => "missing",
            NeedState::Unknown => "not known whether it is there",
        };
        let since = self.since.map(|at| format!(" since {}", instant::in_utc(at)));
        let why = self.why.as_ref().map(|why| format!(" ({why})"));
        let (since, why) = (since.unwrap_or_default(), why.unwrap_or_default());
        Some(format!("rollback needs {}: {how}{since}{why}", self.name))
    }

    /// The standing after a look: what stays the same keeps its time.
    #[must_use]
    pub fn looked(self, state: NeedState, why: Option<String>, now: DateTime<Utc>) -> Self {
        let since = if self.state == state { self.since.or(Some(now)) } else { Some(now) };
        Self { state, since, why, ..self }
    }
}
