//! The branches, tags and releases of the repository of the GitHub of tests.

use std::collections::BTreeMap;

/// A test tells which commits there are, and where its branches are.
#[derive(Debug, Clone, Default)]
pub struct FakeGit {
    /// The commits of the trunk, the oldest first. Each has the one before it as its parent.
    pub commits: Vec<String>,
    /// `heads/production` or `tags/v1`, with what they name.
    pub refs: BTreeMap<String, String>,
    /// The names of the releases, which are their tags.
    pub releases: Vec<String>,
    /// Refs that begin so are protected by a rule of the repository.
    pub protected: Option<String>,
}

/// How a commit stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommitOrder {
    Ahead(usize),
    Behind(usize),
    Identical,
    Diverged,
}

impl FakeGit {
    /// How the second stands to the first. What is not of the trunk has nothing in common with it.
    pub(super) fn order(&self, base: &str, head: &str) -> CommitOrder {
        let at = |sha: &str| self.commits.iter().position(|commit| commit == sha);
        match (at(base), at(head)) {
            _ if base == head => CommitOrder::Identical,
            (Some(base), Some(head)) if base < head => CommitOrder::Ahead(head - base),
            (Some(base), Some(head)) => CommitOrder::Behind(base - head),
            _ => CommitOrder::Diverged,
        }
    }

    pub(super) fn has(&self, sha: &str) -> bool {
        self.commits.iter().any(|commit| commit == sha)
    }
}
