//! The page of what a rollback left behind, with a cursor on one item.

use crate::domain::ids::{Environment, Seq};
use crate::domain::leftovers::{Leftover, Leftovers};
use crate::domain::snapshot::ServiceSnapshot;

/// The list of one hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChecklistPage {
    /// Another hold has another list, under the same numbers.
    pub hold: Seq,
    pub row: usize,
}

impl ChecklistPage {
    /// The list as it is now, unless its hold is gone.
    #[must_use]
    pub fn left<'a>(&self, snapshot: Option<&'a ServiceSnapshot>) -> Option<&'a Leftovers> {
        let hold = snapshot?.holds.get(&Environment::Production)?;
        hold.left.as_deref().filter(|_| hold.id == self.hold)
    }

    /// The item at the cursor, with its number.
    #[must_use]
    pub fn item<'a>(&self, snapshot: Option<&'a ServiceSnapshot>) -> Option<(u32, &'a Leftover)> {
        self.left(snapshot)?.numbered().nth(self.row)
    }
}
