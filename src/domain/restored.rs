//! What a restore of the record from a copy changes in the state: what was done after the copy is not known.

use chrono::{DateTime, Utc};

use super::deployment::StepState;
use super::event::{DeploymentKind, Event, Outcome, StepOutcome};
use super::ids::{BuildNumber, DeploymentId, Environment, Seq};
use super::service::ServiceState;
use super::time::between;

impl ServiceState {
    /// What was open is interrupted, as after the death of the machine. What production runs is in doubt: the last build by
    /// the record counts as deployed once more, without an end that anybody knows.
    pub(super) fn record_restored(&mut self, event: &Event, head: Seq) {
        let why = format!("the record was restored from a copy that ends at event {head}");
        let outcome = Outcome::Interrupted(why);
        let environments = [Environment::Production, Environment::Staging];
        let open = environments.into_iter().flat_map(|environment| self.open(environment));
        for id in open.map(|deployment| deployment.id).collect::<Vec<_>>() {
            self.running_step_lost(event.at, id);
            self.ended(event.at, id, &outcome);
        }
        self.forget_targets();
        let doubt = DeploymentId::from(event.seq);
        self.restores.insert(doubt);
        self.schema.restored = true;
        let live = self.live_build(Environment::Production);
        let Some((build, sha)) = live.map(|live| (live.number, live.sha.clone())) else { return };
        self.external(event, Environment::Production, (build, &sha), event.at);
        self.ended(event.at, doubt, &outcome);
    }

    /// A deployment to production succeeded. What ran there after the copy of a restore is no longer in doubt if somebody
    /// stated it, or if the newest build went there: its range has all that may have run.
    pub(super) fn settle_restore(&mut self, kind: DeploymentKind, build: BuildNumber) {
        let is_newest = self.builds.keys().next_back() == Some(&build);
        if kind == DeploymentKind::External || (kind != DeploymentKind::Rollback && is_newest) {
            self.schema.restored = false;
        }
    }

    /// Whether what an environment runs is not known since the record was restored from a copy.
    #[must_use]
    pub fn is_unknown_since_restore(&self, environment: Environment) -> bool {
        let live = self.live(environment);
        self.restores.last().is_some_and(|last| live.is_none_or(|live| live.deployment < *last))
    }

    fn running_step_lost(&mut self, at: DateTime<Utc>, id: DeploymentId) {
        self.change(id, |deployment| {
            for step in &mut deployment.steps {
                if let StepState::Running { since } = *step {
                    let took = between(since, at);
                    *step = StepState::Ended { since, took, outcome: StepOutcome::Lost };
                }
            }
        });
    }
}
