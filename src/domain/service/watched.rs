//! How the facts of watches change a service.

use chrono::{DateTime, Utc};

use super::ServiceState;
use crate::domain::deployment::Deployment;
use crate::domain::event::{DeploymentKind, Event, Fact};
use crate::domain::ids::DeploymentId;

impl ServiceState {
    pub(super) fn watched(&mut self, event: &Event) {
        let watches = &mut self.watches;
        match &event.fact {
            Fact::WatchBegan(fact) => watches.began(event.at, fact),
            Fact::WatchSampled(fact) => watches.sampled(event.at, fact),
            Fact::WatchTurned(fact) => watches.turned(event.at, fact),
            Fact::WatchEnded(fact) => watches.ended(event.at, fact),
            Fact::AutoRollback(fact) => watches.decided(event.seq, event.at, fact),
            Fact::WatchSeen(fact) => watches.seen(event.at, &event.actor, fact.deployment),
            _ => {}
        }
    }

    /// Whether something was deployed, and not only said to run. A rehearsal brings back what was looked at before.
    #[must_use]
    pub fn is_worth_a_watch(&self, id: DeploymentId) -> bool {
        let is_stated = self.adoptions.contains(&id) || self.restores.contains(&id);
        let is_it = |made: &Deployment| !made.is_said() && !made.request.kind.is_of_rehearsal();
        !is_stated && self.deployments.get(&id).is_some_and(is_it)
    }

    /// Until when it was as before a deployment. What a rollback takes away, and attempts that did not succeed, count as a
    /// part of it: else a rollback would be held against the trouble that it ends.
    #[must_use]
    pub fn usual_until(&self, id: DeploymentId) -> Option<DateTime<Utc>> {
        let deployment = self.deployments.get(&id)?;
        let request = &deployment.request;
        let is_rollback = request.kind == DeploymentKind::Rollback;
        let history = self.live.get(&request.environment).into_iter().flatten();
        let mut before = history.filter(|live| live.deployment < id);
        let is_it = |build| !is_rollback || build == request.build;
        let usual = before.rfind(|live| is_it(live.build)).map(|live| live.deployment);
        let since = self.deployments.range(usual.unwrap_or(id)..=id);
        let since = since.filter(|(other, _)| Some(**other) != usual);
        let there = since.filter(|(_, other)| other.request.environment == request.environment);
        there.filter_map(|(_, other)| other.started_at).min()
    }
}
