//! What each target of an environment has, where steps deploy to several.

use super::ServiceState;
use crate::domain::deployment::Deployment;
use crate::domain::event::{DeploymentKind, Outcome, StepOutcome, StepSpec};
use crate::domain::ids::{BuildNumber, DeploymentId, Environment};
use crate::domain::target::{StepTarget, TargetName, TargetStanding, differ};

impl ServiceState {
    /// What each target of an environment has, in the order of the service file. Empty where no step has targets.
    #[must_use]
    pub fn targets(&self, environment: Environment) -> &[TargetStanding] {
        self.targets.get(&environment).map_or(&[], Vec::as_slice)
    }

    /// Whether the last deployment to end left the targets of an environment with different builds.
    #[must_use]
    pub fn is_apart(&self, environment: Environment) -> bool {
        self.apart.contains(&environment)
    }

    /// What each target has, if the last deployment to end left them with different builds.
    #[must_use]
    pub fn targets_apart(&self, environment: Environment) -> &[TargetStanding] {
        if self.is_apart(environment) { self.targets(environment) } else { &[] }
    }

    /// The targets that have something and that these steps would not change. Steps without targets change all.
    #[must_use]
    pub fn left_out(&self, environment: Environment, steps: &[StepSpec]) -> Vec<&TargetStanding> {
        let taken: Vec<_> = places_of(steps).collect();
        let standing = self.targets(environment).iter().filter(|_| !taken.is_empty());
        standing.filter(|standing| !taken.contains(&&standing.target)).collect()
    }

    /// A deployment begins: a target that is new here has what production as a whole had, if that is known.
    pub(super) fn targets_begin(&mut self, id: DeploymentId) {
        let Some(deployment) = self.deployments.get(&id) else { return };
        let environment = deployment.request.environment;
        let before = self.targets(environment);
        let whole = self.live(environment).filter(|_| before.is_empty());
        let mut standing: Vec<TargetStanding> = Vec::new();
        for target in places_of(&deployment.request.steps) {
            if standing.iter().any(|known| known.target == *target) {
                continue;
            }
            let known = before.iter().find(|known| known.target == *target).cloned();
            standing.push(known.unwrap_or_else(|| TargetStanding {
                build: whole.map(|live| live.build),
                deployment: whole.map(|live| live.deployment),
                ..TargetStanding::named(target.clone())
            }));
        }
        if standing.is_empty() {
            return;
        }
        let is_left = |known: &&TargetStanding| !standing.iter().any(|s| s.target == known.target);
        let left: Vec<_> = before.iter().filter(is_left).cloned().collect();
        standing.extend(left);
        self.targets.insert(environment, standing);
    }

    /// A step of a target ended. One that its engine never took changed nothing.
    pub(super) fn target_ended(&mut self, id: DeploymentId, step: usize, outcome: &StepOutcome) {
        let Some(deployment) = self.deployments.get(&id) else { return };
        let Some(target) = deployment.target(step).cloned() else { return };
        let is_here = target.wave.is_some();
        let is_unsent = !is_here && deployment.sent(step).is_none();
        let is_untouched = is_unsent || matches!(outcome, StepOutcome::NotStarted(_));
        if is_untouched {
            return;
        }
        // It has the build once all steps that are for it succeeded.
        let of_it =
            |at: usize| deployment.target(at).is_some_and(|other| other.name == target.name);
        let mut steps = deployment.steps.iter().enumerate().filter(|(at, _)| of_it(*at));
        let has = steps.all(|(_, state)| state.succeeded()).then_some(id);
        let (environment, build) = (deployment.request.environment, deployment.request.build);
        for place in target.places() {
            self.target_has(environment, place, build, has);
        }
    }

    /// A deployment brought its build to a target, or may have changed it.
    fn target_has(
        &mut self,
        environment: Environment,
        target: &TargetName,
        build: BuildNumber,
        by: Option<DeploymentId>,
    ) {
        let standing = self.targets.entry(environment).or_default();
        let known = standing.iter_mut().find(|known| known.target == *target);
        let Some(known) = known else { return };
        self.doubted_by_answer.remove(&(environment, target.clone()));
        // Its word is of before this run.
        (known.said_since, known.changed_at, known.why) = (None, None, None);
        match by {
            None => known.doubt = Some(build),
            Some(by) => {
                (known.build, known.deployment, known.doubt) = (Some(build), Some(by), None);
            }
        }
    }

