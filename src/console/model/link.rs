//! The connection to the backend: how old the data is, and when it is asked again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

/// The state of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// When the backend last answered.
    pub last_answer: Instant,
    pub state: LinkState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// There was no answer yet.
    Connecting,
    Up,
    Down {
        why: String,
        /// How many tries in a row failed.
        tries: u32,
        retry: Instant,
    },
}

/// What is on screen was seen by an earlier console, and comes from the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FromDisk {
    /// When it was seen last, and how long ago that was when it was read.
    pub seen: DateTime<Utc>,
    pub ago: Duration,
    pub read: Instant,
}

impl FromDisk {
    #[must_use]
    pub fn age(&self, at: Instant) -> Duration {
        self.ago + at.saturating_duration_since(self.read)
    }
}

impl Link {
    #[must_use]
    pub fn new(at: Instant) -> Self {
        Self { last_answer: at, state: LinkState::Connecting }
    }

    /// The data's age, once it is beyond what may be acted on.
    #[must_use]
    pub fn stale(&self, at: Instant, after: Duration) -> Option<Duration> {
        let age = at.saturating_duration_since(self.last_answer);
        (age >= after).then_some(age)
    }

    /// In how long the next try is made, while there is no connection.
    #[must_use]
    pub fn retry_in(&self, at: Instant) -> Option<Duration> {
        match &self.state {
            LinkState::Down { retry, .. } => Some(retry.saturating_duration_since(at)),
            LinkState::Connecting | LinkState::Up => None,
        }
    }
}
