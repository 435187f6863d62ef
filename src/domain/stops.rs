//! Freezes and holds: both stop promotes for a time.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{DeploymentId, Seq};
use super::leftovers::Leftovers;
use super::people::Actor;
use crate::calendar::{
    self, Evaluation, FreezeMode, FreezeOutlook, FreezeWindow, evaluate_windows,
};

/// A freeze set by hand: promotes need an override in `[from, until)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Freeze {
    pub id: Seq,
    pub from: DateTime<Utc>,
    /// Exclusive. Without it, the freeze lasts until it is lifted.
    pub until: Option<DateTime<Utc>>,
    pub reason: String,
    pub by: Actor,
}

impl Freeze {
    #[must_use]
    pub fn covers(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && !self.is_over(at)
    }

    /// This freeze as a calendar window.
    #[must_use]
    pub fn window(&self) -> FreezeWindow {
        FreezeWindow {
            freeze: self.id.to_string(),
            policy: FreezeMode::Override,
            from: self.from,
            until: self.until,
            reason: self.reason.clone(),
            why: format!("{} by {}: {}", self.id, self.by, self.reason),
        }
    }

    #[must_use]
    pub fn is_over(&self, at: DateTime<Utc>) -> bool {
        self.until.is_some_and(|until| until <= at)
    }
}

/// Evaluates the windows of the calendars together with the freezes set by hand.
#[must_use]
pub fn evaluate_freezes(
    windows: &[FreezeWindow],
    by_hand: &[Freeze],
    at: DateTime<Utc>,
) -> Evaluation {
    let by_hand = by_hand.iter().map(Freeze::window);
    let mut all: Vec<_> = windows.iter().cloned().chain(by_hand).collect();
    all.sort_by_key(|window| window.from);
    evaluate_windows(all, at)
}

/// The freezes at and after `at`, of the calendars and by hand.
#[must_use]
pub fn freeze_outlook(
    windows: &[FreezeWindow],
    by_hand: &[Freeze],
    at: DateTime<Utc>,
) -> FreezeOutlook {
    let by_hand: Vec<_> = by_hand.iter().map(Freeze::window).collect();
    calendar::outlook(windows.iter().chain(&by_hand), at)
}

/// A stop on an environment, until it is released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hold {
    pub id: Seq,
    pub by: Actor,
    pub at: DateTime<Utc>,
    pub reason: String,
    /// The rollback that placed it.
    pub rollback: Option<DeploymentId>,
    /// Whether it was placed together with those of all other services.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    /// What its rollback left behind, to be ticked off; absent if no rollback placed it, or nobody listed that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Box<Leftovers>>,
}
