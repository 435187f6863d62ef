//! A commit as the plan needs it, and the range of commits between two builds.

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::Sha;
use super::people::{Identity, People};
use super::pull_request::PullRequest;

/// One commit. Its author and co-authors are mapped by the mailmap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Commit {
    pub sha: Sha,
    /// How many parents it has. A commit with two or more is a merge.
    pub parents: u32,
    pub author: Identity,
    /// The people whom its message names as its writers. One without an address has an empty one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub co_authors: Vec<Identity>,
    /// Its message names more people than are listed, or is too long to be read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_unread_people: bool,
    /// When it was committed, by the committer's clock.
    pub at: DateTime<Utc>,
    /// The first line of its message, at most 1,000 characters.
    pub subject: String,
    /// The pull request that it came from, if its message names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<PullRequest>,
    /// The commits whose ids its message names as reverted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reverts: Vec<Sha>,
    /// The paths that it changes relative to its parent; for a merge, only those that the merge itself changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Whether it changes none of the paths that make builds of the service. It ships with a build all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub beside: bool,
}

impl Commit {
    /// The people who wrote this change: author and co-authors without bots. The author of a merge commit did not write
    /// the merged changes, so they count only if the merge has changes of its own.
    pub fn writers<'a>(&'a self, people: &'a People) -> impl Iterator<Item = &'a Identity> {
        let has_own_changes = self.parents < 2 || !self.files.is_empty();
        let author = has_own_changes.then_some(&self.author);
        author.into_iter().chain(&self.co_authors).filter(|who| !people.is_bot(who))
    }
}

/// One commit that reverts another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Revert {
    pub by: Sha,
    pub of: Sha,
    #[serde(default, skip_serializing_if = "RevertEvidence::is_sure")]
    pub evidence: RevertEvidence,
}

impl Revert {
    /// A revert that is sure.
    #[must_use]
    pub fn sure(by: Sha, of: Sha) -> Self {
        Self { by, of, evidence: RevertEvidence::Sure }
    }
}

/// How it is known that a commit reverts another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RevertEvidence {
    /// Git's own sentence names the commit, or the change is the exact opposite.
    #[default]
    Sure,
    /// Its message names the commit in other words.
    Message,
    /// Its message names the pull request of the commit.
    PullRequest,
    /// Its title quotes the title of the commit.
    Title,
    /// Its message says that it reverts a part of the commit.
    Part,
}

impl RevertEvidence {
    #[must_use]
    pub fn is_sure(&self) -> bool {
        *self == Self::Sure
    }
}

impl fmt::Display for RevertEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sure => "by its id",
            Self::Message => "by its message, and changes something else",
            Self::PullRequest => "by its pull request's number",
            Self::Title => "by its title",
            Self::Part => "in part",
        })
    }
}

/// The commits that are reachable from `to` and not from `from`, newest first: all that steps can see in the checkout,
/// also beside the service's own paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Range {
    /// Absent if nothing is live yet. The commits are then all that trunkline has seen.
    pub from: Option<Sha>,
    pub to: Sha,
    pub commits: Vec<Commit>,
    /// How many more commits there are than the listed ones.
    #[serde(default)]
    pub more: u32,
    /// How many of those change none of the service's paths.
    #[serde(default)]
    pub more_beside: u32,
    /// The commits reachable from `from` and not from `to`. There are some if the trunk was rewritten or `to` is older.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Commit>,
    /// For a promote, the reverts and fixes after `to` on the trunk, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later: Vec<LaterChange>,
}

/// A commit that reverts or fixes another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LaterChange {
    pub by: Sha,
    pub of: Sha,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_fix: bool,
    #[serde(default, skip_serializing_if = "RevertEvidence::is_sure")]
    pub evidence: RevertEvidence,
}

impl Range {
    /// These commits, and nothing that is not listed, lost or later.
    #[must_use]
    pub fn of(from: Option<Sha>, to: Sha, commits: Vec<Commit>) -> Self {
        let (lost, later) = (Vec::new(), Vec::new());
        Self { from, to, commits, more: 0, more_beside: 0, lost, later }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.commits.len() + self.more as usize
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The listed commits that change the service's paths.
    pub fn own(&self) -> impl Iterator<Item = &Commit> {
        self.commits.iter().filter(|commit| !commit.beside)
    }

    /// The listed commits that change none of the service's paths and ship with the build all the same.
    pub fn beside(&self) -> impl Iterator<Item = &Commit> {
        self.commits.iter().filter(|commit| commit.beside)
    }

    /// How many commits change the service's paths, listed or not.
    #[must_use]
    pub fn own_len(&self) -> usize {
        self.len() - self.beside_len()
    }

    /// How many commits change none of the service's paths, listed or not.
    #[must_use]
    pub fn beside_len(&self) -> usize {
        self.beside().count() + self.more_beside as usize
    }

    /// How many different paths the commits touch that change the service's paths.
    #[must_use]
    pub fn files(&self) -> usize {
        self.own().flat_map(|c| &c.files).collect::<BTreeSet<_>>().len()
    }

    /// The names of its writers, each once, ordered by their newest commit.
    #[must_use]
    pub fn writers<'a>(&'a self, people: &'a People) -> Vec<&'a str> {
        writers(&self.commits, people)
    }
}

/// The names of the writers of commits, each once, in their order.
pub fn writers<'a>(
    commits: impl IntoIterator<Item = &'a Commit>,
    people: &'a People,
) -> Vec<&'a str> {
    let mut names = Vec::new();
    for who in commits.into_iter().flat_map(|c| c.writers(people)) {
        let name = people.call(who);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
