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

/// The action in question. Only a promote can be frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FreezeAction {
    Promote,
    Rollback,
    Abort,
}

/// Whether promotes are frozen.
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
    /// No freeze.
    #[default]
    Open,
    /// A freeze that only warns.
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

    /// The state for a service with this `policy.freeze`.
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

/// Whether an instant is frozen, by what, and until when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Evaluation {
    pub state: FreezeState,
    /// The windows that cover the instant.
    pub matches: Vec<FreezeWindow>,
    /// Frozen or warned: the end of the run of freezes that overlap or touch. Open: the start of the next freeze.
    /// Nothing if it is unknown.
    pub until: Option<DateTime<Utc>>,
    /// When the state changes, or nothing if that is unknown. Unlike `until`, a freeze that only warns does not extend
    /// one that blocks.
    #[serde(default)]
    pub lasts_until: Option<DateTime<Utc>>,
    /// When the next freeze starts or ends.
    pub next_change: Option<DateTime<Utc>>,
    /// Problems of the rules, now or soon, such as a table that ends or a feed that is too old.
    pub problems: Vec<String>,
}

impl Evaluation {
    /// The window that ends last, of those that decide the state.
    #[must_use]
    pub fn longest(&self) -> Option<&FreezeWindow> {
        let decisive = self.matches.iter().filter(|m| FreezeState::from(m.policy) == self.state);
        decisive.rev().max_by_key(|window| window.until.unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// Why, in one line; empty when open.
    #[must_use]
    pub fn why(&self) -> String {
        let mut all: Vec<_> = self.matches.iter().map(|window| window.why.as_str()).collect();
        all.sort_unstable();
        all.dedup();
        all.join(" + ")
    }
}

/// A time window of a freeze, `[from, until)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FreezeWindow {
    /// The id of its freeze; `SERVICE/ID` for one of a service's own file.
    pub freeze: String,
    /// What a promote in it needs.
    pub policy: FreezeMode,
    pub from: DateTime<Utc>,
    /// Exclusive; nothing if the end is unknown.
    pub until: Option<DateTime<Utc>>,
    pub reason: String,
    /// Why, in one line that starts with the id.
    pub why: String,
}

impl FreezeWindow {
    #[must_use]
    pub fn covers(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}
