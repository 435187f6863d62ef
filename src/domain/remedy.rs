//! What to do about a finding or a refusal, as data: every client names its own key or command for it.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{BuildNumber, DeploymentId, Environment};
use super::instant;

/// What to do about a finding or a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "remedy")]
pub enum Remedy {
    /// Check the build in staging and record that it is good.
    Verify { build: BuildNumber },
    /// Promote this build, or promote it first.
    Promote { build: BuildNumber },
    /// Roll production back to this build.
    RollBack { to: BuildNumber },
    /// Deploy the build to the environment again.
    Retry { build: BuildNumber, environment: Environment },
    /// Ask somebody else to promote the build.
    AskPromoter { build: BuildNumber },
    /// Release the hold.
    ReleaseHold {
        environment: Environment,
        /// Whether the release must name the bad commits or say that there is none: a rollback placed the hold.
        name_bad: bool,
    },
    /// Watch the deployment until it ends.
    Watch { deployment: DeploymentId },
    /// Stop waiting for its run at another engine, which was asked to end.
    GiveUp { deployment: DeploymentId },
    /// Let the next wave begin of a deployment that waits after this one.
    Continue {
        deployment: DeploymentId,
        wave: u32,
        /// Whether something speaks against it, so that it needs a reason.
        needs_reason: bool,
    },
    /// Wait until this time.
    Wait { until: DateTime<Utc> },
    /// Check the migrations between two commits.
    CheckMigrations { range: String },
    /// Look a commit up.
    FindCommit { commit: String },
    /// Make a build of the trunk's newest commit.
    BuildTip {},
    /// State which commit production runs.
    Adopt {
        /// The commit, where it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
    },
}

/// `verify #12`, `wait until Sun 2026-11-23 20:00 UTC`.
impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verify { build } => write!(f, "verify {build}"),
            Self::Promote { build } => write!(f, "promote {build}"),
            Self::RollBack { to } => write!(f, "roll back to {to}"),
            Self::Retry { build, environment } => write!(f, "retry {build} in {environment}"),
            Self::AskPromoter { build } => write!(f, "ask for a promoter of {build}"),
            Self::ReleaseHold { environment, .. } => write!(f, "release the hold on {environment}"),
            Self::Watch { deployment } => write!(f, "watch {deployment}"),
            Self::GiveUp { deployment } => write!(f, "stop waiting for {deployment}"),
            Self::Continue { deployment, wave, .. } => {
                write!(f, "continue {deployment} after wave {wave}")
            }
            Self::Wait { until } => {
                write!(f, "wait until {}", instant::in_utc(*until))
            }
            Self::CheckMigrations { range } => write!(f, "check the migrations of {range}"),
            Self::FindCommit { commit } => write!(f, "look up {commit}"),
            Self::BuildTip {} => f.write_str("make a build of the newest commit"),
            Self::Adopt { commit: Some(commit) } => write!(f, "state that {commit} is live"),
            Self::Adopt { commit: None } => f.write_str("state which commit is live"),
        }
    }
}
