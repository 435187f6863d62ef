//! A change that no deployment made: somebody noted it, or an observed command printed something else.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What kind of thing was changed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    Flag,
    Config,
    Infra,
    Data,
    /// Something of others: a provider, a network, a partner.
    External,
}

impl NoteKind {
    pub const ALL: [Self; 5] = [Self::Flag, Self::Config, Self::Infra, Self::Data, Self::External];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Config => "config",
            Self::Infra => "infra",
            Self::Data => "data",
            Self::External => "external",
        }
    }
}

impl fmt::Display for NoteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for NoteKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            format!("unknown kind {name:?}; the kinds are {all}")
        })
    }
}

/// A change beside the deployments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeNote {
    pub kind: NoteKind,
    /// What was changed: `search-v2 to 100 %`.
    pub what: String,
    /// Who changed it, if that is not the actor of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// How to undo it: a command, or a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// Where more about it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// When it was changed, if it was noted afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<DateTime<Utc>>,
    /// What an observed command printed, if nobody noted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<OutputChange>,
}

/// An observed command printed something else than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputChange {
    /// The name of its `[[observe]]`.
    pub name: String,
    /// The digest of what it prints now, with its secrets masked.
    pub digest: String,
    /// The lines that are gone, after `-`, and those that are new, after `+`. Secrets are masked; a long one is cut.
    pub diff: String,
}

impl ChangeNote {
    /// `flag search-v2 to 100 %`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} {}", self.kind, self.what)
    }
}
