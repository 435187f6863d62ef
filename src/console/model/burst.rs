//! Keys that came faster than a person presses them, as in a paste that the terminal does not mark as one.

use tokio::time::Instant;

use crate::console::model::ticket::Ticket;
use crate::terminal::input::Crowd;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Burst {
    /// What came with the key at hand.
    pub crowd: Crowd,
    /// It was said already that the keys of this burst start nothing.
    pub told: bool,
    /// The dialog that the key before opened, and when: what comes right behind that key closes it again.
    pub opened: Option<(Ticket, Instant)>,
}

impl Burst {
    /// Whether the key at hand was not pressed by itself.
    #[must_use]
    pub fn is_now(self) -> bool {
        self.crowd != Crowd::Alone
    }
}
