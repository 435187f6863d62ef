//! How much larger or smaller than usual a person made each pane, and the same as a text for the disk.

use crate::console::model::pane::Pane;

/// The most steps that a pane is made larger or smaller.
const MOST: i8 = 6;
/// The least weight of a pane, so that none goes away.
const LEAST: u16 = 12;
/// How much weight a step gives or takes.
const STEP: i32 = 6;

/// The steps of each pane, in the order of their number keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PaneSizes([i8; Pane::ALL.len()]);

impl PaneSizes {
    /// By how many steps a pane is larger than usual; below zero, how many it is smaller.
    #[must_use]
    pub fn steps(self, pane: Pane) -> i32 {
        self.0[pane as usize].into()
    }

    /// What a pane gets of its column, where it would get `usual` of it.
    #[must_use]
    pub fn weight(self, pane: Pane, usual: u16) -> u16 {
        let weight = i32::from(usual) + STEP * self.steps(pane);
        u16::try_from(weight).unwrap_or(0).max(LEAST)
    }

    /// Makes a pane larger by so many steps. False if it cannot be any larger or smaller.
    pub fn change(&mut self, pane: Pane, by: i8) -> bool {
        let step = &mut self.0[pane as usize];
        let changed = step.saturating_add(by).clamp(-MOST, MOST);
        let is_new = *step != changed;
        *step = changed;
        is_new
    }

    /// Reads what [`PaneSizes::text`] wrote; what cannot be read is as usual.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut sizes = Self::default();
        let words = text.split_whitespace().map(|word| word.parse::<i8>().unwrap_or(0));
        for (step, read) in sizes.0.iter_mut().zip(words) {
            *step = read.clamp(-MOST, MOST);
        }
        sizes
    }

    #[must_use]
    pub fn text(self) -> String {
        self.0.map(|step| step.to_string()).join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again_and_nonsense_is_as_usual() {
        let mut sizes = PaneSizes::default();
        assert!(sizes.change(Pane::Log, 1) && sizes.change(Pane::Staging, -2));
        assert_eq!(PaneSizes::parse(&sizes.text()), sizes);
        assert_eq!(PaneSizes::parse("a 3000 \u{202e} - 5"), PaneSizes::parse("0 0 0 0 5"));
        assert_eq!(PaneSizes::parse(""), PaneSizes::default());
    }

    #[test]
    fn a_pane_grows_and_shrinks_to_an_end_and_never_goes_away() {
        let mut sizes = PaneSizes::default();
        while sizes.change(Pane::Production, -1) {}
        assert_eq!(sizes.weight(Pane::Production, 25), LEAST);
        assert_eq!(sizes.weight(Pane::Staging, 34), 34);
        while sizes.change(Pane::Production, 1) {}
        assert_eq!(sizes.steps(Pane::Production), i32::from(MOST));
    }
}
