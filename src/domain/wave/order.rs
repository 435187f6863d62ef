//! In which order a rollback takes the targets of waves: those that were changed come first.

use super::spec::waves_of;
use crate::domain::deployment::Deployment;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{DeploymentId, Environment};
use crate::domain::service::ServiceState;
use crate::domain::target::TargetName;

/// The name of the wave that a step of a rollback is told: it takes all targets in one go.
pub const ALL_TARGETS: &str = "all";

impl ServiceState {
    /// The targets that a rollback of production takes, those that were changed since the last success first. Empty where
    /// production has no waves. Without `before`, of a rollback that would be requested now.
    #[must_use]
    pub fn targets_to_roll_back(&self, before: Option<DeploymentId>) -> Vec<TargetName> {
        let mut all = self.changed_by_waves(before);
        let mut earlier = self.forward_deployments(before);
        let waved = earlier.next().map(|made| waves_of(&made.request.steps)).unwrap_or_default();
        let named = waved.into_iter().flat_map(|(_, wave)| wave.targets.iter().cloned());
        for target in named {
            if !all.contains(&target) {
                all.push(target);
            }
        }
        all
    }

    /// The targets that deployments with waves changed, or may have changed, since production was last whole.
    #[must_use]
    pub fn changed_by_waves(&self, before: Option<DeploymentId>) -> Vec<TargetName> {
        let since = self.forward_deployments(before).take_while(|made| !made.succeeded());
        let mut changed = Vec::new();
        for made in since {
            let waves = waves_of(&made.request.steps);
            let begun = waves.into_iter().filter(|(name, _)| made.has_wave_begun(name));
            for target in begun.flat_map(|(_, wave)| &wave.targets) {
                if !changed.contains(target) {
                    changed.push(target.clone());
                }
            }
        }
        changed
    }

    /// What brought production forward or tried to, newest first.
    fn forward_deployments(
        &self,
        before: Option<DeploymentId>,
    ) -> impl Iterator<Item = &Deployment> {
        let all = self.deployments.values().rev();
        let all = all.filter(move |made| before.is_none_or(|before| made.id < before));
        all.filter(|made| {
            let is_forward =
                matches!(made.request.kind, DeploymentKind::Promote | DeploymentKind::Redeploy);
            let is_there = made.request.environment == Environment::Production;
            is_forward && is_there && made.started_at.is_some()
        })
    }
}
