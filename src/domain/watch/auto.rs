//! What followed by itself when a watch turned bad: a rollback, or why there was none.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::ids::{BuildNumber, DeploymentId, Seq};
use crate::domain::instant;

/// The watch of production turned bad where the service file asks for a rollback by itself: whether there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AutoRollback {
    /// The deployment whose watch it is.
    pub deployment: DeploymentId,
    /// The check that turned bad.
    pub check: String,
    /// Since when it is bad.
    pub since: DateTime<Utc>,
    /// What it said then.
    pub says: String,
    /// What it said is this number, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    pub decision: AutoDecision,
}

/// Whether production is rolled back by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AutoDecision {
    /// It is, to this build.
    RollsBack { to: BuildNumber },
    /// It is not, because of this.
    Stays { why: String },
}

impl AutoDecision {
    /// `rolling back to #20 by itself`, or `not rolled back by itself: production is on hold`.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::RollsBack { to } => format!("rolling back to {to} by itself"),
            Self::Stays { why } => format!("not rolled back by itself: {why}"),
        }
    }
}

impl AutoRollback {
    /// `trunkline rolls production back to #20 by itself: watch of d57: errors BAD since Fri 2026-11-27 05:00 UTC: 0.12`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { deployment, check, since, says, decision, .. } = self;
        let since = instant::in_utc(*since);
        let bad = format!("watch of {deployment}: {check} BAD since {since}: {says}");
        match decision {
            AutoDecision::RollsBack { to } => {
                format!("trunkline rolls production back to {to} by itself: {bad}")
            }
            AutoDecision::Stays { why } => {
                format!("production is not rolled back by itself: {why} ({bad})")
            }
        }
    }
}

/// The last decision about a watch, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecidedWatch {
    /// The event that records it.
    pub id: Seq,
    pub at: DateTime<Utc>,
    pub decision: AutoDecision,
    /// The rollback, once it is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<MadeRollback>,
}

/// A rollback that was asked for by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeRollback {
    pub deployment: DeploymentId,
    /// How it ended, once it has: `succeeded`, `failed`, `cancelled` or `interrupted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

impl DecidedWatch {
    /// What came of it: `rolling back to #20 by itself`, or `the rollback to #20 by itself (d58) failed; trunkline tries it once only`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let (AutoDecision::RollsBack { to }, Some(made)) = (&self.decision, &self.made) else {
            return self.decision.in_words();
        };
        let id = made.deployment;
        match made.ended.as_deref() {
            None => format!("rolling back to {to} by itself ({id})"),
            Some("succeeded") => format!("rolled back to {to} by itself ({id})"),
            Some(how) => {
                format!("the rollback to {to} by itself ({id}) {how}; trunkline tries it once only")
            }
        }
    }
}
