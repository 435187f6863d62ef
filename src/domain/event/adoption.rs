//! What a person states about production: the commit that runs there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::commit::Commit;
use crate::domain::ids::{BuildNumber, DeploymentId, Sha};
use crate::domain::recipe::Recipe;

/// The commit that production runs, as a person says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Adoption {
    pub build: BuildNumber,
    pub sha: Sha,
    /// The commit itself, if it had no build before. It is older than the first build then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    /// Whether the commit declares no steps to bring it back, so that no rollback can go to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_way_back: bool,
    /// What it needs to be deployed, as its own commit declares it; absent if it is recorded with its build, or if its
    /// service file cannot be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Box<Recipe>>,
    /// For each commit that was in quarantine then, whether this one contains it. Asked only for a commit without a build.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bad: BTreeMap<Sha, bool>,
    /// The mistaken statement that it corrects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<DeploymentId>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}
