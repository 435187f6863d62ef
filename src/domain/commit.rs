//! A commit as the plan needs it, and the range of commits between two builds.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::Sha;
use super::people::{Identity, People};
use super::pull_request::PullRequest;

/// One commit, its author and co-authors already passed through the mailmap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Commit {
    pub sha: Sha,
    /// How many parents it has; two or more make it a merge.
    pub parents: u32,
    pub author: Identity,
    /// From the `Co-authored-by` trailers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub co_authors: Vec<Identity>,
    /// When it was committed, by the committer's clock.
    pub at: DateTime<Utc>,
    /// The first line of its message, at most 1,000 characters.
    pub subject: String,
    /// The pull request that it came from, if its message names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<PullRequest>,
    /// The commits that its message says it reverts, in git's own words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reverts: Vec<Sha>,
    /// The paths it touches, relative to its parent; of a merge only those that it changed itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

impl Commit {
    /// The people who wrote this change: author and co-authors without bots. Who only pressed the merge button
    /// did not write what a merge commit brings in, so its author counts only where it has changes of its own.
    pub fn writers<'a>(&'a self, people: &'a People) -> impl Iterator<Item = &'a Identity> {
        let wrote = self.parents < 2 || !self.files.is_empty();
        let author = wrote.then_some(&self.author);
        author.into_iter().chain(&self.co_authors).filter(|who| !people.is_bot(who))
    }
}

/// One commit that takes another back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Revert {
    pub by: Sha,
    pub of: Sha,
}

/// The commits that are reachable from `to` and not from `from`, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Range {
    /// Nothing when nothing is live yet: then the commits are all that trunkline has seen.
    pub from: Option<Sha>,
    pub to: Sha,
    pub commits: Vec<Commit>,
    /// How many more there are beyond the ones listed.
    #[serde(default)]
    pub more: u32,
    /// Commits reachable from `from` and not from `to`: those of a trunk that was rewritten, or those that an older
    /// candidate does not have yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<Commit>,
}

impl Range {
    #[must_use]
    pub fn len(&self) -> usize {
        self.commits.len() + self.more as usize
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many different paths its commits touch.
    #[must_use]
    pub fn files(&self) -> usize {
        self.commits.iter().flat_map(|c| &c.files).collect::<BTreeSet<_>>().len()
    }

    /// What its writers are called, each once, in the order of their newest commit.
    #[must_use]
    pub fn writers<'a>(&'a self, people: &'a People) -> Vec<&'a str> {
        let mut names = Vec::new();
        for who in self.commits.iter().flat_map(|c| c.writers(people)) {
            let name = people.call(who);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}
