//! Turns reports of background work into facts. A late or repeated report gives none. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::runner::{RunId, Status};
use crate::domain::event::{Fact, Outcome, StepOutcome};
use crate::domain::ids::{DeploymentId, ServiceName};
use crate::domain::late::LATE_LOGIN;
use crate::domain::people::Actor;
use crate::domain::remote::{FoundBy, RunKey, RunRef, Waits};
use crate::domain::service::ServiceState;
use crate::domain::time::{between, say};
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
    let waits = deployment.is_open() && deployment.started_at.is_none();
    let waits = waits && state.may_begin(deployment);
    waits.then(|| match result {
        Ok(variables) => Fact::DeploymentStarted { deployment: id, variables: variables.clone() },
        Err(why) => Fact::DeploymentEnded { deployment: id, outcome: Outcome::Failed(why.clone()) },
    })
}

/// It is known which run of another engine a step is.
#[must_use]
pub fn run_found(state: &ServiceState, run: RunId, found: &RunRef, how: FoundBy) -> Option<Fact> {
    let RunId { deployment, step } = run;
    let of = state.deployments.get(&deployment)?;
    let is_new = of.sent(step)?.run.as_ref() != Some(found);
    (is_new && of.runs_step(step)).then(|| {
        let (run, target) = (found.clone(), of.target_name(step));
        Fact::RunFound { deployment, step, target, run, how }
    })
}

/// What was seen of a run that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateSight {
    pub run: RunRef,
    /// Whether it may have changed something.
    pub has_begun: bool,
    /// How it ended, and when.
    pub ended: Option<(Outcome, DateTime<Utc>)>,
}

/// The next fact about a run that was given up and is there. Each is recorded before the one after it.
#[must_use]
pub fn late(state: &ServiceState, run: RunId, seen: &LateSight) -> Option<(Actor, Fact)> {
    let RunId { deployment, step } = run;
    let of = state.deployments.get(&deployment)?;
    let is_given_up = state.given_up.contains(&(deployment, step));
    let sent = of.sent(step).filter(|_| is_given_up)?;
    let by = Actor::External { login: LATE_LOGIN.to_owned(), engine: sent.engine.to_string() };
    let Some(late) = sent.late else {
        // One that was known is told when it is over: until then nothing is new.
        let is_news = sent.run.is_none() || seen.ended.is_some();
        let (run, how, target) = (seen.run.clone(), FoundBy::Late, of.target_name(step));
        return is_news.then_some((by, Fact::RunFound { deployment, step, target, run, how }));
    };
    let counts_as = state.deployments.get(&late).filter(|late| late.is_open())?;
    if seen.has_begun && counts_as.started_at.is_none() {
        return Some((by, Fact::DeploymentStarted { deployment: late, variables: None }));
    }
    let (outcome, at) = seen.ended.clone()?;
    Some((by, Fact::ObservedEnded { deployment: late, outcome, at }))
}

/// What the run of a step at another engine waits for changed.
#[must_use]
pub fn run_waits(state: &ServiceState, run: RunId, waits: Option<&Waits>) -> Option<Fact> {
    let RunId { deployment, step } = run;
    let of = state.deployments.get(&deployment)?;
    let is_new = of.sent(step)?.waits.as_ref() != waits;
    (is_new && of.runs_step(step)).then(|| {
        let (waits, target) = (waits.cloned(), of.target_name(step));
        Fact::RunWaits { deployment, step, target, waits }
    })
}

/// A deployment at another engine that was seen to begin is not seen any more: how it ended is not known.
#[must_use]
pub fn sighting_lost(
    state: &ServiceState,
    id: DeploymentId,
    why: &str,
    at: DateTime<Utc>,
) -> Option<Fact> {
    let deployment = state.deployments.get(&id)?;
    let is_open = deployment.seen.is_some() && deployment.is_open();
    let outcome = Outcome::Failed(format!("how it ended is not known: {why}"));
    is_open.then_some(Fact::ObservedEnded { deployment: id, outcome, at })
}

/// The run of a step was never started at the other engine: it goes out once more.
#[must_use]
pub fn run_absent(
    service: &ServiceName,
    state: &ServiceState,
    run: RunId,
    now: DateTime<Utc>,
) -> Option<Fact> {
    let RunId { deployment: id, step } = run;
    let deployment = state.deployments.get(&id)?;
    let sent = deployment.sent(step).filter(|sent| sent.run.is_none())?;
    let job = deployment.request.steps.get(step)?.remote()?;
    // Anywhere else a second send would deploy twice.
    let may = job.call.starts_once() && deployment.runs_step(step) && deployment.cancel.is_none();
    let within = job.start_within;
    may.then(|| {
        let (engine, target) = (sent.engine.clone(), deployment.target_name(step));
        if between(sent.since, now) >= within {
            let (within, key) = (say(within), &sent.key);
            let why = if job.call.way().is_some() {
                let workflow = job.call.job();
                format!("no run of {workflow} began at {engine} within {within}; one may still begin: look there before you try again")
            } else {
                format!("no run {key} could be started at {engine} within {within}; a request may still be on its way there")
            };
            let (outcome, took) = (StepOutcome::Unfound(why), Duration::ZERO);
            return Fact::StepEnded { deployment: id, step, target, outcome, took, ended_at: None };
        }
        let key = RunKey::of(service, deployment, step);
        Fact::RunSent { deployment: id, step, target, engine, key }
    })
}

/// A step ended.
#[must_use]
pub fn step_ended(state: &ServiceState, run: RunId, status: &Status) -> Option<Fact> {
    let RunId { deployment, step } = run;
    let of = state.deployments.get(&deployment)?;
    let Status { outcome, took, ended_at } = status.clone();
    of.runs_step(step).then(|| Fact::StepEnded {
        deployment,
        step,
        target: of.target_name(step),
        outcome,
        took,
        ended_at,
    })
}
