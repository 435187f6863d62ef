//! Incidents: what hurt users or might have, what people said of it, when it was over, and what the record knows of it.

mod bad_samples;
mod deployments;
mod fold;
mod gaps;
mod overrides;
mod policy;
mod range;
mod report;
mod standing;
mod timeline;
mod times;
mod watch_lines;
mod words;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{BuildNumber, DeploymentId, IncidentId, Seq};
use super::people::Actor;

pub use self::deployments::IncidentDeployment;
pub use self::fold::Incidents;
pub use self::overrides::IncidentOverride;
pub use self::policy::{IncidentPolicy, PostmortemTime, SeverityLevel};
pub use self::range::{RangeCommit, TakenBackRange};
pub use self::report::{FailedStep, IncidentCut, IncidentReport};
pub use self::standing::{
    IncidentStanding, IncidentState, PostmortemStanding, UsersQuestion, standings, users_question,
};
pub use self::timeline::{INCIDENT_FACTS, IncidentInput, IncidentLine, IncidentWindow};
pub use self::times::{IncidentSpan, IncidentTime, IncidentTimes, TimeBound};
pub use self::words::all_of;

/// The most updates that one incident takes.
pub const MOST_UPDATES: usize = 500;

/// Whether users were affected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsersAffected {
    Yes,
    No,
    #[default]
    NotKnown,
}

impl UsersAffected {
    pub const ALL: [Self; 3] = [Self::Yes, Self::No, Self::NotKnown];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::NotKnown => "not known",
        }
    }
}

impl fmt::Display for UsersAffected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for UsersAffected {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "unknown" | "not-known" => Ok(Self::NotKnown),
            text => Self::ALL
                .into_iter()
                .find(|affected| affected.as_str() == text)
                .ok_or_else(|| format!("{text:?} is no answer; say yes, no or unknown")),
        }
    }
}

/// What a line of an incident tells of its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentMark {
    /// Users began to be affected.
    Began,
    /// Somebody or something noticed it.
    Detected,
    /// Users were no longer affected.
    Restored,
}

impl IncidentMark {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Began => "began",
            Self::Detected => "detected",
            Self::Restored => "restored",
        }
    }
}

/// One incident after its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Incident {
    pub id: IncidentId,
    pub title: String,
    /// The name of its severity: `SEV-2`.
    pub severity: String,
    pub users_affected: UsersAffected,
    /// Who opened it, and owns it.
    pub by: Actor,
    pub opened_at: DateTime<Utc>,
    /// The rollbacks that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollbacks: Vec<LinkedRollback>,
    /// What was said of it, in the order in which it was written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub updates: Vec<IncidentUpdate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<IncidentEnd>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<PostmortemRecord>,
    /// The address of the issue that has the draft of its postmortem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<String>,
}

/// A rollback of production, and what it took away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkedRollback {
    pub rollback: DeploymentId,
    /// The build to which production went back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<BuildNumber>,
    /// The deployment that it took back, and its build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_back: Option<TakenBack>,
    /// What was deployed before that and after the build to which production went back, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<TakenBack>,
}

impl LinkedRollback {
    /// All that it took back, oldest first.
    pub fn taken(&self) -> impl Iterator<Item = TakenBack> {
        self.earlier.iter().copied().chain(self.took_back)
    }
}

/// The deployment that a rollback took back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct TakenBack {
    pub deployment: DeploymentId,
    pub build: BuildNumber,
}

/// One line that a person wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentUpdate {
    pub seq: Seq,
    pub by: Actor,
    /// When it was written.
    pub written_at: DateTime<Utc>,
    /// When it happened, if somebody wrote it down later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    pub text: String,
    /// What it tells of the times of the incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<IncidentMark>,
    /// The severity that it set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// The answer that it gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users_affected: Option<UsersAffected>,
    /// Whether it resolved the incident, or opened it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<IncidentTurn>,
}

/// The incident was resolved, or opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentTurn {
    Resolved,
    Reopened,
}

/// How an incident ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentEnd {
    pub seq: Seq,
    pub by: Actor,
    /// When somebody said so.
    pub written_at: DateTime<Utc>,
    /// When it was over, if that was earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    pub text: String,
}

impl IncidentEnd {
    /// When it was over.
    #[must_use]
    pub fn over_at(&self) -> DateTime<Utc> {
        self.at.unwrap_or(self.written_at)
    }
}

/// What became of the postmortem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "became")]
pub enum PostmortemRecord {
    Written {
        by: Actor,
        at: DateTime<Utc>,
        /// Where it is: an address or a path.
        place: String,
    },
    Dismissed {
        by: Actor,
        at: DateTime<Utc>,
        reason: String,
    },
}

/// Somebody said that users were not affected by what a rollback took back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotAffected {
    pub by: Actor,
    pub at: DateTime<Utc>,
    pub note: String,
}

impl Incident {
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.resolved.is_none()
    }

    /// Whether a rollback at this instant belongs to it without a question. After the answer that users are not affected, or
    /// a day without a word, nobody knows.
    pub(super) fn takes_rollback(&self, at: DateTime<Utc>) -> bool {
        let last = self.updates.last().map_or(self.opened_at, |update| update.written_at);
        self.is_open() && self.users_affected != UsersAffected::No && at - last <= fold::RECENT
    }

    /// When people were last told how it stands: a line that was dated back tells nothing of now.
    #[must_use]
    pub fn last_told(&self) -> DateTime<Utc> {
        let told = self.updates.iter().filter(|update| update.at.is_none());
        told.map(|update| update.written_at).max().unwrap_or(self.opened_at)
    }

    /// Whether its rollbacks took this build back, as far as the builds between tell.
    #[must_use]
    pub fn took_back(&self, build: BuildNumber) -> bool {
        self.rollbacks.iter().any(|linked| {
            let is_after = linked.to.is_none_or(|to| to < build);
            linked.took_back.is_some_and(|taken| is_after && build <= taken.build)
        })
    }

    #[must_use]
    pub fn is_about(&self, deployment: DeploymentId) -> bool {
        self.rollbacks.iter().any(|linked| {
            linked.rollback == deployment
                || linked.taken().any(|taken| taken.deployment == deployment)
        })
    }
}
