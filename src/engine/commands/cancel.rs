//! A person stops a deployment, or stops waiting for a run that was asked to end and does not.

use std::time::Duration;

use super::{CommandContext, Decided, Need, ServiceView, text};
use crate::domain::command::Refusal;
use crate::domain::deployment::{Deployment, StepState};
use crate::domain::event::{DeploymentKind, Fact, StepOutcome};
use crate::domain::ids::DeploymentId;
use crate::domain::remedy::Remedy;
use crate::domain::time::between;

pub(super) fn cancel(
    service: &ServiceView<'_>,
    id: DeploymentId,
    reason: &str,
) -> Result<Decided, Refusal> {
    let deployment = found(service, id)?;
    if let Some(cancel) = deployment.cancel.as_ref().filter(|_| deployment.is_open()) {
        let refusal =
            Refusal::invalid(format!("{id} is being cancelled already, by {}", cancel.by));
        return Err(if deployment.is_unending() {
            refusal.with(Remedy::GiveUp { deployment: id })
        } else {
            refusal
        });
    }
    open(deployment)?;
    if deployment.request.kind == DeploymentKind::Return && deployment.started_at.is_none() {
        return Err(Refusal::invalid(format!(
            "{id} brings staging forward again after the rehearsal; it can be cancelled once it runs"
        )));
    }
    let reason = text("reason", reason, Need::Optional)?;
    Ok(Decided {
        facts: vec![Fact::CancelRequested { deployment: id, reason }],
        deployment: Some(id),
        said: format!(
            "cancelling {id}, {} of {}",
            deployment.request.kind, deployment.request.build
        ),
    })
}

pub(super) fn give_up(
    service: &ServiceView<'_>,
    id: DeploymentId,
    reason: &str,
    context: CommandContext<'_>,
) -> Result<Decided, Refusal> {
    let deployment = found(service, id)?;
    open(deployment)?;
    if deployment.cancel.is_none() {
        return Err(Refusal::invalid(format!("{id} is not being cancelled; cancel it first")));
    }
    if !deployment.is_unending() {
        return Err(Refusal::invalid(format!("{id} waits for no run at another engine")));
    }
    let reason = text("reason", reason, Need::Optional)?;
    let environment = deployment.request.environment;
    let because = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    let given_up = |step| {
        let run = run_in_words(deployment, step);
        let why = format!(
            "{} stopped waiting for {run}, which was asked to end{because}; it may still change {environment}",
            context.actor
        );
        let took = match deployment.steps.get(step) {
            Some(StepState::Running { since }) => between(*since, context.now),
            _ => Duration::ZERO,
        };
        let (target, outcome) = (deployment.target_name(step), StepOutcome::Unfound(why));
        Fact::StepEnded { deployment: id, step, target, outcome, took, ended_at: None }
    };
    let runs = deployment.unending_steps().map(|step| run_in_words(deployment, step));
    let runs = runs.collect::<Vec<_>>().join(" and ");
    Ok(Decided {
        facts: deployment.unending_steps().map(given_up).collect(),
        deployment: Some(id),
        said: format!("{id} is given up; {runs} may still change {environment}"),
    })
}

/// `run 881 at github`; by its key where no run is known.
fn run_in_words(deployment: &Deployment, step: usize) -> String {
    deployment.sent(step).map_or_else(String::new, |sent| match &sent.run {
        Some(run) => format!("run {} at {}", run.id, sent.engine),
        None => format!("the run {} at {}", sent.key, sent.engine),
    })
}

fn found<'a>(service: &ServiceView<'a>, id: DeploymentId) -> Result<&'a Deployment, Refusal> {
    let found = service.state.deployments.get(&id);
    found.ok_or_else(|| Refusal::not_found(format!("there is no deployment {id}")))
}

fn open(deployment: &Deployment) -> Result<(), Refusal> {
    let id = deployment.id;
    if !deployment.is_open() {
        let state = deployment.state().as_str();
        return Err(Refusal::invalid(format!("{id} has ended already: {state}")));
    }
    if deployment.request.kind == DeploymentKind::External {
        let by = &deployment.by;
        return Err(Refusal::invalid(format!(
            "{id} runs outside of trunkline, by {by}; cancel it there"
        )));
    }
    Ok(())
}
