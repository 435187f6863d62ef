//! Bad commits, and the builds that still have their effect.

mod effect;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeBounds;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::effect::{BuildLines, Presence};
pub use self::effect::{Descent, Descents, Trunk};
use super::commit::RevertEvidence;
use super::event::Event;
use super::ids::{BuildNumber, Seq, Sha};
use super::people::Actor;
use super::service::ServiceState;

/// A commit and the first build that contains it: the next one, if none did when it was marked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BadCommit {
    pub sha: Sha,
    pub build: BuildNumber,
    pub subject: String,
}

/// A bad commit, who marked it and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quarantined {
    /// The event that recorded it.
    pub id: Seq,
    pub commit: BadCommit,
    pub by: Actor,
    pub at: DateTime<Utc>,
    pub reason: String,
}

/// A commit that reverts another, and the first build that contains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevertedBy {
    pub by: Sha,
    pub build: BuildNumber,
    /// How it is known.
    #[serde(default, skip_serializing_if = "RevertEvidence::is_sure")]
    pub evidence: RevertEvidence,
}

/// A quarantined commit whose effect a build has or may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contained<'a> {
    pub quarantined: &'a Quarantined,
    /// Why it is uncertain, if it is. An uncertain commit counts as contained.
    pub doubt: Option<Doubt<'a>>,
    /// The first newer build on the trunk that is known not to have the effect.
    pub first_safe: Option<BuildNumber>,
}

/// Why it is uncertain whether a build has the effect of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt<'a> {
    /// The record of this build, an ancestor or the build itself, is incomplete.
    Unrecorded { build: BuildNumber },
    /// This build, an ancestor or the build itself, has a commit with the same subject and author: perhaps the same
    /// commit after a rebase.
    Twin { build: BuildNumber, sha: &'a Sha },
    /// `by` in this build, an ancestor or the build itself, seems to revert the commit, or to bring it back.
    Unsure { by: &'a Sha, build: BuildNumber, evidence: RevertEvidence, is_back: bool },
}

impl fmt::Display for Doubt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unrecorded { build } => write!(f, "the record of {build} is incomplete"),
            Self::Twin { build, sha } => {
                write!(f, "{build} has {} with the same subject and author", sha.short())
            }
            Self::Unsure { by, build, evidence, is_back } => {
                let does = if is_back { "bring it back" } else { "revert it" };
                write!(f, "{} in {build} seems to {does}, {evidence}", by.short())
            }
        }
    }
}

impl ServiceState {
    /// The quarantined commits whose effect a build has or may have: not reverted, or reverted and brought back by a
    /// revert of the revert.
    #[must_use]
    pub fn bad_in(&self, number: BuildNumber) -> Vec<Contained<'_>> {
        self.bad_in_each(number..=number).remove(&number).unwrap_or_default()
    }

    /// [`Self::bad_in`] for each of these builds; builds without any are left out.
    #[must_use]
    pub fn bad_in_each(
        &self,
        numbers: impl RangeBounds<BuildNumber>,
    ) -> BTreeMap<BuildNumber, Vec<Contained<'_>>> {
        let mut bad_in: BTreeMap<_, Vec<_>> = BTreeMap::new();
        if self.quarantine.is_empty() {
            return bad_in;
        }
        let lines = BuildLines::of(self, |sha| self.quarantine.contains_key(sha));
        for quarantined in self.quarantine.values() {
            let mut first_safe = None;
            let presences_of_effect = lines.presences_of_effect(&quarantined.commit);
            for (build, presence) in lines.builds().zip(presences_of_effect).rev() {
                if presence.counts() && numbers.contains(&build.number) {
                    let contained = Contained { quarantined, doubt: presence.doubt(), first_safe };
                    bad_in.entry(build.number).or_default().push(contained);
                }
                if !presence.counts() && !build.off_trunk {
                    first_safe = Some(build.number);
                }
            }
        }
        bad_in
    }

    /// The listed commits whose sha starts with `beginning`, each with the first build that lists it.
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

    /// The commit that reverted this one or seems to have done so, as of the newest build on the trunk or, with `off_trunk`,
    /// off it.
    #[must_use]
    pub fn reverted_by(&self, commit: &BadCommit, off_trunk: bool) -> Option<RevertedBy> {
        let lines = BuildLines::of(self, |sha| *sha == commit.sha);
        let presences_of_effect = lines.builds().zip(lines.presences_of_effect(commit));
        let mut of_line = presences_of_effect.filter(|(build, _)| build.off_trunk == off_trunk);
        match of_line.next_back()? {
            (_, Presence::Reverted { by, build }) => {
                Some(RevertedBy { by: by.clone(), build, evidence: RevertEvidence::Sure })
            }
            (_, Presence::MayHave(Doubt::Unsure { by, build, evidence, is_back: false })) => {
                Some(RevertedBy { by: by.clone(), build, evidence })
            }
            _ => None,
        }
    }

    /// Whether each build contains a commit, reverted or not; `None` where it is uncertain.
    #[must_use]
    pub fn builds_with(&self, commit: &BadCommit) -> BTreeMap<BuildNumber, Option<bool>> {
        let lines = BuildLines::of(self, |sha| *sha == commit.sha);
        let has = |presence: Presence<'_>| match presence {
            Presence::MayHave(_) => None,
            presence => Some(presence.counts()),
        };
        let presences = lines.presences(commit).into_iter().map(has);
        lines.builds().map(|build| build.number).zip(presences).collect()
    }

    /// The parent of the next build. Call this before the build is inserted.
    fn descent(&self) -> Descent {
        let after = self.newest_build().map(|build| build.number);
        let is_counted = match self.trunk {
            Trunk::Continues => after.is_some(),
            Trunk::Rewritten { onto } => after.is_some() && onto == after,
        };
        Descent { after, is_counted }
    }

    /// Whether the commits of a build were counted from another build. Else it contains a past that no build has.
    #[must_use]
    pub fn is_counted(&self, build: BuildNumber) -> bool {
        self.descents.get(&build).is_some_and(|descent| descent.is_counted)
    }

    /// Records the parent of a new build.
    pub(super) fn record_descent(&mut self, build: BuildNumber) {
        let descent = self.descent();
        self.descents.insert(build, descent);
        self.trunk = Trunk::Continues;
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
