//! How a step ended.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::event::StepOutcome;
use crate::domain::time::millis;

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub outcome: StepOutcome,
    #[serde(with = "millis")]
    pub took: Duration,
    /// When its run ended, by the clock of the other engine that ran it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
}

impl Status {
    pub fn not_started(why: impl Into<String>) -> Self {
        let outcome = StepOutcome::NotStarted(why.into());
        Self { outcome, took: Duration::ZERO, ended_at: None }
    }
}
