//! Writes facts and refusals to the record. A write that fails becomes a problem, and is tried until it succeeds.

use std::time::Duration;

use super::{RETRY, Writer};
use crate::domain::event::{DeploymentKind, DeploymentRequest, Event, Fact};
use crate::domain::ids::{DeploymentId, ServiceName};
use crate::domain::people::Actor;
use crate::domain::retention::RetentionRule;
use crate::engine::checkouts::{self, CHECKOUTS_PROBLEM};
use crate::engine::input::Input;
use crate::engine::migrations;
use crate::engine::report::{self, LateSight};
use crate::engine::reserve::write_remedy;
use crate::engine::runner::RunId;
use crate::engine::world::Trouble;
use crate::store::{Answered, NewEvent, StoreError};

/// Problem key for write failures of the record.
pub(in crate::engine) const RECORD_PROBLEM: &str = "record";

impl Writer {
    /// Writes the facts in one durable transaction, then applies them.
    pub(super) fn record(
        &mut self,
        name: &ServiceName,
        actor: &Actor,
        facts: Vec<Fact>,
        answered: Option<&Answered>,
    ) -> Result<(), StoreError> {
        self.check_space(name, &facts)?;
        let new = |fact| NewEvent { service: name.clone(), actor: actor.clone(), fact };
        let events = facts.into_iter().map(new).collect();
        let now = self.clock.now();
        let events = self.commits.measure(|| self.store.append(now, events, answered))?;
        self.world.set_trouble(RECORD_PROBLEM, self.clock.now(), None);
        self.world.change(name, |service| {
            for event in &events {
                service.state.apply(event);
                match &event.fact {
                    Fact::BuildFound { build, .. } => drop(service.note_unusable(*build)),
                    Fact::ProductionAdopted(adopted) => service.read_again(adopted.build),
                    _ => {}
                }
            }
        });
        for event in &events {
            match event.fact {
                Fact::RunSent { deployment, step, .. } => {
                    self.acts.may_send(RunId { deployment, step });
                }
                Fact::StepEnded { deployment, step, .. } => {
                    self.acts.is_over(RunId { deployment, step });
                }
                _ => {}
            }
        }
        if events.iter().any(|event| {
            matches!(event.fact, Fact::DeploymentStarted { .. } | Fact::DeploymentObserved(_))
        }) {
            migrations::sync_shared_schema(&mut self.world);
        }
        if events.iter().any(ends_a_deployment) {
            self.acts.tidy(name);
        }
        if self.needs_trees(name, &events) {
            self.acts.make_trees(name);
        }
        Ok(())
    }

    /// Records what was seen of a run that was given up. False if that could not be done.
    pub(super) fn run_is_late(&mut self, name: &ServiceName, run: RunId, seen: &LateSight) -> bool {
        loop {
            let news = {
                let world = self.world.world();
                world.services.get(name).and_then(|s| report::late(&s.state, run, seen))
            };
            let Some((by, fact)) = news else { break };
            if let Err(error) = self.record(name, &by, vec![fact], None) {
                // Whoever saw it sees it again.
                self.trouble(&error);
                return false;
            }
        }
        self.settle(name);
        true
    }

    /// A rollback may go out behind a deployment that is being cancelled.
    pub(super) fn run_makes_way(&mut self, name: &ServiceName, run: RunId) {
        self.world.change(name, |service| {
            let state = &mut service.state;
            let deployment = state.deployments.get(&run.deployment);
            if deployment.is_some_and(|d| d.unending_steps().any(|step| step == run.step)) {
                state.making_way.insert((run.deployment, run.step));
            }
        });
        self.settle(name);
    }

    /// Whether checkouts may be missing: a build is live now that no deployment of this engine made one for, a rollback may
    /// have taken the only one on a full disk, or what was missing is not needed any more.
    fn needs_trees(&self, name: &ServiceName, events: &[Event]) -> bool {
        let world = self.world.world();
        let Some(service) = world.services.get(name) else { return false };
        let is_rollback = |event: &Event| match &event.fact {
            Fact::DeploymentEnded { deployment, .. } => {
                let ended = service.state.deployments.get(deployment);
                ended.is_some_and(|ended| ended.request.kind == DeploymentKind::Rollback)
            }
            _ => false,
        };
        let was_missing = service.problems.contains_key(CHECKOUTS_PROBLEM);
        events.iter().any(|event| {
            was_live_elsewhere(event)
                || is_rollback(event)
                || was_missing && ends_a_deployment(event)
        })
    }

