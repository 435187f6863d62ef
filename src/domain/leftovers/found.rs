//! Finds what a rollback leaves behind in the record and in the rules of the service. It never blocks one.

use std::collections::BTreeSet;
use std::ops::Bound;

use chrono::{DateTime, Utc};

use super::{DeclaredLeftover, Leftover, LeftoverKind, Leftovers, WrittenData};
use crate::domain::deployment::Deployment;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::{BuildNumber, Environment};
use crate::domain::policy::Policy;
use crate::domain::service::ServiceState;
use crate::domain::time::between;

/// The most of each kind that are listed.
const MOST: usize = 20;

impl Leftovers {
    /// What a rollback of production to this build would leave behind now.
    #[must_use]
    pub fn of_rollback(
        state: &ServiceState,
        policy: &Policy,
        target: BuildNumber,
        now: DateTime<Utc>,
    ) -> Self {
        let taken = taken_away(state, target);
        let mut left = Self { written: written(&taken, now), ..Self::default() };
        left.declared(policy.leaves.as_deref());
        left.changes(state, taken.first().map(|first| began(first)));
        left.migrations(state, target, &taken);
        left.gaps_in_record(state, &taken);
        left.still_open(state);
        left
    }

    fn declared(&mut self, leaves: Option<&[DeclaredLeftover]>) {
        let Some(leaves) = leaves else {
            self.doubts.push("its trunkline.toml is not read".to_owned());
            return;
        };
        self.items.extend(leaves.iter().map(|leaf| Leftover {
            kind: LeftoverKind::Declared,
            what: leaf.what.clone(),
            check: leaf.check.clone(),
            undo: leaf.undo.clone(),
            ticked: None,
        }));
    }

    /// What was noted since the first of the builds began to run.
    fn changes(&mut self, state: &ServiceState, since: Option<DateTime<Utc>>) {
        let Some(since) = since else { return };
        let all: Vec<_> = state.notes.iter().rev().filter(|note| note.at >= since).collect();
        let listed = all.iter().take(MOST).map(|note| Leftover {
            kind: LeftoverKind::Change,
            what: note.label.clone(),
            check: None,
            undo: note.undo.clone(),
            ticked: None,
        });
        self.items.extend(listed);
        self.more(all.len(), "changes were noted");
        if state.notes.has_forgotten_since(since) {
            self.doubts.push("older notes are not looked at".to_owned());
        }
    }

    /// The migrations that promotes of the builds brought, and those of builds that were taken away before: no rollback
    /// undoes one.
    fn migrations(&mut self, state: &ServiceState, target: BuildNumber, taken: &[&Deployment]) {
        let mut names: Vec<(&str, BuildNumber)> = Vec::new();
        let mut known = BTreeSet::new();
        let promotes = taken.iter().filter(|made| made.request.kind != DeploymentKind::Rollback);
        for deployment in promotes {
            let (request, id) = (&deployment.request, deployment.id);
            let build = request.build;
            known.insert(build);
            names.extend(request.migrations.iter().flatten().map(|path| (path.as_str(), build)));
            if let Some(why) = &request.schema_trouble {
                self.doubts.push(format!("not all migrations of {build} are known: {why}"));
            } else if request.migrations.is_none() {
                self.doubts.push(format!("which migrations {id} of {build} ran is not recorded"));
            }
        }
        let changes = state.schema_changes_after(target);
        names.extend(changes.map(|change| (change.path.as_str(), change.build)));
        known.extend(names.iter().map(|(_, build)| *build));
        let unjudged = state.schema_builds_after(target).into_iter();
        for build in unjudged.filter(|build| !known.contains(build)) {
            self.doubts.push(format!("not all migrations of {build} are known"));
        }
        let mut paths = BTreeSet::new();
        names.retain(|(path, _)| paths.insert(*path));
        let listed = names.iter().take(MOST).map(|(path, build)| Leftover {
            kind: LeftoverKind::Migration,
            what: format!("migration {path} of {build}"),
            check: None,
            undo: None,
            ticked: None,
        });
        self.items.extend(listed);
        self.more(names.len(), "migrations ran");
    }

    fn more(&mut self, all: usize, what: &str) {
        let more = all.saturating_sub(MOST);
        if more > 0 {
            self.doubts.push(format!("at least {more} more {what}"));
        }
    }

    /// What nobody recorded.
    fn gaps_in_record(&mut self, state: &ServiceState, taken: &[&Deployment]) {
        if taken.is_empty() {
            self.doubts.push("no deployment that it takes away is recorded".to_owned());
        }
        for deployment in taken.iter().filter(|made| made.unknown_commit().is_some()) {
            self.doubts.push(format!("what {} deployed is no known build", deployment.id));
        }
        if state.is_unknown_since_restore(Environment::Production) {
            self.doubts.push("the record was restored from a copy".to_owned());
        }
    }

    /// What is open on the hold that the rollback's own takes the place of.
    fn still_open(&mut self, state: &ServiceState) {
        let hold = state.holds.get(&Environment::Production);
        for (_, item) in hold.and_then(|hold| hold.left.as_deref()).into_iter().flat_map(Self::open)
        {
            if !self.items.iter().any(|known| known.what == item.what) {
                self.items.push(item.clone());
            }
        }
    }
}

/// The deployments of other builds that began in production since the target ran there, oldest first.
fn taken_away(state: &ServiceState, target: BuildNumber) -> Vec<&Deployment> {
    let history = state.live.get(&Environment::Production).map_or(&[][..], Vec::as_slice);
    let Some(last) = history.iter().rfind(|live| live.build == target) else { return Vec::new() };
    let later = (Bound::Excluded(last.deployment), Bound::Unbounded);
    let later = state.deployments.range(later).map(|(_, deployment)| deployment);
    let is_other = |made: &&Deployment| {
        made.request.environment == Environment::Production
            && made.started_at.is_some()
            && (made.request.build != target || made.unknown_commit().is_some())
    };
    later.filter(is_other).collect()
}

fn began(deployment: &Deployment) -> DateTime<Utc> {
    deployment.started_at.unwrap_or(deployment.requested_at)
}

fn written(taken: &[&Deployment], now: DateTime<Utc>) -> Option<WrittenData> {
    let ran = between(began(taken.first()?), now);
    let known = taken.iter().filter(|made| made.unknown_commit().is_none());
    let builds: BTreeSet<_> = known.map(|made| made.request.build).collect();
    Some(WrittenData { builds: builds.into_iter().collect(), ran })
}
