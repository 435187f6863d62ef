//! Turns reports of background work into facts. A late or repeated report gives none. Pure.

use super::runner::{RunId, Status};
use crate::domain::deployment::StepState;
use crate::domain::event::{Fact, Outcome};
use crate::domain::ids::DeploymentId;
use crate::domain::service::ServiceState;
use crate::domain::variables::VariableDigests;

/// A deployment's checkout and variables are ready, or it cannot begin.
#[must_use]
pub fn prepared(
    state: &ServiceState,
    id: DeploymentId,
    result: &Result<Option<VariableDigests>, String>,
) -> Option<Fact> {
    let deployment = state.deployments.get(&id)?;
    // Deployments start in order, even if a report comes out of order.
    let is_next = state.open(deployment.request.environment).next().is_some_and(|d| d.id == id);
    let waits = is_next && deployment.started_at.is_none();
    waits.then(|| match result {
        Ok(variables) => Fact::DeploymentStarted { deployment: id, variables: variables.clone() },
        Err(why) => Fact::DeploymentEnded { deployment: id, outcome: Outcome::Failed(why.clone()) },
    })
}

/// A step ended.
#[must_use]
pub fn step_ended(state: &ServiceState, run: RunId, status: &Status) -> Option<Fact> {
    let RunId { deployment, step } = run;
    let state = state.deployments.get(&deployment)?.steps.get(step)?;
    let Status { outcome, took } = status.clone();
    matches!(state, StepState::Running { .. }).then_some(Fact::StepEnded {
        deployment,
        step,
        outcome,
        took,
    })
}
