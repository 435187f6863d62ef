//! Whether a person had the time to see what came on screen by itself: a key that was pressed before is not about it.

use tokio::time::Instant;

use crate::console::model::dialog::progress::QUIET;

/// Since when it is on screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen(Option<Instant>);

impl Seen {
    pub fn drawn(&mut self, at: Instant) {
        self.0.get_or_insert(at);
    }

    /// Whether who pressed a key at that instant had seen it.
    #[must_use]
    pub fn before(self, key: Instant) -> bool {
        self.counts_at().is_some_and(|counts| key >= counts)
    }

    /// From when on it counts as seen. At that instant the keyboard is looked at: only a key that comes later is about it.
    #[must_use]
    pub fn counts_at(self) -> Option<Instant> {
        self.0.map(|since| since + QUIET)
    }
}
