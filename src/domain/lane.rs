//! A lane: the runs at another engine that deploy to an environment without trunkline, and how they are told from others.

use serde::{Deserialize, Serialize};

use super::ids::Environment;
use super::remote::EngineName;

/// The lanes of a service, by environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lanes {
    pub staging: Option<Lane>,
    pub production: Option<Lane>,
}

impl Lanes {
    #[must_use]
    pub fn of(&self, environment: Environment) -> Option<&Lane> {
        match environment {
            Environment::Staging => self.staging.as_ref(),
            Environment::Production => self.production.as_ref(),
        }
    }

    /// Every lane with its environment.
    pub fn all(&self) -> impl Iterator<Item = (Environment, &Lane)> {
        let all = [Environment::Staging, Environment::Production];
        all.into_iter().filter_map(|environment| Some((environment, self.of(environment)?)))
    }
}

/// What deploys to an environment at another engine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lane {
    pub engine: EngineName,
    /// `owner/name`.
    pub repository: String,
    pub kind: LaneKind,
    /// The jobs that deploy, as the engine shows their names; all must succeed. Without any, the run as a whole counts.
    pub jobs: Vec<String>,
    /// The event that starts the runs; without one, any.
    pub event: Option<String>,
    /// The branch or tag that the runs are of, where `*` stands for any text; without one, any.
    pub of: Option<RunsOf>,
    pub commit: CommitFrom,
    /// Whether a success only hands the build over to another system, so that it does not tell what is live.
    pub hands_over: bool,
}

/// What is looked at there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LaneKind {
    /// The runs of the workflow of this file in `.github/workflows`.
    Workflow(String),
    /// The deployments that GitHub keeps of this environment, whoever made them.
    Deployments(String),
}

/// The branch or tag that the runs of a lane are of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RunsOf {
    Branch(String),
    Tag(String),
}

/// What tells which commit a run deployed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CommitFrom {
    /// The commit that the run is of, where the event that started it says that it is the deployed one.
    Event,
    /// The commit that the run is of, whatever started it.
    Head,
    /// The first group of this regular expression in the title of the run.
    Title(String),
}

impl Lane {
    /// Whether the branch or tag of a run is one of the lane.
    #[must_use]
    pub fn is_of(&self, branch_or_tag: &str, is_tag: bool) -> bool {
        match &self.of {
            None => true,
            Some(RunsOf::Branch(pattern)) => !is_tag && fits(pattern, branch_or_tag),
            Some(RunsOf::Tag(pattern)) => is_tag && fits(pattern, branch_or_tag),
        }
    }
}

/// Whether a text fits a pattern in which `*` stands for any text.
#[must_use]
pub fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            let mut ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            ends.any(|at| fits(after, &rest[at..]))
        }),
    }
}
