//! How long some work of the engine takes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::engine_metrics::Durations;

/// The times since the engine started. Clones share them.
#[derive(Debug, Clone)]
pub struct WorkTimes(Arc<Mutex<Durations>>);

impl WorkTimes {
    pub fn new(none: Durations) -> Self {
        Self(Arc::new(Mutex::new(none)))
    }

    pub fn add(&self, took: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(took);
    }

    /// Does it, and notes how long it took unless it failed.
    pub fn measure<T, E>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let begun = Instant::now();
        let done = work()?;
        self.add(begun.elapsed());
        Ok(done)
    }

    pub fn read(&self) -> Durations {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
