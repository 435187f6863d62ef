//! What the state of a service answers.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Live, ServiceState};
use crate::domain::build::{Build, BuildState};
use crate::domain::deployment::{Deployment, DeploymentState};
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{BuildNumber, Environment};
use crate::domain::policy::VerifyBy;
use crate::domain::recipe::Recipe;
use crate::domain::stops::Freeze;

impl ServiceState {
    /// What an environment runs now.
    #[must_use]
    pub fn live(&self, environment: Environment) -> Option<&Live> {
        self.live.get(&environment)?.last()
    }

    #[must_use]
    pub fn live_build(&self, environment: Environment) -> Option<&Build> {
        self.builds.get(&self.live(environment)?.build)
    }

    /// What a build needs to be deployed, if that is recorded.
    #[must_use]
    pub fn recipe(&self, build: BuildNumber) -> Option<&Recipe> {
        self.recipes.get(&build).map(Arc::as_ref)
    }

    /// The newest build that is on the trunk.
    #[must_use]
    pub fn newest_build(&self) -> Option<&Build> {
        self.builds.values().rev().find(|build| !build.off_trunk)
    }

    /// The build that staging takes next by itself, where trunkline deploys to it: the newest one of the trunk, if staging did
    /// not take it yet. After a force-push that is one that it passed over or took before, if the last one that it took is
    /// not on the trunk any more.
    #[must_use]
    pub fn next_for_staging(&self) -> Option<&Build> {
        let last = self.last_requested(Environment::Staging);
        let last = last.and_then(|deployment| self.builds.get(&deployment.request.build));
        let left_trunk = last.is_some_and(|build| build.off_trunk);
        self.newest_build().filter(|build| build.staging.is_none() || left_trunk)
    }

    /// The deployments of an environment that are queued or running, oldest first.
    pub fn open(&self, environment: Environment) -> impl Iterator<Item = &Deployment> {
        let open = self.open.iter().filter_map(|id| self.deployments.get(id));
        open.filter(move |deployment| deployment.request.environment == environment)
    }

