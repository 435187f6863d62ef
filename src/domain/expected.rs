//! The expected time of a deployment and of each step: the median of the last ten of its kind.

use std::time::Duration;

use super::deployment::StepState;
use super::event::{DeploymentKind, StepSpec, together};
use super::ids::Environment;
use super::service::ServiceState;
use super::time::median;

/// The expected time of a deployment: measured if there are measurements, else the sum of the steps' declared times,
/// else unknown.
#[must_use]
pub fn deployment(
    state: &ServiceState,
    environment: Environment,
    kind: DeploymentKind,
    steps: &[StepSpec],
) -> Option<Duration> {
    let measured =
        state.durations(environment, kind).filter_map(super::deployment::Deployment::took);
    median(measured.collect()).or_else(|| {
        // Of those that go together one is counted.
        let is_first = |at: usize| together(steps, at).next() == Some(at);
        let counted = steps.iter().enumerate().filter(|(at, _)| is_first(*at));
        let declared: Vec<_> = counted.filter_map(|(_, step)| step.expected).collect();
        (!declared.is_empty()).then(|| declared.iter().sum())
    })
}

/// The expected time of one step, by its name: measured, else declared, else unknown.
#[must_use]
pub fn step(
    state: &ServiceState,
    environment: Environment,
    kind: DeploymentKind,
    spec: &StepSpec,
) -> Option<Duration> {
    let measured = state.durations(environment, kind).filter_map(|deployment| {
        let at = deployment.request.steps.iter().position(|s| s.name == spec.name)?;
        match deployment.steps.get(at)? {
            StepState::Ended { took, .. } => Some(*took),
            _ => None,
        }
    });
    median(measured.collect()).or(spec.expected)
}
