//! Whether anybody looks at the demo: its engine ends when nobody has asked for anything for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Longer than a console waits for news, so that one that only watches counts as present.
const AWAY_AFTER: Duration = Duration::from_secs(30);

/// When the last question came.
#[derive(Debug, Clone)]
pub struct DemoPresence {
    last: Arc<Mutex<Instant>>,
}

impl DemoPresence {
    /// Somebody is there now.
    pub fn new() -> Self {
        Self { last: Arc::new(Mutex::new(Instant::now())) }
    }

    /// Somebody asked for something.
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
    async fn a_question_counts_as_somebody_being_there_for_a_while() {
        let presence = DemoPresence::new();
        assert!(presence.is_watched());
        tokio::time::advance(AWAY_AFTER).await;
        assert!(!presence.is_watched());
        presence.note();
        assert!(presence.is_watched());
    }
}
