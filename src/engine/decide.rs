//! Decides what happens next, as a pure function of a service's state.

use std::time::Duration;

use super::step_ends::bad_end;
use crate::domain::deployment::{Deployment, StepState};
use crate::domain::event::{
    DeploymentKind, DeploymentRequest, Fact, Outcome, StepOutcome, StepSpec,
};
use crate::domain::ids::{DeploymentId, Environment, ServiceName, Sha};
use crate::domain::policy::{Staging, VerifyBy};
use crate::domain::remote::RunKey;
use crate::domain::service::ServiceState;
use crate::domain::watch::WatchEnd;
use crate::domain::wave::WaveGate;

/// One thing to do. Facts are recorded first. The other decisions are repeated until the state shows that they are done,
/// so doing one twice must be harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Record(Box<Fact>),
    /// Make the checkout of a deployment that is next in its environment.
    Prepare(DeploymentId),
    /// Attend a step that is recorded as running: start it if it was never started, then watch it.
    Attend(DeploymentId, usize),
    /// Stop a running step.
    Stop(DeploymentId, usize),
    /// Look for the run of a step that was given up, and end it where it turns up.
    Follow(DeploymentId, usize),
    /// Read the pipeline that this commit declares.
    LoadPipeline(Sha),
}

/// The input of [`decide`].
pub struct DecisionInput<'a> {
    pub service: &'a ServiceName,
    pub state: &'a ServiceState,
    pub staging: Staging,
    /// The kinds of verification that the service asks for.
    pub verify: &'a [VerifyBy],
    /// The staging steps that a commit declares.
    pub staging_steps: &'a dyn Fn(&Sha) -> StagingSteps<'a>,
}

/// The staging steps of a commit, if they are known.
#[derive(Debug, Clone, Copy)]
pub enum StagingSteps<'a> {
    Read(&'a [StepSpec]),
    NotRead,
    /// The service file is invalid. Another problem reports it.
    Broken,
}

/// Everything that has to happen now. Empty if the service waits for time or a person.
#[must_use]
pub fn decide(input: &DecisionInput<'_>) -> Vec<Decision> {
    let mut decisions = Vec::new();
    for environment in [Environment::Production, Environment::Staging] {
        for deployment in input.state.open(environment) {
            decisions.extend(advance(input, deployment));
        }
    }
    decisions.extend(next_for_staging(input));
    decisions.extend(verifications(input));
    let given_up = input.state.given_up.iter();
    decisions.extend(given_up.map(|(id, step)| Decision::Follow(*id, *step)));
    decisions
}

fn record(fact: Fact) -> Decision {
    Decision::Record(Box::new(fact))
}

/// The next decisions for an open deployment. Only the first in its environment may start.
fn advance(input: &DecisionInput<'_>, deployment: &Deployment) -> Vec<Decision> {
    // Another engine runs it. Deployments behind it wait until it ends, except rollbacks.
    if deployment.request.kind == DeploymentKind::External {
        return Vec::new();
    }
    let id = deployment.id;
    let running: Vec<_> = deployment.running_steps().collect();
    if running.is_empty() {
        return between_steps(input.state, deployment);
    }
    let unsent = running.iter().filter_map(|step| unsent(input.service, deployment, *step));
    let unsent: Vec<_> = unsent.map(record).collect();
    if !unsent.is_empty() {
        return unsent;
    }
    let attended = |step: usize| {
        // Stop comes first, so that a step that was never started finds its cancellation.
        let stop = deployment.cancel.as_ref().map(|_| Decision::Stop(id, step));
        stop.into_iter().chain([Decision::Attend(id, step)])
    };
    running.into_iter().flat_map(attended).collect()
}

/// What follows for a step at another engine that is not recorded as sent: it goes out, unless it was cancelled before.
fn unsent(service: &ServiceName, deployment: &Deployment, step: usize) -> Option<Fact> {
    let job = deployment.request.steps.get(step)?.remote()?;
    let (id, target) = (deployment.id, deployment.target_name(step));
    if deployment.sent(step).is_some() {
        return None;
    }
    Some(if deployment.cancel.is_some() {
        let (outcome, took) = (StepOutcome::Cancelled, Duration::ZERO);
        Fact::StepEnded { deployment: id, step, target, outcome, took, ended_at: None }
    } else {
        let (engine, key) = (job.engine.clone(), RunKey::of(service, deployment, step));
        Fact::RunSent { deployment: id, step, target, engine, key }
    })
}

