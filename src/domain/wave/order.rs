//! In which order a rollback takes the targets of waves: those that were changed come first.

use super::spec::waves_of;
use crate::domain::deployment::Deployment;
use crate::domain::event::{DeploymentKind, DeploymentRequest, Run, StepSpec};
use crate::domain::ids::{BuildNumber, DeploymentId, Environment};
use crate::domain::service::ServiceState;
use crate::domain::target::TargetName;

/// The name of the wave that a step of a rollback is told: it takes all targets in one go.
pub const ALL_TARGETS: &str = "all";
/// The variable in which a step finds the targets.
const TARGETS: &str = "TRUNKLINE_TARGETS";
const PRODUCTION: Environment = Environment::Production;

impl ServiceState {
    /// The targets that a rollback of production to this build takes, those that were changed since the last success first: of
    /// the newest deployment in waves, and of the waves that the live build declares, or else those around it. Empty where
    /// nobody knows of waves. Without `before`, of a rollback that would be requested now.
    #[must_use]
    pub fn targets_to_roll_back(
        &self,
        to: BuildNumber,
        before: Option<DeploymentId>,
    ) -> Vec<TargetName> {
        let mut all = self.changed_by_waves(before);
        let mut made = self.forward_deployments(before).map(|made| &*made.request.steps);
        add(&mut all, made.find(|steps| !waves_of(steps).is_empty()));
        let live = self.live(PRODUCTION).and_then(|live| self.production_steps(live.build));
        // What the live build leaves out on purpose is not asked of an older one.
        if live.is_some_and(|steps| !waves_of(steps).is_empty()) {
            add(&mut all, live);
        } else {
            add(&mut all, self.production_steps(to));
        }
        if all.is_empty() {
            let newest = self.newest_build();
            add(&mut all, newest.and_then(|newest| self.production_steps(newest.number)));
        }
        all
    }

    /// The recorded production steps of a build.
    fn production_steps(&self, build: BuildNumber) -> Option<&[StepSpec]> {
        self.recipe(build)?.steps(PRODUCTION, DeploymentKind::Promote)
    }

    /// What a step of this deployment is told that it is for: its wave, or `all` targets in the order in which a rollback takes
    /// them. A rehearsal takes those of staging, never those of production. `None` where nobody knows of targets.
    #[must_use]
    pub fn told_targets(
        &self,
        deployment: &Deployment,
        step: &StepSpec,
    ) -> Option<(String, Vec<TargetName>)> {
        if let Some(target) = step.target.as_ref().filter(|target| target.wave.is_some()) {
            return Some((target.name.to_string(), target.places().to_vec()));
        }
        let DeploymentRequest { kind, environment, build, .. } = deployment.request;
        let is_in_waves = || self.targets_to_roll_back(build, Some(deployment.id));
        let targets = match (kind, environment) {
            (DeploymentKind::Rollback, PRODUCTION) => is_in_waves(),
            (DeploymentKind::Rehearsal, Environment::Staging) if !is_in_waves().is_empty() => {
                self.targets(environment).iter().map(|at| at.target.clone()).collect()
            }
            _ => Vec::new(),
        };
        (!targets.is_empty()).then(|| (ALL_TARGETS.to_owned(), targets))
    }

    /// The targets that deployments with waves changed, or may have changed, since production was last whole.
    #[must_use]
    pub fn changed_by_waves(&self, before: Option<DeploymentId>) -> Vec<TargetName> {
        let whole = self.live(PRODUCTION).map(|live| live.deployment);
        let since = self.forward_deployments(before);
        let since = since.filter(|made| whole.is_none_or(|whole| made.id > whole));
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
            let is_there = made.request.environment == PRODUCTION;
            is_forward && is_there && made.started_at.is_some()
        })
    }
}

/// The targets of the waves of these steps, behind those that are there.
fn add(all: &mut Vec<TargetName>, steps: Option<&[StepSpec]>) {
    for (_, wave) in waves_of(steps.unwrap_or_default()) {
        for target in &wave.targets {
            if !all.contains(target) {
                all.push(target.clone());
            }
        }
    }
}

/// What is said of steps that read the targets of waves where none is known: they would end well and do nothing.
#[must_use]
pub fn loops_over_nothing(steps: &[StepSpec], targets: &[TargetName]) -> Option<String> {
    let reads = |step: &StepSpec| match &step.run {
        Run::Shell(text) | Run::Bash(text) => text.contains(TARGETS),
        Run::Argv(words) => words.iter().any(|word| word.contains(TARGETS)),
        Run::Remote(_) => false,
    };
    let step = steps.iter().find(|step| targets.is_empty() && reads(step))?;
    let name = &step.name;
    Some(format!(
        "No target of a wave is known: step {name} finds no {TARGETS}, and a loop over it does nothing"
    ))
}
