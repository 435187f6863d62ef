//! Facts of incidents.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::ids::{BuildNumber, DeploymentId, IncidentId};
use crate::domain::incident::{IncidentMark, TakenBack, UsersAffected};

/// Somebody opened an incident. The event's sequence number names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentOpened {
    pub title: String,
    pub severity: String,
    pub users_affected: UsersAffected,
    /// The rollback after which it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<DeploymentId>,
    /// The build to which that went back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<BuildNumber>,
    /// What that took back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_back: Option<TakenBack>,
}

/// A line of an incident, with what it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentUpdated {
    pub incident: IncidentId,
    pub text: String,
    /// When it happened, if it was written down later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// What it tells of the times of the incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<IncidentMark>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users_affected: Option<UsersAffected>,
}

/// An incident is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentResolved {
    pub incident: IncidentId,
    pub text: String,
    /// When it was over, if that was earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
}

/// An incident is not over after all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentReopened {
    pub incident: IncidentId,
    pub reason: String,
}

/// The postmortem of an incident is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PostmortemWritten {
    pub incident: IncidentId,
    /// Where it is: an address or a path.
    pub place: String,
    /// Only its draft is there, as an issue that people fill in: it is not written yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub draft: bool,
}

/// Nobody will write the postmortem of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PostmortemDismissed {
    pub incident: IncidentId,
    pub reason: String,
}

/// Users were not affected by what a rollback took back, says somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsersNotAffected {
    pub rollback: DeploymentId,
    /// The other rollbacks of which this was said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<DeploymentId>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl UsersNotAffected {
    /// All rollbacks of which this was said.
    pub fn rollbacks(&self) -> impl Iterator<Item = DeploymentId> {
        self.with.iter().copied().chain([self.rollback])
    }
}
