//! The clock of the GitHub of tests: it goes as the machine's does, and a test moves it.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};

/// Clones are the same clock.
#[derive(Debug, Clone, Default)]
pub struct GitHubClock(Arc<Mutex<TimeDelta>>);

impl GitHubClock {
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now() + *self.0.lock().unwrap()
    }

    pub fn move_by(&self, step: TimeDelta) {
        *self.0.lock().unwrap() += step;
    }
}