    /// A deployment that began has ended: what its end says of the targets. Returns whether all have its build.
    pub(super) fn targets_settle(&mut self, id: DeploymentId, outcome: &Outcome) -> bool {
        let Some(deployment) = self.deployments.get(&id) else { return true };
        let (environment, build) = (deployment.request.environment, deployment.request.build);
        let succeeded = *outcome == Outcome::Succeeded;
        let late = self.late_target(id).cloned();
        if let Some(target) = &late {
            self.target_has(environment, &target.name, build, succeeded.then_some(id));
        } else if succeeded {
            self.targets_of_success(id);
        } else {
            self.targets_of_failure(id);
        }
        let is_apart = differ(self.targets(environment));
        if is_apart {
            self.apart.insert(environment);
        } else {
            self.apart.remove(&environment);
        }
        // A run of one target is no deployment of the whole.
        let has_it = |standing: &TargetStanding| standing.build == Some(build);
        late.is_none() || !is_apart && self.targets(environment).iter().all(has_it)
    }

    fn targets_of_success(&mut self, id: DeploymentId) {
        let Some(deployment) = self.deployments.get(&id) else { return };
        let (environment, kind) = (deployment.request.environment, deployment.request.kind);
        let build = deployment.request.build;
        let taken: Vec<_> = places_of(&deployment.request.steps).cloned().collect();
        let is_unknown = deployment.unknown_commit().is_some();
        let (is_stated, is_said) = (deployment.is_stated(), deployment.is_said());
        let Some(standing) = self.targets.get_mut(&environment) else { return };
        match kind {
            _ if is_unknown => {}
            // A person spoke of production as a whole.
            DeploymentKind::External if is_stated => drop(self.targets.remove(&environment)),
            DeploymentKind::External if is_said => self.targets_said(environment, build),
            // Which of them another engine's own run was for is not known.
            DeploymentKind::External => self.doubt_all(environment, build),
            _ if taken.is_empty() => drop(self.targets.remove(&environment)),
            // The steps of an older build may leave out a target that there is.
            DeploymentKind::Rollback => {}
            _ => standing.retain(|known| taken.contains(&known.target)),
        }
    }

    /// What is for all targets at once began and did not succeed: it may have changed any of them.
    fn targets_of_failure(&mut self, id: DeploymentId) {
        let Some(deployment) = self.deployments.get(&id) else { return };
        let is_whole = places_of(&deployment.request.steps).next().is_none();
        if is_whole && deployment.unknown_commit().is_none() {
            self.doubt_all(deployment.request.environment, deployment.request.build);
        }
    }

    fn doubt_all(&mut self, environment: Environment, build: BuildNumber) {
        for known in self.targets.get_mut(&environment).into_iter().flatten() {
            known.doubt = Some(build);
        }
        self.doubted_by_answer.retain(|(of, _)| *of != environment);
    }

    /// The service answers with a build: it speaks against each target that has another one. That takes back what an answer
    /// said before, and no doubt that a deployment left.
    fn targets_said(&mut self, environment: Environment, build: BuildNumber) {
        for known in self.targets.get_mut(&environment).into_iter().flatten() {
            let of = (environment, known.target.clone());
            let is_open = known.doubt.is_none() || self.doubted_by_answer.contains(&of);
            if !is_open {
                continue;
            }
            known.doubt = (known.build != Some(build)).then_some(build);
            if known.doubt.is_some() {
                self.doubted_by_answer.insert(of);
            } else {
                self.doubted_by_answer.remove(&of);
            }
        }
    }

    /// The target that a run which turned up late was for.
    fn late_target(&self, late: DeploymentId) -> Option<&StepTarget> {
        self.given_up.iter().find_map(|(id, step)| {
            let of: &Deployment = self.deployments.get(id)?;
            (of.sent(*step)?.late == Some(late)).then(|| of.target(*step))?
        })
    }

    /// Nothing is known of the targets any more.
    pub(in crate::domain) fn forget_targets(&mut self) {
        self.targets.clear();
        self.apart.clear();
        self.heard_after.clear();
        self.answering.clear();
        self.doubted_by_answer.clear();
    }
}

/// The places that some steps change one by one.
fn places_of(steps: &[StepSpec]) -> impl Iterator<Item = &TargetName> {
    steps.iter().filter_map(|step| step.target.as_ref()).flat_map(StepTarget::places)
}
