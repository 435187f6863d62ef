//! Rolls production back by itself, with the guards and the facts of a person's rollback, or records why not.

use chrono::{DateTime, Utc};

use super::Writer;
use crate::domain::auto_rollback::{
    PendingRollback, against, against_plan, given_up, on_turn, pending,
};
use crate::domain::command::{Action, Command};
use crate::domain::event::Fact;
use crate::domain::ids::{Environment, Seq};
use crate::domain::people::Actor;
use crate::domain::watch::SampleVerdict;
use crate::engine::commands::{self, CommandContext, CommandError, ForPlan, Gathered};
use crate::engine::input::{AutoRollbackAnswer, AutoRollbackRequest};
use crate::engine::world::Service;

/// What follows by itself from these facts of a watch, which are recorded together with it.
pub(super) fn decided(service: &Service, facts: &[Fact], now: DateTime<Utc>) -> Option<Fact> {
    let is_wanted = service.file.as_ref().is_some_and(|file| file.policy.auto_rollback);
    let decided = is_wanted.then(|| on_turn(&service.state, facts, &service.rollback_needs(), now));
    decided.flatten().map(Fact::AutoRollback)
}

impl Writer {
    /// The rollback and its hold are one transaction: after a crash it is either asked for, or still pending.
    pub(super) fn roll_back_by_itself(&mut self, request: AutoRollbackRequest) {
        let AutoRollbackRequest { service: name, decision, gathered, reply } = request;
        let (now, next) = (self.clock.now(), Seq(self.store.head().0 + 1));
        let facts = {
            let world = self.world.world();
            let service = world.services.get(&name);
            let due = service.and_then(|service| Some((service, pending(&service.state)?)));
            match due.filter(|(_, pending)| pending.id == decision) {
                Some((service, pending)) => carried_out(service, &pending, gathered, (now, next)),
                None => Some(Vec::new()),
            }
        };
        let answer = match facts {
            None => AutoRollbackAnswer::Outdated,
            Some(facts) if facts.is_empty() => AutoRollbackAnswer::Settled,
            Some(facts) => match self.record(&name, &Actor::System, facts, None) {
                Ok(()) => AutoRollbackAnswer::Settled,
                Err(error) => {
                    self.trouble(&error);
                    AutoRollbackAnswer::Unrecorded
                }
            },
        };
        let is_settled = answer == AutoRollbackAnswer::Settled;
        let _stopped = reply.send(answer);
        if is_settled {
            self.settle(&name);
        }
    }
}

/// The facts of the rollback, or that there is none. `None` if the service changed since its facts were gathered.
fn carried_out(
    service: &Service,
    pending: &PendingRollback,
    gathered: Result<ForPlan, String>,
    (now, next): (DateTime<Utc>, Seq),
) -> Option<Vec<Fact>> {
    let stays =
        |why: String| Some(vec![Fact::AutoRollback(given_up(&service.state, pending, why, now))]);
    let against = against(&service.state, pending, &service.rollback_needs(), now);
    if !against.is_empty() {
        return stays(against.join("; "));
    }
    let gathered = match gathered {
        Ok(gathered) => Gathered::Plan(Box::new(gathered)),
        Err(why) => return stays(why),
    };
    let action = Action::Rollback { to: Some(pending.to) };
    let context = CommandContext { actor: &Actor::System, now, next, gathered: Some(&gathered) };
    let decided = commands::plan(&service.view(), action, context).and_then(|plan| {
        let against = against_plan(&plan);
        if !against.is_empty() {
            return Ok(Err(against.join("; ")));
        }
        let (fingerprint, overrides) = (plan.fingerprint, std::collections::BTreeMap::new());
        let command = Command::Execute { action, fingerprint, overrides };
        commands::decide(&service.view(), &command, context).map(Ok)
    });
    match decided {
        Ok(Ok(decided)) => Some(decided.facts.into_iter().map(|f| explained(service, f)).collect()),
        Ok(Err(why)) => stays(why),
        Err(CommandError::Outdated) => None,
        Err(error) => stays(error.to_string()),
    }
}

/// The hold says why there was a rollback: nobody who reads it asked for one.
fn explained(service: &Service, fact: Fact) -> Fact {
    let watch = service.state.watches.last(Environment::Production);
    let bad = watch.and_then(|watch| watch.judged(SampleVerdict::Bad).next());
    match (fact, bad) {
        (Fact::HoldPlaced { environment, reason, rollback, all }, Some(bad)) => {
            let reason = format!("{reason} by itself: {} BAD", bad.name);
            Fact::HoldPlaced { environment, reason, rollback, all }
        }
        (fact, _) => fact,
    }
}
