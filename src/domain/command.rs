//! What a person may ask for, and the answers: a receipt, or a refusal that says what to do instead.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{BuildNumber, DeploymentId, Environment, Seq};
use super::log::Unsearchable;
use super::plan::{Finding, Fingerprint, Guard, Plan};
use super::remedy::Remedy;

/// The most commits that one command names as bad.
pub const MOST_BAD_COMMITS: usize = 50;

/// What a plan can be made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Action {
    /// Put a build into production.
    Promote { build: BuildNumber },
    /// Put production back to a build that was live before; without `to`, the one that a rollback chooses itself.
    Rollback { to: Option<BuildNumber> },
}

/// Everything that changes the world. Each is sent with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    /// Run the plan that this fingerprint belongs to, or nothing.
    Execute {
        #[serde(flatten)]
        action: Action,
        fingerprint: Fingerprint,
        /// The typed reason for every finding that needs one.
        #[serde(default)]
        overrides: BTreeMap<Guard, String>,
    },
    Cancel {
        deployment: DeploymentId,
        reason: String,
    },
    Verify {
        build: BuildNumber,
        note: String,
    },
    Hold {
        environment: Environment,
        reason: String,
    },
    /// Ends a hold. After a rollback it has to be said which commits were bad; an empty list says that none was.
    Release {
        environment: Environment,
        reason: String,
        #[serde(default)]
        bad: Option<Vec<String>>,
        /// The hold that was looked at; without it, whichever there is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hold: Option<Seq>,
    },
    /// Names commits that are known to be bad, each by its id or the beginning of it.
    Quarantine {
        commits: Vec<String>,
        reason: String,
    },
    /// Takes a commit out of the quarantine.
    Clear {
        commit: String,
        reason: String,
    },
    /// Asks for somebody else to execute the plan that this fingerprint belongs to.
    Ask {
        build: BuildNumber,
        fingerprint: Fingerprint,
        note: String,
    },
    /// Takes a request back.
    Withdraw {
        request: Seq,
        reason: String,
    },
    /// `until` is exclusive; without it, until lifted. `from` in the past means now.
    Freeze {
        from: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
        reason: String,
    },
    Lift {
        freeze: Seq,
        reason: String,
    },
}

impl Command {
    /// What it does, for a sentence: `the promote of #12`. `target` is the build that a plan chose where the command
    /// itself names none.
    #[must_use]
    pub fn what(&self, target: Option<BuildNumber>) -> String {
        match self {
            Self::Execute { action: Action::Promote { build }, .. } => {
                format!("the promote of {build}")
            }
            Self::Execute { action: Action::Rollback { to }, .. } => match to.or(target) {
                Some(build) => format!("the rollback to {build}"),
                None => "the rollback".into(),
            },
            Self::Cancel { deployment, .. } => format!("the cancel of {deployment}"),
            Self::Verify { build, .. } => format!("the verification of {build}"),
            Self::Hold { environment, .. } => format!("the hold on {environment}"),
            Self::Release { environment, .. } => format!("the release of {environment}"),
            Self::Quarantine { commits, .. } => format!("the quarantine of {}", commits.join(", ")),
            Self::Clear { commit, .. } => format!("the end of the quarantine of {commit}"),
            Self::Ask { build, .. } => format!("the request for a promoter of {build}"),
            Self::Withdraw { request, .. } => format!("the end of request {request}"),
            Self::Freeze { .. } => "the freeze".into(),
            Self::Lift { .. } => "the end of the freeze".into(),
        }
    }
}

/// The proof that a command was recorded, durably, before this was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipt {
    /// The first event that the command caused.
    pub seq: Seq,
    pub at: DateTime<Utc>,
    /// The deployment that it started or cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentId>,
    /// What happened, as a sentence.
    pub said: String,
}

/// A decision against a command: nothing was done. Different from a failure, where something went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum Refusal {
    /// A guard refuses, or an override has no reason.
    #[error("{sentence}")]
    Policy { sentence: String, findings: Vec<Finding> },
    /// The world moved since the plan was made: what changed, and the plan as it is now.
    #[error("the world changed since you looked: {}", changes.join("; "))]
    Changed { changes: Vec<String>, plan: Box<Plan> },
    /// The world moved since it was looked at, where no plan tells how it is now.
    #[error("{sentence}")]
    Moved { sentence: String },
    #[error("{sentence}")]
    NotFound {
        sentence: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remedy: Option<Remedy>,
    },
    #[error("{sentence}")]
    Invalid {
        sentence: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remedy: Option<Remedy>,
    },
    /// The idempotency key was used before for something else.
    #[error("this idempotency key was used for a different command; make a new one")]
    KeyReused,
}

impl Refusal {
    pub fn not_found(sentence: impl Into<String>) -> Self {
        Self::NotFound { sentence: sentence.into(), remedy: None }
    }

    pub fn invalid(sentence: impl Into<String>) -> Self {
        Self::Invalid { sentence: sentence.into(), remedy: None }
    }
}

impl Refusal {
    /// The same with what to do instead, where this refusal has room for it.
    #[must_use]
    pub fn with(mut self, instead: Remedy) -> Self {
        if let Self::NotFound { remedy, .. } | Self::Invalid { remedy, .. } = &mut self {
            *remedy = Some(instead);
        }
        self
    }
}

impl From<Unsearchable> for Refusal {
    fn from(unsearchable: Unsearchable) -> Self {
        Self::invalid(unsearchable.to_string())
    }
}
