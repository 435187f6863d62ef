//! A deployment that GitHub keeps, made by a job's environment or by somebody else's tool.

use chrono::{DateTime, Utc};

/// What somebody deploys, for `GitHub::deploy`.
#[derive(Debug, Clone, Copy)]
pub struct DeploymentOf<'a> {
    pub repository: &'a str,
    pub environment: &'a str,
    pub sha: &'a str,
    /// The branch, the tag or the commit.
    pub at: &'a str,
    pub creator: &'a str,
    /// The workflow run that makes it.
    pub run: Option<u64>,
}

impl Default for DeploymentOf<'_> {
    fn default() -> Self {
        let (repository, environment) = (super::REPOSITORY, "production");
        Self { repository, environment, sha: "", at: "main", creator: "bob", run: None }
    }
}

#[derive(Debug, Clone)]
pub struct FakeDeployment {
    pub id: u64,
    pub repository: String,
    pub environment: String,
    pub sha: String,
    pub at: String,
    pub creator: String,
    pub run: Option<u64>,
    /// Nobody is told of it any more.
    pub is_forgotten: bool,
    pub created_at: DateTime<Utc>,
    /// The oldest first.
    pub statuses: Vec<FakeDeploymentStatus>,
}

#[derive(Debug, Clone)]
pub struct FakeDeploymentStatus {
    pub id: u64,
    /// Such as `success` or `inactive`.
    pub state: String,
    pub creator: String,
    pub at: DateTime<Utc>,
}
