//! A clock that a test sets.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use trunkline::engine::clock::Clock;

/// The machine's clock, set by as much as a test wants.
pub struct SetClock {
    begun: (DateTime<Utc>, Instant),
    set_by: Mutex<TimeDelta>,
}

impl SetClock {
    pub fn new() -> Arc<Self> {
        let noon = DateTime::from_timestamp(1_795_435_200, 0).unwrap();
        Arc::new(Self { begun: (noon, Instant::now()), set_by: Mutex::default() })
    }

    pub fn set(&self, by: TimeDelta) {
        *self.set_by.lock().unwrap() += by;
    }
}

impl Clock for SetClock {
    fn now(&self) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(self.begun.1.elapsed()).unwrap();
        self.begun.0 + passed + *self.set_by.lock().unwrap()
    }

    fn steady(&self) -> Option<Duration> {
        Some(self.begun.1.elapsed())
    }
}
