//! Whether a person saw how a watch ended: a key that was pressed while it was on screen for a moment says so.

use tokio::time::Instant;

use crate::console::model::seen::Seen;
use crate::domain::ids::DeploymentId;

/// The end of a watch that nobody had seen when it came on screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WatchEndShown {
    deployment: Option<DeploymentId>,
    seen: Seen,
    is_told: bool,
}

impl WatchEndShown {
    /// Notes which end is on screen, if any. Returns whether that is a new one.
    pub fn show(&mut self, deployment: Option<DeploymentId>) -> bool {
        let is_new = deployment.is_some() && self.deployment != deployment;
        if self.deployment != deployment {
            *self = Self { deployment, ..Self::default() };
        }
        is_new
    }

    pub fn drawn(&mut self, at: Instant) {
        if self.deployment.is_some() {
            self.seen.drawn(at);
        }
    }

    /// The deployment whose end was seen by who pressed a key at that instant; once.
    pub fn seen_by(&mut self, key: Instant) -> Option<DeploymentId> {
        let is_seen = !self.is_told && self.seen.before(key);
        let deployment = self.deployment.filter(|_| is_seen)?;
        self.is_told = true;
        Some(deployment)
    }
}
