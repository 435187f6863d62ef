//! The ways in which a step has a workflow of GitHub deploy without a dispatch.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is done in the repository, so that its workflow deploys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GitHubWay {
    /// The run of the commit that waits for a review of this environment is approved, as the person who asked for it.
    Approve { environment: String },
    /// A tag is made at the commit, or a release with that tag.
    Tag {
        /// It has placeholders, among them one that no other build or no other deployment has.
        name: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        release: bool,
    },
    /// A branch is moved to the commit, forwards only.
    Branch { branch: String },
}

impl GitHubWay {
    /// The event that starts the run, if it starts one.
    #[must_use]
    pub fn event(&self) -> Option<&'static str> {
        match self {
            Self::Approve { .. } => None,
            Self::Tag { release: true, .. } => Some("release"),
            Self::Tag { .. } | Self::Branch { .. } => Some("push"),
        }
    }
}
