//! Whether the demo is watched. Its engine ends when no request came for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Longer than the long poll of an idle console, so that an open console counts as watching.
const AWAY_AFTER: Duration = Duration::from_secs(30);

/// The time of the last request.
#[derive(Debug, Clone)]
pub struct DemoPresence {
    last: Arc<Mutex<Instant>>,
}

impl DemoPresence {
    /// Counts as watched from now on.
    pub fn new() -> Self {
        Self { last: Arc::new(Mutex::new(Instant::now())) }
    }

    /// Records a request.
    pub fn note(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub fn is_watched(&self) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.elapsed() < AWAY_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::{AWAY_AFTER, DemoPresence};

    #[tokio::test(start_paused = true)]
    async fn a_request_counts_as_watching_for_a_while() {
        let presence = DemoPresence::new();
        assert!(presence.is_watched());
        tokio::time::advance(AWAY_AFTER).await;
        assert!(!presence.is_watched());
        presence.note();
        assert!(presence.is_watched());
    }
}
