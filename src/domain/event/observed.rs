//! A deployment that another engine runs and trunkline only sees, and one of a commit that no build is of.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::commit::Commit;
use crate::domain::ids::{BuildNumber, Environment, Sha};
use crate::domain::recipe::Recipe;
use crate::domain::remote::EngineName;

/// What was seen of a deployment when it was first seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObservedDeployment {
    pub environment: Environment,
    pub build: BuildNumber,
    pub sha: Sha,
    /// The engine that runs it; old records do not name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineName>,
    /// Its name at its engine.
    pub run: String,
    /// Its page for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// When it started, by the clock of its engine.
    pub at: DateTime<Utc>,
    /// The commit, if it was no build before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older: Option<Box<OlderBuild>>,
    /// Whether it had ended before trunkline looked there for the first time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken_over: bool,
}

/// A commit from before the first build, which is a build since it was seen deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OlderBuild {
    pub commit: Commit,
    /// Whether it declares no steps to bring it back, so that no rollback can go to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_way_back: bool,
    /// What it needs to be deployed, as it declares it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Box<Recipe>>,
    /// For each commit that was in quarantine then, whether this one contains it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bad: BTreeMap<Sha, bool>,
}

/// The same of a deployment of which nobody knows the build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnknownDeployment {
    pub environment: Environment,
    pub engine: EngineName,
    pub run: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    pub at: DateTime<Utc>,
    pub commit: UnknownCommit,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken_over: bool,
}

/// A deployed commit that is no build, or that nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnknownCommit {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha: Option<Sha>,
    /// Why the build is not known.
    pub why: String,
}

/// `3f2a9c1, which is no build of main`, `an unknown commit, because its title names none`
impl fmt::Display for UnknownCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sha {
            Some(sha) => write!(f, "{}, {}", sha.short(), self.why),
            None => write!(f, "an unknown commit, because {}", self.why),
        }
    }
}
