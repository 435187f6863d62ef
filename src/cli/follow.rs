//! Follows the events of one deployment until it ends.

use std::pin::pin;
use std::time::Duration;

use tokio::signal::ctrl_c;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::context::Context;
use super::effect;
use super::error::CliError;
use super::output::{self, Output};
use super::remedy;
use super::wording::sentence;
use crate::backend::{Answer, Backend, BackendError, LONGEST_WAIT};
use crate::domain::event::{Event, Fact, Outcome, StepSpec};
use crate::domain::ids::{DeploymentId, Seq, ServiceName};
use crate::domain::remedy::Remedy;
use crate::domain::time::say;

/// How many events to take at once.
const PAGE: usize = 200;
/// After this many missing answers in a row, following stops. The deployment continues.
const PATIENCE: u32 = 20;
/// The pause after a missing answer.
const PAUSE: Duration = Duration::from_millis(500);
/// How often a terminal is told how long the step has been running.
const SECOND: Duration = Duration::from_secs(1);
/// How often a reader that is no terminal is told so.
const MINUTE: Duration = Duration::from_mins(1);

/// Prints each step as it starts, runs and ends. Ctrl-C ends the following and not the deployment, and says so.
///
/// # Errors
/// [`CliError::Failed`] when the deployment does not succeed, or the engine does not answer any more;
/// [`CliError::Interrupted`] after Ctrl-C.
pub async fn to_the_end(
    context: &Context,
    service: &ServiceName,
    deployment: DeploymentId,
    from: Seq,
) -> Result<(), CliError> {
    let followed = tokio::select! {
        followed = follow(context, service, deployment, from) => followed,
        _ = ctrl_c() => Err(CliError::Interrupted(format!("stopped waiting; {deployment} goes on"))),
    };
    if followed.is_err() && context.out.can_rewrite() {
        // The line that changes stays above what comes now.
        context.out.regardless().line("")?;
    }
    let run = |command: &str| context.command_line(service, command);
    let ways = format!(
        "watch it:  {}\ncancel it: {}",
        run(&format!("logs {deployment} --follow")),
        run(&format!("cancel {deployment} --reason TEXT"))
    );
    match followed {
        Ok(Outcome::Succeeded) => effect::tell(context, service, deployment).await,
        Ok(other) => Err(CliError::failed(format!("{deployment} {other}"))),
        Err(CliError::Interrupted(what)) => Err(CliError::Interrupted(format!("{what}\n{ways}"))),
        Err(CliError::Failed(why)) => Err(CliError::failed(format!(
            "cannot follow {deployment} any more: {why:#}; it does not stop with this command\n{ways}"
        ))),
        Err(other) => Err(other),
    }
}

async fn follow(
    context: &Context,
    service: &ServiceName,
    deployment: DeploymentId,
    from: Seq,
) -> Result<Outcome, CliError> {
    let mut after = Seq(from.0.saturating_sub(1));
    let mut progress = FollowedDeployment::of(deployment, context.out.regardless());
    let every = if progress.out.can_rewrite() { SECOND } else { MINUTE };
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut events = pin!(next(context, Some(service), after));
        let events = loop {
            tokio::select! {
                events = &mut events => break events?,
                _ = ticks.tick() => progress.tick()?,
            }
        };
        for event in events {
            after = event.seq;
            ticks.reset();
            if let Some(outcome) = progress.take(&event)? {
                return Ok(outcome);
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

/// What is said about a deployment while it runs.
struct FollowedDeployment {
    deployment: DeploymentId,
    out: Output,
    steps: Vec<StepSpec>,
    /// The steps that run, and since when each has been seen to.
    running: Vec<(usize, Instant)>,
}

impl FollowedDeployment {
    fn of(deployment: DeploymentId, out: Output) -> Self {
        Self { deployment, out, steps: Vec::new(), running: Vec::new() }
    }

    fn name(&self, step: usize) -> &str {
        self.steps.get(step).map_or("step", |step| &step.name)
    }

    /// Prints what the event means for the deployment. Returns the outcome if the deployment ended.
    fn take(&mut self, event: &Event) -> Result<Option<Outcome>, CliError> {
        let ours = self.deployment;
        match &event.fact {
            Fact::DeploymentRequested(request) if DeploymentId::from(event.seq) == ours => {
                self.steps.clone_from(&request.steps);
            }
            Fact::StepStarted { deployment, step, .. } if *deployment == ours => {
                self.running.push((*step, Instant::now()));
                let name = self.name(*step);
                if self.out.can_rewrite() {
                    output::rewrite(&format!("  {name} ..."));
                } else {
                    self.out.line(format!("  {name} ..."))?;
                }
            }
            Fact::StepEnded { deployment, step, outcome, took, .. } if *deployment == ours => {
                self.running.retain(|(running, _)| running != step);
                let line = format!("  {} {outcome} in {}", self.name(*step), say(*took));
                self.above(&line)?;
            }
            Fact::CancelRequested { deployment, reason } if *deployment == ours => {
                self.above(&format!("  {} cancels it: {reason}", event.actor))?;
            }
            Fact::WaveWaits(wave) if wave.deployment == ours => {
                let (deployment, wave, needs_reason) = (ours, wave.number, false);
                let going_on = Remedy::Continue { deployment, wave, needs_reason };
                let going_on = remedy::after(Some(&going_on));
                self.above(&format!("  {}{going_on}", event.sentence()))?;
            }
            Fact::WaveContinued(wave) if wave.deployment == ours => {
                self.above(&format!("  {}", sentence(&event.sentence())))?;
            }
            Fact::DeploymentEnded { deployment, outcome } if *deployment == ours => {
                self.above(&sentence(&event.sentence()))?;
                return Ok(Some(outcome.clone()));
            }
            _ => {}
        }
        Ok(None)
    }

    /// Prints a line in place of the one that changes.
    fn above(&self, line: &str) -> Result<(), CliError> {
        if self.out.can_rewrite() {
            output::rewrite("");
        }
        self.out.line(line)
    }

    /// Says for how long each step has been running.
    fn tick(&self) -> Result<(), CliError> {
        if self.running.is_empty() {
            return Ok(());
        }
        let running = |(step, since): &(usize, Instant)| {
            let name = self.name(*step);
            let ran = say(Duration::from_secs(since.elapsed().as_secs()));
            let expected = self.steps.get(*step).and_then(|step| step.expected);
            let expected =
                expected.map_or(String::new(), |takes| format!(" of about {}", say(takes)));
            format!("{name} ... {ran}{expected}")
        };
        let line = self.running.iter().map(running).collect::<Vec<_>>().join(", ");
        let line = format!("  {line}");
        if self.out.can_rewrite() {
            output::rewrite(&line);
            return Ok(());
        }
        self.out.line(line)
    }
}
