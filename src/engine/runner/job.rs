//! What a runner is given: the job of one step, and the permit to start it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::deployment::{Deployment, StepState};
use crate::domain::event::{DeploymentKind, Run};
use crate::domain::ids::DeploymentId;
use crate::domain::service::ServiceState;
use crate::domain::target::TargetName;
use crate::domain::wave::targets_in_words;
use crate::engine::checkouts;
use crate::engine::world::Service;

/// One step of one deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RunId {
    pub deployment: DeploymentId,
    pub step: usize,
}

/// Proof that the record says that the step runs: only the recorded state makes one.
#[derive(Debug)]
pub struct Permit(RunId);

impl Permit {
    /// `None` unless the recorded state says that the step runs.
    #[must_use]
    pub(in crate::engine) fn recorded(state: &ServiceState, run: RunId) -> Option<Self> {
        let step = state.deployments.get(&run.deployment)?.steps.get(run.step)?;
        matches!(step, StepState::Running { .. }).then_some(Self(run))
    }

    #[must_use]
    pub fn run(&self) -> RunId {
        self.0
    }
}

/// Everything that a runner needs to start a step.
#[derive(Debug, Clone)]
pub struct Job {
    pub run: RunId,
    pub command: Run,
    /// Where the step runs: the service's folder in the checkout.
    pub folder: PathBuf,
    /// Facts for the step, as environment variables.
    pub environment: BTreeMap<String, String>,
    pub timeout: Duration,
}

impl Job {
    /// The job of a recorded step. `None` if the deployment has no such step.
    #[must_use]
    pub fn of(service: &Service, checkouts: &Path, run: RunId) -> Option<Self> {
        let deployment = service.state.deployments.get(&run.deployment)?;
        let request = &deployment.request;
        let step = request.steps.get(run.step)?;
        let checkout = checkouts::of_steps(checkouts, &service.name, deployment);
        let folder = match &service.watched_at(request.build).folder {
            Some(folder) => checkout.join(folder),
            None => checkout,
        };
        let waves = service.state.told_targets(deployment, step);
        Some(Self {
            run,
            command: step.run.clone(),
            folder,
            environment: facts(service.name.as_str(), deployment, waves.as_ref()),
            timeout: step.timeout,
        })
    }
}

/// The kind that a step is told. In a rehearsal it does what it would do otherwise: only the environment is another.
fn told_kind(kind: DeploymentKind) -> DeploymentKind {
    match kind {
        DeploymentKind::Rehearsal => DeploymentKind::Rollback,
        DeploymentKind::Return => DeploymentKind::Auto,
        kind => kind,
    }
}

/// The facts that a step finds in its environment.
fn facts(
    service: &str,
    deployment: &Deployment,
    waves: Option<&(String, Vec<TargetName>)>,
) -> BTreeMap<String, String> {
    let request = &deployment.request;
    let previous = request.previous_sha.as_ref().map_or("", |sha| sha.as_str());
    [
        ("TRUNKLINE_SERVICE", service.to_owned()),
        ("TRUNKLINE_ENVIRONMENT", request.environment.to_string()),
        ("TRUNKLINE_BUILD", request.build.0.to_string()),
        ("TRUNKLINE_SHA", request.sha.to_string()),
        ("TRUNKLINE_PREVIOUS_SHA", previous.to_owned()),
        ("TRUNKLINE_KIND", told_kind(request.kind).to_string()),
        ("TRUNKLINE_DEPLOYMENT", deployment.id.0.to_string()),
    ]
    .into_iter()
    .chain(waves.into_iter().flat_map(|(wave, targets)| {
        [("TRUNKLINE_WAVE", wave.clone()), ("TRUNKLINE_TARGETS", targets_in_words(targets))]
    }))
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
