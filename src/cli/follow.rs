//! Follows the events of one deployment until it ends.

use std::time::Duration;

use super::context::Context;
use super::error::CliError;
use super::wording::sentence;
use crate::backend::{Answer, Backend, BackendError, LONGEST_WAIT};
use crate::domain::event::{Event, Fact, Outcome};
use crate::domain::ids::{DeploymentId, Seq, ServiceName};

/// How many events to take at once.
const PAGE: usize = 200;
/// After this many missing answers in a row, following stops. The deployment continues.
const PATIENCE: u32 = 20;
/// The pause after a missing answer.
const PAUSE: Duration = Duration::from_millis(500);

/// Prints each step as it starts and ends.
///
/// # Errors
/// [`CliError::Failed`] when the deployment does not succeed.
pub async fn to_the_end(
    context: &Context,
    service: &ServiceName,
    deployment: DeploymentId,
    from: Seq,
) -> Result<(), CliError> {
    let mut after = Seq(from.0.saturating_sub(1));
    let mut names = Vec::new();
    loop {
        for event in next(context, Some(service), after).await? {
            after = event.seq;
            if let Fact::DeploymentRequested(request) = &event.fact
                && DeploymentId::from(event.seq) == deployment
            {
                names = request.steps.iter().map(|step| step.name.clone()).collect();
            }
            if let Some(outcome) = print_event(context, &event, deployment, &names)? {
                return ended(&outcome, deployment);
            }
        }
    }
}

/// The next events, waiting for some.
pub async fn next(
    context: &Context,
    service: Option<&ServiceName>,
    after: Seq,
) -> Result<Vec<Event>, CliError> {
    patiently(async || context.backend.events(service, after, PAGE, LONGEST_WAIT).await).await
}

/// Retries while the engine does not answer: it may be restarting.
pub async fn patiently<T>(ask: impl AsyncFn() -> Answer<T>) -> Result<T, CliError> {
    let mut misses = 0;
    loop {
        match ask().await {
            Err(
                why @ (BackendError::Unreachable(_)
                | BackendError::Busy { .. }
                | BackendError::Unknown(_)),
            ) if misses < PATIENCE => {
                misses += 1;
                tokio::time::sleep(why.again().map_or(PAUSE, |again| again.max(PAUSE))).await;
            }
            answer => return Ok(answer?),
        }
    }
}

/// Prints what the event means for the deployment. Returns the outcome if the deployment ended.
fn print_event(
    context: &Context,
    event: &Event,
    ours: DeploymentId,
    names: &[String],
) -> Result<Option<Outcome>, CliError> {
    let name = |step: usize| names.get(step).map_or("step", String::as_str);
    match &event.fact {
        Fact::StepStarted { deployment, step } if *deployment == ours => {
            context.out.regardless().line(format!("  {} ...", name(*step)))?;
        }
        Fact::StepEnded { deployment, step, outcome, took } if *deployment == ours => {
            let took = crate::domain::time::say(*took);
            context.out.regardless().line(format!("  {} {} in {took}", name(*step), outcome))?;
        }
        Fact::CancelRequested { deployment, reason } if *deployment == ours => {
            context.out.regardless().line(format!("  {} cancels it: {reason}", event.actor))?;
        }
        Fact::DeploymentEnded { deployment, outcome } if *deployment == ours => {
            context.out.regardless().line(sentence(&event.sentence()))?;
            return Ok(Some(outcome.clone()));
        }
        _ => {}
    }
    Ok(None)
}

fn ended(outcome: &Outcome, deployment: DeploymentId) -> Result<(), CliError> {
    match outcome {
        Outcome::Succeeded => Ok(()),
        other => Err(CliError::failed(format!("{deployment} {other}"))),
    }
}
