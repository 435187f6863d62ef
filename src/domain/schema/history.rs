//! The schema changes that promotes may have made in production, from the events.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{SchemaChange, SharedChange};
use crate::domain::event::{DeploymentKind, DeploymentRequest};
use crate::domain::ids::{BuildNumber, Environment, Seq, ServiceName};
use crate::domain::service::ServiceState;
use crate::migrations::Class;

/// The most changes passed on to another service; the newest ones are kept.
const MOST_SHARED: usize = 100;
/// The most characters kept of the reason why migrations were not judged.
const LONGEST_TROUBLE: usize = 300;

/// The schema changes that promotes may have made in production, in the order in which the promotes started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaHistory {
    done: Vec<AppliedChange>,
    /// The index of each statement in `done`: a statement that runs again is kept once.
    places: HashMap<StatementKey, usize>,
    /// The builds whose migrations were not judged, each with the build whose promote ran them.
    unjudged: BTreeMap<BuildNumber, BuildNumber>,
    /// By the promoted build: the event that started its promote, and why its migrations were not judged.
    troubles: BTreeMap<BuildNumber, (Seq, String)>,
    /// The builds that a force-push took off the trunk, each with the newest build at that time.
    left: BTreeMap<BuildNumber, BuildNumber>,
    /// The newest build whose production deployment started, with any outcome.
    newest: Option<BuildNumber>,
    /// The record was restored from a copy, and nobody knows yet what production ran after it.
    pub(in crate::domain) restored: bool,
}

type StatementKey = (String, u32, String, Class);

/// A change and the event since which production may have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AppliedChange {
    pub change: SchemaChange,
    pub since: Seq,
}

/// What is passed on to another service.
enum SharedEffect<'a> {
    Change(&'a SchemaChange),
    Unjudged(BuildNumber, &'a str),
}

impl SchemaHistory {
    /// Adds a change as if it were made before the first event.
    pub fn push(&mut self, change: SchemaChange) {
        self.add(change, Seq(0));
    }

    /// A statement that ran before keeps its position. Of two floors, the newer build counts.
    fn add(&mut self, change: SchemaChange, since: Seq) {
        let place = (change.path.clone(), change.line, change.statement.clone(), change.class);
        let Some(at) = self.places.get(&place) else {
            self.places.insert(place, self.done.len());
            return self.done.push(AppliedChange { change, since });
        };
        let known = &mut self.done[*at];
        // If the first build with it left the trunk, this build contains it now.
        if self.left.contains_key(&known.change.build) {
            known.change.build = change.build;
        }
        if change.floor > known.change.floor {
            (known.change.floor, known.change.why) = (change.floor, change.why);
        }
    }

    /// Forgets what was added since, but not which builds left the trunk.
    pub(in crate::domain) fn go_back_to(&mut self, before: Self) {
        let left = std::mem::take(&mut self.left);
        *self = Self { left, ..before };
    }

    pub(super) fn done(&self) -> impl Iterator<Item = &AppliedChange> {
        self.done.iter()
    }

    pub(super) fn unjudged(&self) -> impl Iterator<Item = (BuildNumber, BuildNumber)> {
        self.unjudged.iter().map(|(part, by)| (*part, *by))
    }

    pub(super) fn trouble(&self, by: BuildNumber) -> &str {
        self.troubles.get(&by).map_or("", |(_, why)| why.as_str())
    }

    pub(super) fn newest(&self) -> Option<BuildNumber> {
        self.newest
    }

    /// Whether `build` was found after a force-push took `from` off the trunk. It is then unknown whether `build`
    /// contains the changes of `from`.
    pub(super) fn is_apart(&self, build: BuildNumber, from: BuildNumber) -> bool {
        self.left.get(&from).is_some_and(|newest| build > *newest)
    }

    /// Whether the build is still on the trunk.
    pub(super) fn is_on_trunk(&self, build: BuildNumber) -> bool {
        !self.left.contains_key(&build)
    }

    /// The changes to pass on to other services on the same database, oldest first.
    #[must_use]
    pub fn changes_for(&self, by: &ServiceName) -> Vec<SharedChange> {
        let done = self.done.iter().map(|done| (done.since, SharedEffect::Change(&done.change)));
        let unjudged = self
            .troubles
            .iter()
            .map(|(build, (since, why))| (*since, SharedEffect::Unjudged(*build, why)));
        let mut all: Vec<_> = done.chain(unjudged).collect();
        all.sort_by_key(|(since, _)| *since);
        let hidden = all.len().saturating_sub(MOST_SHARED);
        let shared_change = |(since, effect): &(Seq, SharedEffect<'_>)| {
            let what = match effect {
                SharedEffect::Change(change) => change.what(),
                SharedEffect::Unjudged(build, "") => {
                    format!("{build} ran migrations that were not judged")
                }
                SharedEffect::Unjudged(build, why) => {
                    format!("{build} ran migrations that were not all judged ({why})")
                }
            };
            SharedChange { since: *since, what: format!("{by} {what}") }
        };
        let rest = hidden.checked_sub(1).map(|last| SharedChange {
            since: all[last].0,
            what: format!("{by} made {hidden} earlier changes"),
        });
        rest.into_iter().chain(all[hidden..].iter().map(shared_change)).collect()
    }
}

impl ServiceState {
    /// A production deployment started. Its migrations may have run from now on, even if it fails.
    pub(in crate::domain) fn record_schema_changes(
        &mut self,
        request: &DeploymentRequest,
        since: Seq,
    ) {
        if request.environment != Environment::Production {
            return;
        }
        let history = &mut self.schema;
        history.newest = history.newest.max(Some(request.build));
        if request.kind == DeploymentKind::Rollback {
            return;
        }
        for change in request.schema.iter().flatten() {
            history.add(change.clone(), since);
        }
        let after = request.previous.unwrap_or(BuildNumber(0));
        let parts = (BuildNumber(after.0.saturating_add(1)), request.build);
        let parts = (parts.0 <= parts.1).then(|| self.builds.range(parts.0..=parts.1));
        let parts: BTreeSet<_> = parts.into_iter().flatten().map(|(number, _)| *number).collect();
        if request.is_judged() {
            self.judged(&parts, request);
            return;
        }
        let why = request.schema_trouble.as_deref().unwrap_or_default();
        let why = why.chars().take(LONGEST_TROUBLE).collect();
        self.schema.troubles.insert(request.build, (since, why));
        for part in parts.into_iter().chain([request.build]) {
            self.schema.unjudged.insert(part, request.build);
        }
    }

    /// Marks the migrations between the live build and this one as judged, even if an earlier promote ran them.
    fn judged(&mut self, parts: &BTreeSet<BuildNumber>, request: &DeploymentRequest) {
        let history = &mut self.schema;
        if request.previous.is_none() || !history.is_on_trunk(request.build) {
            return;
        }
        for part in parts.iter().filter(|part| !history.left.contains_key(part)) {
            history.unjudged.remove(part);
        }
        let still: BTreeSet<_> = history.unjudged.values().copied().collect();
        history.troubles.retain(|by, _| still.contains(by));
    }

    /// A force-push took these builds off the trunk. Their schema changes stay.
    pub(in crate::domain) fn record_off_trunk(&mut self, off_trunk: &[BuildNumber]) {
        let Some(newest) = self.builds.keys().next_back() else { return };
        for number in off_trunk {
            self.schema.left.entry(*number).or_insert(*newest);
        }
    }
}
