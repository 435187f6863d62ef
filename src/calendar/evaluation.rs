//! Questions to the rules and their answers: whether an instant is frozen, by what, and until when.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A question to the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreezeQuery<'a> {
    pub at: DateTime<Utc>,
    /// `staging` or `production`.
    pub environment: &'a str,
    pub service: &'a str,
    pub action: FreezeAction,
}

/// What a promote in a freeze needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FreezeMode {
    Override,
    Warn,
}

/// What somebody would do. Only a promote can be frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FreezeAction {
    Promote,
    Rollback,
    Abort,
}

/// What the freezes say.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FreezeState {
    /// Nothing is in the way.
    #[default]
    Open,
    /// To be read before one goes on.
    Warn,
    /// Needs a typed reason.
    Frozen,
}

impl FreezeState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Warn => "warn",
            Self::Frozen => "frozen",
        }
    }

    /// What is left of it for a service whose `policy.freeze` is this.
    #[must_use]
    pub fn under(self, mode: FreezeMode) -> Self {
        match mode {
            FreezeMode::Override => self,
            FreezeMode::Warn => self.min(Self::Warn),
        }
    }
}

impl From<FreezeMode> for FreezeState {
    fn from(mode: FreezeMode) -> Self {
        match mode {
            FreezeMode::Override => Self::Frozen,
            FreezeMode::Warn => Self::Warn,
        }
    }
}

/// What the freezes say of an instant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Evaluation {
    pub state: FreezeState,
    /// What covers the instant.
    pub matches: Vec<FreezeWindow>,
    /// When frozen or warned, the end of the whole run of freezes that overlap or touch, or nothing when nobody knows
    /// it; when open, the beginning of the next freeze, or nothing when none is known.
    pub until: Option<DateTime<Utc>>,
    /// When the state becomes another one, or nothing when nobody knows: unlike `until`, a freeze that only warns makes
    /// one that blocks no longer.
    #[serde(default)]
    pub lasts_until: Option<DateTime<Utc>>,
    /// When the next freeze begins or ends.
    pub next_change: Option<DateTime<Utc>>,
    /// What is wrong with the rules or will be soon, such as a table that ends or a feed that is too old.
    pub problems: Vec<String>,
}

impl Evaluation {
    /// What makes the state what it is, and of that what ends last.
    #[must_use]
    pub fn longest(&self) -> Option<&FreezeWindow> {
        let decisive = self.matches.iter().filter(|m| FreezeState::from(m.policy) == self.state);
        decisive.rev().max_by_key(|found| found.until.unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// Why, in one line; empty when open.
    #[must_use]
    pub fn why(&self) -> String {
        let mut all: Vec<_> = self.matches.iter().map(|found| found.why.as_str()).collect();
        all.sort_unstable();
        all.dedup();
        all.join(" + ")
    }
}

/// A stretch of time that a freeze covers, `[from, until)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FreezeWindow {
    /// Its id in the file; one of a service's own file is `SERVICE/ID`.
    pub freeze: String,
    /// What a promote in it needs.
    pub policy: FreezeMode,
    pub from: DateTime<Utc>,
    /// Exclusive; without it nobody knows the end.
    pub until: Option<DateTime<Utc>>,
    pub reason: String,
    /// Why, as one line that begins with its id.
    pub why: String,
}

impl FreezeWindow {
    #[must_use]
    pub fn covers(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}
