//! The failed deployments that nobody has looked at: each stays marked until a person had it under the cursor, or its log on
//! screen, for a moment.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use crate::console::model::pane::Pane;
use crate::console::model::seen::Seen;
use crate::console::model::{Model, Screen};
use crate::domain::deployment::DeploymentState;
use crate::domain::ids::{DeploymentId, Environment};
use crate::domain::snapshot::{DeploymentRow, ServiceSnapshot};

/// Which failures of the service on screen nobody has looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnseenFailures {
    /// The failures that were noted, looked at or not; `None` before the first snapshot.
    noted: Option<BTreeSet<DeploymentId>>,
    unseen: BTreeMap<DeploymentId, Seen>,
}

impl UnseenFailures {
    /// Notes what is new. Of what failed before this console came, only what is the last word of its environment counts.
    pub fn take_in(&mut self, service: &ServiceSnapshot) {
        let failed: Vec<_> = service.deployments.iter().filter(|row| is_failed(row)).collect();
        let is_last = |row: &DeploymentRow| {
            let environment = row.deployment.request.environment;
            let same = service.deployments.iter();
            let same = same.filter(|other| other.deployment.request.environment == environment);
            same.map(|other| other.deployment.id).max() == Some(row.deployment.id)
        };
        for row in &failed {
            let is_new = match &self.noted {
                Some(noted) => !noted.contains(&row.deployment.id),
                None => is_last(row),
            };
            if is_new {
                self.unseen.insert(row.deployment.id, Seen::default());
            }
        }
        self.noted = Some(failed.iter().map(|row| row.deployment.id).collect());
        self.unseen.retain(|id, _| failed.iter().any(|row| row.deployment.id == *id));
    }

    /// Whether nobody has looked at it.
    #[must_use]
    pub fn has(&self, deployment: DeploymentId) -> bool {
        self.unseen.contains_key(&deployment)
    }

    /// These are on screen where a person looks.
    pub fn drawn(&mut self, at: Instant, shown: &[DeploymentId]) {
        for (id, seen) in &mut self.unseen {
            if shown.contains(id) {
                seen.drawn(at);
            } else {
                *seen = Seen::default();
            }
        }
    }

    /// From when on a key says that what is on screen was looked at.
    #[must_use]
    pub fn counts_at(&self) -> Option<Instant> {
        self.unseen.values().filter_map(|seen| seen.counts_at()).min()
    }

    /// A person pressed a key: what they had before them for a moment is looked at.
    pub fn looked(&mut self, key: Instant) {
        self.unseen.retain(|_, seen| !seen.before(key));
    }
}

fn is_failed(row: &DeploymentRow) -> bool {
    matches!(row.state, DeploymentState::Failed | DeploymentState::Interrupted)
}

impl Model {
    /// The failures in staging that nobody has looked at, newest first.
    pub fn unseen_failures(&self) -> impl Iterator<Item = &DeploymentRow> {
        let rows = self.service.iter().flat_map(|service| &service.deployments);
        let staging = rows.filter(|row| row.deployment.request.environment == Environment::Staging);
        staging.filter(|row| self.failures.has(row.deployment.id))
    }

    /// The deployments that are before a person now: that of the selected row, and that whose log is on screen.
    #[must_use]
    pub fn looked_at(&self) -> Vec<DeploymentId> {
        if self.screen != Screen::Service || !self.overlays.is_empty() {
            return Vec::new();
        }
        let row = self.selected_deployment().filter(|_| self.areas.of(self.list).is_some());
        let log = self.log.source.as_ref().filter(|_| self.areas.of(Pane::Log).is_some());
        let row = row.map(|row| row.deployment.id);
        row.into_iter().chain(log.map(|source| source.deployment)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_failure_is_looked_at_by_a_key_that_comes_after_it_was_on_screen_for_a_moment() {
        let at = Instant::now();
        let later = |millis| at + Duration::from_millis(millis);
        let id = DeploymentId(7);
        let mut failures = UnseenFailures::default();
        failures.unseen.insert(id, Seen::default());
        failures.looked(later(9_000));
        assert!(failures.has(id), "it was never on screen");
        failures.drawn(at, &[id]);
        failures.looked(later(399));
        assert!(failures.has(id), "the key was pressed before it could be read");
        failures.drawn(later(399), &[]);
        failures.looked(later(9_000));
        assert!(failures.has(id), "it went away again");
        failures.drawn(later(9_000), &[id]);
        failures.looked(later(9_400));
        assert!(!failures.has(id));
    }
}