    /// The open deployments of an environment that have to end before this one goes on. Nobody here can end what another
    /// engine does, so a rollback does not wait for that.
    pub fn before<'a>(
        &'a self,
        deployment: &'a Deployment,
    ) -> impl Iterator<Item = &'a Deployment> {
        let is_rollback = deployment.request.kind == DeploymentKind::Rollback;
        let before = self.open(deployment.request.environment);
        let before = before.take_while(|before| before.id < deployment.id);
        before.filter(move |d| !is_rollback || d.request.kind != DeploymentKind::External)
    }

    /// Whether a deployment may begin: it is the first, or a rollback that other engines keep behind all before it.
    #[must_use]
    pub fn may_begin(&self, deployment: &Deployment) -> bool {
        let is_rollback = deployment.request.kind == DeploymentKind::Rollback;
        let is_kept = |id, step| self.making_way.contains(&(id, step));
        let makes_way = |before: &Deployment| {
            let mut running = before.running_steps().peekable();
            let is_running = is_rollback && running.peek().is_some();
            is_running && running.all(|step| is_kept(before.id, step))
        };
        self.before(deployment).all(makes_way)
    }

    /// Whether any deployment is queued or running.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.open.is_empty()
    }

    /// The newest open deployment of an environment.
    #[must_use]
    pub fn in_flight(&self, environment: Environment) -> Option<&Deployment> {
        self.open(environment).last()
    }

    /// Whether a deployment there has begun and not ended, so that what runs there changes.
    #[must_use]
    pub fn is_changing(&self, environment: Environment) -> bool {
        self.open(environment).any(|open| open.started_at.is_some())
    }

    /// Whether a rollback of production is queued or running.
    #[must_use]
    pub fn rolls_back(&self) -> bool {
        let is_rollback = |open: &Deployment| open.request.kind == DeploymentKind::Rollback;
        self.open(Environment::Production).any(is_rollback)
    }

    /// The deployment of an environment that was requested last.
    #[must_use]
    pub fn last_requested(&self, environment: Environment) -> Option<&Deployment> {
        self.deployments.values().rev().find(|d| d.request.environment == environment)
    }

    /// The deployment of a build to an environment that was requested last; what other engines did does not count.
    #[must_use]
    pub fn last_of(&self, build: BuildNumber, environment: Environment) -> Option<&Deployment> {
        self.deployments.values().rev().find(|d| {
            d.request.build == build
                && d.request.environment == environment
                && !matches!(d.request.kind, DeploymentKind::External | DeploymentKind::Rehearsal)
        })
    }

    /// The last deployment of an environment to end, of those that started or had to bring staging forward.
    #[must_use]
    pub fn last_ended(&self, environment: Environment) -> Option<&Deployment> {
        self.deployments.get(self.last_ended.get(&environment)?)
    }

    /// The last deployment of an environment to end, if it started or had to bring staging forward and did not succeed, deployed what nobody knows, or left
    /// its targets with different builds. What runs there is uncertain.
    #[must_use]
    pub fn unsettled(&self, environment: Environment) -> Option<&Deployment> {
        let is_apart = self.is_apart(environment);
        let last = self.last_ended(environment);
        last.filter(|d| !d.succeeded() || d.unknown_commit().is_some() || is_apart)
    }

    /// The deployment of a build to staging that went wrong, unless it went well there since. One that never began
    /// changed nothing.
    #[must_use]
    pub fn failed_in_staging(&self, build: &Build) -> Option<&Deployment> {
        let tries =
            self.deployments.range(..=build.staging?).rev().map(|(_, deployment)| deployment);
        let mut tries = tries.filter(|tried| {
            let request = &tried.request;
            request.build == build.number && request.environment == Environment::Staging
        });
        let last = tries.find(|tried| tried.started_at.is_some() && tried.ended.is_some());
        last.filter(|last| !last.succeeded())
    }

    #[must_use]
    pub fn build_state(&self, build: &Build, kinds: &[VerifyBy]) -> BuildState {
        let staging = build.staging.and_then(|id| self.deployments.get(&id));
        let failed = |deployment: &Deployment| match deployment.state() {
            DeploymentState::Cancelled => BuildState::Cancelled,
            DeploymentState::Interrupted => BuildState::Interrupted,
            _ => BuildState::Failed,
        };
        if staging.is_some_and(Deployment::is_open) {
            return BuildState::Deploying;
        }
        // What was seen of it before does not count against the last time.
        if let Some(deployment) = self.failed_in_staging(build) {
            if self.overtaken_by(build).is_some() {
                return BuildState::Superseded;
            }
            return failed(deployment);
        }
        let is_next = self.next_for_staging().is_some_and(|next| next.number == build.number);
        let is_broken = || self.unusable.get(&build.number).is_some_and(|no| no.in_staging);
        match staging {
            _ if build.is_verified(kinds) => BuildState::Verified,
            Some(_) if build.in_staging_since.is_some() => BuildState::InStaging,
            Some(deployment) => failed(deployment),
            None if is_next && is_broken() => BuildState::Broken,
            None if self.undeployed.contains_key(&build.number)
                && build.superseded_by.is_none() =>
            {
                BuildState::NotStaged
            }
            None if is_next => BuildState::Queued,
            None if build.superseded_by.is_some() => BuildState::Superseded,
            None if is_broken() => BuildState::Broken,
            None if build.off_trunk || !self.waiting.contains(&build.number) => {
                BuildState::NotStaged
            }
            None => BuildState::Queued,
        }
    }

    /// The freezes that cover an instant.
    pub fn freezes_at(&self, at: DateTime<Utc>) -> impl Iterator<Item = &Freeze> {
        self.freezes.iter().filter(move |freeze| freeze.covers(at))
    }

    /// The last build that was live in production and is older than this one.
    #[must_use]
    pub fn live_before(&self, number: BuildNumber) -> Option<BuildNumber> {
        let history = self.live.get(&Environment::Production)?;
        history.iter().rev().map(|live| live.build).find(|build| *build < number)
    }

    /// Whether production may run what is not recorded: nothing is recorded as live, and the service has a past that
    /// trunkline did not see or that a restored record does not have.
    #[must_use]
    pub fn is_live_unknown(&self) -> bool {
        let first = self.builds.keys().next();
        self.live(Environment::Production).is_none()
            && first.is_some_and(|first| first.0 > 1 || !self.restores.is_empty())
    }

    #[must_use]
    pub fn was_live(&self, number: BuildNumber) -> bool {
        self.live
            .get(&Environment::Production)
            .is_some_and(|history| history.iter().any(|live| live.build == number))
    }

    /// The last successful deployments of this kind, newest first, at most ten.
    pub fn durations(
        &self,
        environment: Environment,
        kind: DeploymentKind,
    ) -> impl Iterator<Item = &Deployment> {
        // A retry runs the same steps as what it tries again, and what comes forward those that brought it.
        let plain = |kind| match kind {
            DeploymentKind::Retry | DeploymentKind::Return => DeploymentKind::Auto,
            kind => kind,
        };
        self.deployments
            .values()
            .rev()
            .filter(move |d| {
                d.succeeded()
                    && d.request.environment == environment
                    && plain(d.request.kind) == plain(kind)
            })
            .take(10)
    }
}
