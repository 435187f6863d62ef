//! Builds that CI did not bring to staging, where it deploys there, and what is said of those that others overtook.

use chrono::{DateTime, Utc};

use super::build::{Build, BuildState};
use super::deployment::{Deployment, DeploymentState};
use super::event::DeploymentKind;
use super::ids::{BuildNumber, Environment};
use super::service::ServiceState;

/// A build that waited long enough for CI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undeployed {
    /// Why, as far as that is known.
    pub why: Option<String>,
    /// Whether somebody wanted it so: nothing is wrong.
    pub is_meant: bool,
}

impl Undeployed {
    /// `CI did not deploy it: [skip ci] is in its message`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let why = self.why.as_ref().map_or(String::new(), |why| format!(": {why}"));
        format!("CI did not deploy it{why}")
    }
}

impl ServiceState {
    /// The builds that wait for staging since that time or longer, the newest first.
    pub fn waiting_since(&self, since: DateTime<Utc>) -> impl Iterator<Item = &Build> {
        let waiting = self.waiting.iter().rev().filter_map(|number| self.builds.get(number));
        waiting.filter(move |build| {
            build.staging.is_none() && !build.off_trunk && build.found_at <= since
        })
    }

    /// The newer build whose run at another engine took the place of this one's, which was cancelled for it.
    #[must_use]
    pub fn overtaken_by(&self, build: &Build) -> Option<BuildNumber> {
        let last = self.failed_in_staging(build).filter(|last| is_cancelled_elsewhere(last))?;
        let later = self.deployments.range(last.id..).map(|(_, later)| later);
        let mut newer = later.filter(|later| {
            later.request.environment == Environment::Staging
                && later.unknown_commit().is_none()
                && later.request.build > build.number
        });
        newer.next().map(|newer| newer.request.build)
    }

    /// What is to be said of how a build came to staging or did not, beside its state.
    #[must_use]
    pub fn staging_note(&self, build: &Build, state: BuildState) -> Option<String> {
        match (state, build.superseded_by) {
            (BuildState::Superseded, _) if let Some(newer) = self.overtaken_by(build) => {
                Some(format!("a newer run took its place: {newer}"))
            }
            (BuildState::Superseded, Some(newer)) => Some(format!("came to staging with {newer}")),
            (BuildState::NotStaged, _) => {
                let undeployed = self.undeployed.get(&build.number);
                undeployed.map(Undeployed::sentence)
            }
            _ => None,
        }
    }
}

fn is_cancelled_elsewhere(deployment: &Deployment) -> bool {
    deployment.request.kind == DeploymentKind::External
        && deployment.state() == DeploymentState::Cancelled
}