fn between_steps(state: &ServiceState, deployment: &Deployment) -> Vec<Decision> {
    let id = deployment.id;
    // A rollback that went out behind another deployment ends after it, so that the last to end is the last that deployed.
    let is_behind = state.before(deployment).next().is_some();
    if is_behind && deployment.steps.iter().any(|step| matches!(step, StepState::Ended { .. })) {
        return Vec::new();
    }
    let end = |outcome| vec![record(Fact::DeploymentEnded { deployment: id, outcome })];
    if let Some(outcome) = bad_end(deployment) {
        return end(outcome);
    }
    let next = deployment.steps.iter().position(|step| *step == StepState::Waiting);
    match (deployment.started_at, next) {
        (Some(_), None) => end(Outcome::Succeeded),
        _ if deployment.cancel.is_some() => end(Outcome::Cancelled),
        (None, _) if state.has_nothing_to_return_from(deployment) => end(Outcome::Cancelled),
        (Some(_), Some(step)) => match deployment.wave_gate(step) {
            WaveGate::Pauses(wave) => vec![record(Fact::WaveWaits(wave))],
            WaveGate::Waits => Vec::new(),
            WaveGate::Open => {
                deployment.request.together(step).map(|s| begun(deployment, s)).collect()
            }
        },
        (None, _) => {
            state.may_begin(deployment).then_some(Decision::Prepare(id)).into_iter().collect()
        }
    }
}

fn begun(deployment: &Deployment, step: usize) -> Decision {
    let target = deployment.target_name(step);
    record(Fact::StepStarted { deployment: deployment.id, step, target })
}

/// Staging takes its next build as soon as it is free, unless it is on hold or another engine deploys to it.
fn next_for_staging(input: &DecisionInput<'_>) -> Option<Decision> {
    if input.staging == Staging::Observe {
        return None;
    }
    let state = input.state;
    let build = state.next_for_staging()?;
    let busy = state.in_flight(Environment::Staging).is_some();
    if busy || state.holds.contains_key(&Environment::Staging) {
        return None;
    }
    let steps = match (input.staging_steps)(&build.sha) {
        StagingSteps::Read(steps) => steps,
        StagingSteps::NotRead => return Some(Decision::LoadPipeline(build.sha.clone())),
        StagingSteps::Broken => return None,
    };
    let live = state.live_build(Environment::Staging);
    Some(record(Fact::DeploymentRequested(DeploymentRequest {
        build: build.number,
        sha: build.sha.clone(),
        environment: Environment::Staging,
        kind: DeploymentKind::Auto,
        previous: live.map(|live| live.number),
        previous_sha: live.map(|live| live.sha.clone()),
        steps: steps.to_vec(),
        schema: None,
        schema_trouble: None,
        migrations: None,
        cancels: None,
        retries: None,
        findings: Vec::new(),
        overrides: std::collections::BTreeMap::new(),
        presser: None,
        by_trunk: false,
    })))
}

/// Verifies the build in staging by its own steps, if the service requires that.
fn verifications(input: &DecisionInput<'_>) -> impl Iterator<Item = Decision> {
    input.verify.iter().filter_map(|kind| match kind {
        VerifyBy::Step(name) => verification(input.state, kind, name),
        VerifyBy::Staging => of_staging(input.state),
        VerifyBy::Watch => of_watch(input.state),
        VerifyBy::Person => None,
    })
}

fn verification(state: &ServiceState, kind: &VerifyBy, name: &str) -> Option<Decision> {
    let live = state.live(Environment::Staging)?;
    let build = state.builds.get(&live.build).filter(|b| b.verification(kind).is_none())?;
    let deployment = state.deployments.get(&live.deployment)?;
    if deployment.request.kind.is_of_rehearsal() {
        return None;
    }
    let steps = deployment.request.steps.iter().zip(&deployment.steps);
    // It may have several targets, which all count.
    let named: Vec<_> = steps.filter(|(spec, _)| spec.declared() == name).collect();
    let good = !named.is_empty() && named.iter().all(|(_, state)| state.succeeded());
    good.then(|| {
        let note = format!("step {name} of {} succeeded", deployment.id);
        record(Fact::BuildVerified { build: build.number, note, kind: kind.clone() })
    })
}

/// Verifies the build in staging by its deployment there. What the service answers is none.
fn of_staging(state: &ServiceState) -> Option<Decision> {
    let live = state.live(Environment::Staging)?;
    if state.unsettled(Environment::Staging).is_some() {
        return None;
    }
    let tells_nothing = |made: &Deployment| made.is_said() || made.request.kind.is_of_rehearsal();
    if state.deployments.get(&live.deployment).is_some_and(tells_nothing) {
        return None;
    }
    let kind = VerifyBy::Staging;
    let build = state.builds.get(&live.build).filter(|b| b.verification(&kind).is_none())?;
    let note = format!("{} succeeded", live.deployment);
    Some(record(Fact::BuildVerified { build: build.number, note, kind }))
}

/// Verifies the build in staging by the watch of its deployment there, which ended and saw nothing but good. A rehearsal
/// says nothing of a build.
fn of_watch(state: &ServiceState) -> Option<Decision> {
    let live = state.live(Environment::Staging)?;
    if state.unsettled(Environment::Staging).is_some() {
        return None;
    }
    let is_of_rehearsal = |made: &Deployment| made.request.kind.is_of_rehearsal();
    if state.deployments.get(&live.deployment).is_some_and(is_of_rehearsal) {
        return None;
    }
    let kind = VerifyBy::Watch;
    let build = state.builds.get(&live.build).filter(|b| b.verification(&kind).is_none())?;
    (state.watches.end_of(live.deployment)? == WatchEnd::Good).then(|| {
        let note = format!("the watch of {} ended good", live.deployment);
        record(Fact::BuildVerified { build: build.number, note, kind })
    })
}
