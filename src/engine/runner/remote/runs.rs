//! The runs of a repository at another engine, whoever started them, as an observer sees them.

use chrono::{DateTime, Utc};

/// A run that may be an environment's deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryRun {
    pub id: u64,
    /// 1, and one more each time somebody starts it again.
    pub attempt: u64,
    /// The name of its file in `.github/workflows`.
    pub workflow: String,
    pub event: String,
    /// The branch or tag that it is of.
    pub branch: String,
    pub sha: String,
    pub title: String,
    /// Its page, for people.
    pub page: Option<String>,
    /// The login of whoever started this attempt; empty if that is not told.
    pub by: String,
    pub started_at: Option<DateTime<Utc>>,
    pub state: PartState,
    /// Only where they were asked for.
    pub jobs: Vec<RunJob>,
}

impl RepositoryRun {
    /// What names this attempt among all runs of its engine.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.id, self.attempt)
    }
}

/// A job of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunJob {
    pub name: String,
    pub started_at: Option<DateTime<Utc>>,
    pub state: PartState,
}

/// How a run or one of its jobs stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartState {
    /// It waits for a machine, for a person, or for others.
    Waiting,
    Running,
    /// It ended with this word, at this time by the clock of its engine.
    Ended {
        word: String,
        at: Option<DateTime<Utc>>,
    },
}

impl PartState {
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Ended { .. })
    }

    /// The word with which it ended.
    #[must_use]
    pub fn ended_as(&self) -> Option<&str> {
        match self {
            Self::Ended { word, .. } => Some(word),
            Self::Waiting | Self::Running => None,
        }
    }
}
