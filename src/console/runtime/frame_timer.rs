//! When the next frame may be drawn: seldom enough to be cheap, at once when a person waits for it, and not before there
//! is something to show.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The shortest time between two frames; changes in between become one frame.
const FRAME: Duration = Duration::from_millis(16);
/// How long the first frame waits for what fills it, so that the screen does not come in pieces.
const OPENING: Duration = Duration::from_millis(50);

/// Waits for an instant, and not at all for one that has come: a timer waits for the end of its millisecond.
pub async fn until(instant: Instant) {
    if instant > Instant::now() {
        sleep_until(instant).await;
    }
}

#[derive(Debug)]
pub struct Pace {
    due: Instant,
    /// When a key may bring a frame forward again.
    patient_until: Instant,
    opening: bool,
}

impl Pace {
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { due: now + OPENING, patient_until: now, opening: true }
    }

    #[must_use]
    pub fn due(&self) -> Instant {
        self.due
    }

    pub fn drawn(&mut self, now: Instant) {
        self.due = now + FRAME;
        self.opening = false;
    }

    /// The first frame has nothing more to wait for.
    pub fn is_filled(&mut self, now: Instant) {
        if self.opening {
            self.due = self.due.min(now);
        }
    }

    /// A key was pressed: a frame that was drawn just before must not delay its own. Keys that come faster than frames
    /// become one frame, as everything else does.
    pub fn hurry(&mut self, now: Instant) {
        if !self.opening && self.due > now.max(self.patient_until) {
            self.due = now.max(self.patient_until);
            self.patient_until = self.due + FRAME;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn the_first_frame_waits_for_what_fills_it_but_not_long() {
        let begin = Instant::now();
        let mut pace = Pace::new(begin);
        assert_eq!(pace.due(), begin + OPENING);
        pace.hurry(begin + MILLISECOND);
        assert_eq!(pace.due(), begin + OPENING, "a key does not make it come in pieces");
        pace.is_filled(begin + 2 * MILLISECOND);
        assert_eq!(pace.due(), begin + 2 * MILLISECOND);
    }

    #[test]
    fn a_key_does_not_wait_for_the_pace_of_news_and_many_keys_keep_it() {
        let begin = Instant::now();
        let mut pace = Pace::new(begin);
        pace.drawn(begin);
        pace.hurry(begin + MILLISECOND);
        assert_eq!(pace.due(), begin + MILLISECOND);
        pace.drawn(begin + MILLISECOND);
        pace.hurry(begin + 2 * MILLISECOND);
        assert_eq!(pace.due(), begin + MILLISECOND + FRAME);
        pace.is_filled(begin + 3 * MILLISECOND);
        assert_eq!(pace.due(), begin + MILLISECOND + FRAME, "it is filled once");
    }
}
