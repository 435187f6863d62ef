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

/// A deployment that GitHub keeps, made by a workflow run or by anybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryDeployment {
    pub id: u64,
    pub sha: String,
    /// The login of whoever made it; empty if that is not told.
    pub by: String,
    /// Whether a workflow run made it.
    pub is_of_run: bool,
    /// That run and what started it, as far as they are told.
    pub run: Option<u64>,
    pub event: Option<String>,
    pub created_at: Option<DateTime<Utc>>,
    /// What was said of it, the oldest first. GitHub forgets that after 90 days, apart from the last.
    pub words: Vec<DeploymentWord>,
}

/// How a deployment stood at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentWord {
    pub id: u64,
    /// Such as `in_progress` or `success`; nobody keeps the words together.
    pub word: String,
    pub at: DateTime<Utc>,
    /// The login of who said it.
    pub by: String,
    pub page: Option<String>,
    /// The workflow run that its page is of.
    pub run: Option<u64>,
}

impl DeploymentWord {
    /// Whether it says how the deployment ended.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(self.word.as_str(), "success" | "failure" | "error")
    }
}