    /// A rollback may use the space that is kept for it, and until there is more nothing else begins.
    fn check_space(&self, name: &ServiceName, facts: &[Fact]) -> Result<(), StoreError> {
        if !self.reserve.is_short() {
            return Ok(());
        }
        let is_rollback = |request: &DeploymentRequest| request.kind == DeploymentKind::Rollback;
        let requested = facts.iter().filter_map(|fact| match fact {
            Fact::DeploymentRequested(request) => Some(request),
            _ => None,
        });
        let mut requested = requested.peekable();
        let begins = requested.peek().is_some()
            || facts.iter().any(|f| matches!(f, Fact::BuildFound { .. }));
        if requested.any(is_rollback)
            || self.world.world().services.get(name).is_some_and(|s| s.state.rolls_back())
        {
            self.reserve.release();
            return Ok(());
        }
        if begins && self.reserve.is_released() { Err(StoreError::Reserved) } else { Ok(()) }
    }

    /// Writes all waiting refusals in one durable transaction. They change no snapshot.
    pub(super) fn record_refusals(&mut self) {
        let events = self.refusals.waiting().to_vec();
        if events.is_empty() {
            return;
        }
        let now = self.clock.now();
        match self.commits.measure(|| self.store.append(now, events, None)) {
            Ok(events) => {
                self.refusals.recorded();
                self.world.set_trouble(RECORD_PROBLEM, self.clock.now(), None);
                self.world.apply_unseen(&events);
            }
            Err(error) => {
                self.trouble(&error);
                self.refusals_after(RETRY);
            }
        }
    }

    /// Records that runs are removed. Returns which; none if that cannot be recorded.
    pub(super) fn remove_runs(
        &mut self,
        name: &ServiceName,
        mut deployments: Vec<DeploymentId>,
        rule: RetentionRule,
    ) -> Vec<DeploymentId> {
        {
            let world = self.world.world();
            let Some(service) = world.services.get(name) else { return Vec::new() };
            // What was asked for may be needed by now.
            let needed = checkouts::needed_ids(&service.state);
            deployments.retain(|id| !needed.contains(id));
        }
        if deployments.is_empty() {
            return deployments;
        }
        let fact = Fact::RunsRemoved { deployments: deployments.clone(), rule };
        match self.record(name, &Actor::System, vec![fact], None) {
            Ok(()) => deployments,
            Err(error) => {
                tracing::warn!(%error, "logs stay, because their removal cannot be recorded");
                Vec::new()
            }
        }
    }

    pub(super) fn refusals_after(&mut self, pause: Duration) {
        if !std::mem::replace(&mut self.refusals_due, true) {
            self.after(pause, Input::Refusals);
        }
    }

    /// Tests whether the record can be written again, and clears the problem if so.
    pub(super) fn try_record(&mut self) {
        let Some(event) = self.unrecorded.take() else { return };
        let space = self.check_space(&event.service, std::slice::from_ref(&event.fact));
        match space.and_then(|()| self.store.try_append(self.clock.now(), event.clone())) {
            Ok(()) => self.world.set_trouble(RECORD_PROBLEM, self.clock.now(), None),
            Err(error) => {
                self.trouble(&error);
                self.try_record_later(event);
            }
        }
    }

    pub(super) fn try_record_later(&mut self, event: NewEvent) {
        if self.unrecorded.replace(event).is_none() {
            self.later(Input::TryRecord);
        }
    }

    pub(super) fn trouble(&mut self, error: &StoreError) {
        tracing::error!(%error, "cannot record");
        let trouble = Trouble::new(
            if matches!(error, StoreError::Reserved) || self.reserve.is_short() {
                format!("nothing but a rollback can be recorded: {error}")
            } else {
                format!("nothing can be recorded: {error}")
            },
            format!("{}; trunkline retries automatically", write_remedy(error.kind())),
        );
        self.world.set_trouble(RECORD_PROBLEM, self.clock.now(), Some(trouble));
    }
}

/// Whether a build is live now that no deployment of this engine made a checkout for.
fn was_live_elsewhere(event: &Event) -> bool {
    matches!(event.fact, Fact::ProductionAdopted(_) | Fact::ObservedEnded { .. })
}

fn ends_a_deployment(event: &Event) -> bool {
    matches!(event.fact, Fact::DeploymentEnded { .. } | Fact::ObservedEnded { .. })
}
