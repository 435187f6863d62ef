//! What stops a promote for a while: freezes and holds.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{DeploymentId, Seq};
use super::people::Actor;

/// A window in which promotes need an override: `[from, until)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Freeze {
    pub id: Seq,
    pub from: DateTime<Utc>,
    /// Exclusive; without it, until somebody lifts it.
    pub until: Option<DateTime<Utc>>,
    pub reason: String,
    pub by: Actor,
}

impl Freeze {
    #[must_use]
    pub fn covers(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && !self.is_over(at)
    }

    #[must_use]
    pub fn is_over(&self, at: DateTime<Utc>) -> bool {
        self.until.is_some_and(|until| until <= at)
    }
}

/// A durable stop on an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hold {
    pub id: Seq,
    pub by: Actor,
    pub at: DateTime<Utc>,
    pub reason: String,
    /// The rollback that placed it.
    pub rollback: Option<DeploymentId>,
}
