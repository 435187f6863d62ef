//! What a person states that production runs: what that changes in the state, and how a mistaken statement is corrected.

use std::collections::BTreeMap;

use super::build::Build;
use super::deployment::Cancel;
use super::event::{Adoption, Event, Outcome};
use super::ids::{BuildNumber, DeploymentId, Environment, Sha};
use super::quarantine::Descent;
use super::schema::SchemaHistory;
use super::service::ServiceState;

/// The last statement of what production runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// It counts as a deployment.
    pub deployment: DeploymentId,
    pub build: BuildNumber,
    /// Whether the build is known by this statement alone.
    pub is_new: bool,
    /// The schema changes before it.
    schema: Box<SchemaHistory>,
    /// Whether the build had no way back before it.
    no_way_back: bool,
}

impl ServiceState {
    /// The last statement, as long as nothing was deployed to production since: only then can it be corrected.
    #[must_use]
    pub fn correctable(&self) -> Option<&Statement> {
        let last = self.last_ended(Environment::Production)?.id;
        let is_busy = self.in_flight(Environment::Production).is_some();
        self.statement.as_ref().filter(|statement| statement.deployment == last && !is_busy)
    }

    /// The build that a correction forgets: one that the mistaken statement made and nothing else deployed.
    #[must_use]
    pub fn forgotten_by_correction(&self) -> Option<BuildNumber> {
        let statement = self.correctable().filter(|statement| statement.is_new)?;
        (!self.is_deployed_beside(statement)).then_some(statement.build)
    }

    fn is_deployed_beside(&self, statement: &Statement) -> bool {
        let mut others = self.deployments.values().filter(|other| other.id != statement.deployment);
        others.any(|other| other.request.build == statement.build)
    }

    /// What a person stated counts as a deployment that somebody made outside of trunkline and that succeeded.
    pub(super) fn adopted(&mut self, event: &Event, adoption: &Adoption) {
        if let Some(mistaken) = adoption.corrects {
            self.withdraw(event, mistaken, &adoption.reason);
        }
        let Adoption { build: number, sha, commit, .. } = adoption;
        let is_new = !self.builds.contains_key(number);
        let build = self.builds.entry(*number).or_insert_with(|| Build {
            commits: commit.iter().cloned().collect(),
            ..Build::new(*number, sha.clone(), event.at)
        });
        // It was read from the commit's service file, now perhaps where nobody looked before.
        let no_way_back = std::mem::replace(&mut build.no_way_back, adoption.no_way_back);
        if is_new {
            self.join_the_line(*number, &adoption.bad);
        }
        if let Some(recipe) = adoption.recipe.as_ref().filter(|_| self.recipe(*number).is_none()) {
            self.record_recipe(*number, recipe);
        }
        self.statement = Some(Statement {
            deployment: event.seq.into(),
            build: *number,
            is_new,
            schema: Box::new(self.schema.clone()),
            no_way_back,
        });
        self.adoptions.insert(event.seq.into());
        self.external(event, Environment::Production, (*number, sha), event.at);
        self.external_changed_schema(event);
        // The clock may have been set back since; the statement counts all the same.
        let since = self.live(Environment::Production).map(|live| live.since);
        let at = since.map_or(event.at, |since| since.max(event.at));
        self.ended(at, event.seq.into(), &Outcome::Succeeded);
    }

    /// The builds after the stated one contain it. It has none of the bad commits but those that git found in it.
    pub(super) fn join_the_line(&mut self, number: BuildNumber, bad: &BTreeMap<Sha, bool>) {
        for quarantined in self.quarantine.values_mut() {
            if bad.get(&quarantined.commit.sha) == Some(&true) {
                quarantined.commit.build = number;
            }
        }
        if !self.quarantine.keys().all(|sha| bad.contains_key(sha)) {
            return;
        }
        let next = self.next_on_trunk(number);
        let next = next.and_then(|next| self.descents.get_mut(&next));
        let after = next.and_then(|next| next.after.replace(number));
        self.descents.insert(number, Descent { after, is_counted: false });
    }

    fn next_on_trunk(&self, number: BuildNumber) -> Option<BuildNumber> {
        let mut newer = self.builds.range(number..).skip_while(|(next, _)| **next == number);
        newer.find(|(_, build)| !build.off_trunk).map(|(next, _)| *next)
    }

    /// Takes back what a mistaken statement said.
    fn withdraw(&mut self, event: &Event, mistaken: DeploymentId, reason: &str) {
        let Some(statement) = self.statement.take_if(|last| last.deployment == mistaken) else {
            return;
        };
        let is_forgotten = statement.is_new && !self.is_deployed_beside(&statement);
        self.schema.go_back_to(*statement.schema);
        if let Some(history) = self.live.get_mut(&Environment::Production) {
            history.retain(|live| live.deployment != mistaken);
        }
        self.change(mistaken, |deployment| {
            let (by, reason) = (event.actor.clone(), reason.to_owned());
            deployment.cancel = Some(Cancel { by, at: event.at, reason });
            if let Some(ended) = &mut deployment.ended {
                ended.outcome = Outcome::Cancelled;
            }
        });
        if is_forgotten {
            self.leave_the_line(statement.build);
        } else if let Some(build) = self.builds.get_mut(&statement.build) {
            build.no_way_back = statement.no_way_back;
        }
    }

    /// Forgets a build that a mistaken statement made.
    fn leave_the_line(&mut self, number: BuildNumber) {
        let after = self.descents.remove(&number).and_then(|descent| descent.after);
        for descent in self.descents.values_mut().filter(|next| next.after == Some(number)) {
            descent.after = after;
        }
        // What it contains, the next build contains too.
        let next = self.next_on_trunk(number);
        for quarantined in self.quarantine.values_mut() {
            if quarantined.commit.build == number {
                quarantined.commit.build = next.unwrap_or(number);
            }
        }
        self.builds.remove(&number);
        self.recipes.remove(&number);
        self.unusable.remove(&number);
    }
}
