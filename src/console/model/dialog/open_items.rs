//! What a rollback left behind and nobody has ticked, as the dialog that releases its hold shows it.

use crate::domain::leftovers::Leftovers;
use crate::domain::stops::Hold;

/// The numbers of what is open, and whether the person was asked once more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenItems {
    pub numbers: Vec<u32>,
    pub sure: bool,
}

impl OpenItems {
    #[must_use]
    pub fn of(hold: &Hold) -> Self {
        Self { numbers: open(hold).collect(), sure: false }
    }

    /// Whether something is open that was not when the dialog was opened.
    #[must_use]
    pub fn is_outdated(&self, hold: &Hold) -> bool {
        open(hold).any(|number| !self.numbers.contains(&number))
    }

    /// What stays open by the person's word: nothing before that was asked for.
    #[must_use]
    pub fn left_open(&self) -> Vec<u32> {
        if self.sure { self.numbers.clone() } else { Vec::new() }
    }

    /// Asks once more, if something is open and that was not asked yet.
    pub fn ask_once_more(&mut self, hold: &Hold) -> bool {
        let asks = !self.sure && open(hold).next().is_some();
        self.sure |= asks;
        asks
    }
}

fn open(hold: &Hold) -> impl Iterator<Item = u32> {
    let left = hold.left.as_deref().into_iter().flat_map(Leftovers::open);
    left.map(|(number, _)| number)
}
