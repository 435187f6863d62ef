//! Commits that are known to be bad, and which builds still have their effect.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::build::Build;
use super::event::Event;
use super::ids::{BuildNumber, Seq, Sha};
use super::people::Actor;
use super::service::ServiceState;

/// A commit, and the build that brought it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BadCommit {
    pub sha: Sha,
    pub build: BuildNumber,
    pub subject: String,
}

/// A bad commit with who named it so, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quarantined {
    /// The event that recorded it.
    pub id: Seq,
    pub commit: BadCommit,
    pub by: Actor,
    pub at: DateTime<Utc>,
    pub reason: String,
}

/// A quarantined commit that a build has, and the first newer build that has its revert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contained<'a> {
    pub quarantined: &'a Quarantined,
    pub first_safe: Option<BuildNumber>,
}

impl ServiceState {
    /// The quarantined commits whose effect a build has: those that it contains without a revert, or with a revert
    /// that was itself taken back.
    #[must_use]
    pub fn bad_in(&self, number: BuildNumber) -> Vec<Contained<'_>> {
        let Some(build) = self.builds.get(&number) else { return Vec::new() };
        let all = self.quarantine.values();
        all.filter_map(|quarantined| {
            let walk = self.walk(&quarantined.commit, build.off_trunk);
            let is_bad = walk.iter().any(|(seen, is_there)| *seen == number && *is_there);
            let safe = walk.iter().find(|(seen, is_there)| *seen > number && !is_there);
            is_bad.then(|| Contained { quarantined, first_safe: safe.map(|(seen, _)| *seen) })
        })
        .collect()
    }

    /// The commits that the builds list and whose ids begin so, each with the first build that has it.
    #[must_use]
    pub fn commits_that_begin_with(&self, beginning: &str) -> Vec<BadCommit> {
        let mut found: Vec<BadCommit> = Vec::new();
        for build in self.builds.values() {
            let listed = build.commits.iter().filter(|c| c.sha.as_str().starts_with(beginning));
            for commit in listed {
                if !found.iter().any(|known| known.sha == commit.sha) {
                    let (sha, subject) = (commit.sha.clone(), commit.subject.clone());
                    found.push(BadCommit { sha, build: build.number, subject });
                }
            }
        }
        found
    }

    /// The commit that took the effect of this one back, and its build, unless something brought it back since.
    #[must_use]
    pub fn taken_back(&self, commit: &BadCommit, off_trunk: bool) -> Option<(Sha, BuildNumber)> {
        let mut effect = Effect::of(&commit.sha);
        let mut since = None;
        for build in self.builds_from(commit, off_trunk) {
            effect.take(build, brings(build, commit));
            let by = effect.taken_back_by.clone();
            let is_same = since.as_ref().map(|(by, _)| by) == by.as_ref();
            if !is_same {
                since = by.map(|by| (by, build.number));
            }
        }
        since
    }

    /// For each build from the one that brought the commit on, whether it has its effect.
    fn walk(&self, bad: &BadCommit, off_trunk: bool) -> Vec<(BuildNumber, bool)> {
        let mut effect = Effect::of(&bad.sha);
        self.builds_from(bad, off_trunk)
            .map(|build| {
                effect.take(build, brings(build, bad));
                (build.number, effect.is_there())
            })
            .collect()
    }

    /// The builds from the one that brought the commit on. Those that a force-push took away are passed over: those
    /// that follow them need not have their commits.
    fn builds_from(&self, bad: &BadCommit, off_trunk: bool) -> impl Iterator<Item = &Build> {
        let builds = self.builds.range(bad.build..).map(|(_, build)| build);
        builds.filter(move |build| off_trunk || !build.off_trunk)
    }

    pub(super) fn quarantined(&mut self, event: &Event, bad: &[BadCommit], reason: &str) {
        for commit in bad {
            let quarantined = Quarantined {
                id: event.seq,
                commit: commit.clone(),
                by: event.actor.clone(),
                at: event.at,
                reason: reason.to_owned(),
            };
            self.quarantine.insert(commit.sha.clone(), quarantined);
        }
    }
}

fn brings(build: &Build, bad: &BadCommit) -> bool {
    build.number == bad.build || build.commits.iter().any(|commit| commit.sha == bad.sha)
}

/// The effect of a commit while builds follow one another.
struct Effect {
    came: bool,
    /// What took it back last, while it is not there.
    taken_back_by: Option<Sha>,
    /// Taking one of these back takes the effect away.
    adding: BTreeSet<Sha>,
    /// Taking one of these back brings the effect back.
    removing: BTreeSet<Sha>,
}

impl Effect {
    fn of(sha: &Sha) -> Self {
        Self {
            came: false,
            taken_back_by: None,
            adding: BTreeSet::from([sha.clone()]),
            removing: BTreeSet::new(),
        }
    }

    fn is_there(&self) -> bool {
        self.came && self.taken_back_by.is_none()
    }

    fn take(&mut self, build: &Build, brings: bool) {
        if brings {
            (self.came, self.taken_back_by) = (true, None);
            // What came with a merge is taken back by taking the merge back.
            self.adding.insert(build.sha.clone());
        }
        for revert in &build.reverts {
            let side = if self.adding.contains(&revert.of) {
                self.taken_back_by = Some(revert.by.clone());
                &mut self.removing
            } else if self.removing.contains(&revert.of) {
                // Also where the build that first brought it was taken off the trunk.
                (self.came, self.taken_back_by) = (true, None);
                &mut self.adding
            } else {
                continue;
            };
            side.extend([revert.by.clone(), build.sha.clone()]);
        }
    }
}
