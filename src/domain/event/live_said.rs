//! What a service itself says that an environment runs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::observed::{OlderBuild, UnknownCommit};
use crate::domain::ids::{BuildNumber, Environment, Sha};

/// The answer of a service changed, or it is another than the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveSaid {
    pub environment: Environment,
    /// The host that was asked.
    pub host: String,
    pub says: SaidCommit,
}

/// What is said to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SaidCommit {
    Build {
        build: BuildNumber,
        sha: Sha,
        /// The commit, if it was no build before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        older: Option<Box<OlderBuild>>,
    },
    /// A commit that is no build, or several in turn.
    Unknown(UnknownCommit),
}

impl SaidCommit {
    /// Its build, if one is known.
    #[must_use]
    pub fn build(&self) -> Option<BuildNumber> {
        match self {
            Self::Build { build, .. } => Some(*build),
            Self::Unknown(_) => None,
        }
    }

    /// Whether both are the same commit, whatever else is known of it.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Build { sha, .. }, Self::Build { sha: of, .. }) => sha == of,
            (Self::Unknown(commit), Self::Unknown(of)) => commit == of,
            _ => false,
        }
    }
}
