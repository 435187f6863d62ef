//! How a step ended.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::event::StepOutcome;
use crate::domain::time::millis;

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub outcome: StepOutcome,
    #[serde(with = "millis")]
    pub took: Duration,
}

impl Status {
    pub fn not_started(why: impl Into<String>) -> Self {
        Self { outcome: StepOutcome::NotStarted(why.into()), took: Duration::ZERO }
    }
}
