//! A deployment that another engine runs and trunkline only sees.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::ids::{BuildNumber, Environment, Sha};

/// What was seen of a deployment when it was first seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObservedDeployment {
    pub environment: Environment,
    pub build: BuildNumber,
    pub sha: Sha,
    /// Its name at its engine.
    pub run: String,
    /// Its page for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// When it started, by the clock of its engine.
    pub at: DateTime<Utc>,
}
