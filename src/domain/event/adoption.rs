//! What a person states about production: the commit that runs there.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::commit::Commit;
use crate::domain::ids::{BuildNumber, Sha};

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
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}
