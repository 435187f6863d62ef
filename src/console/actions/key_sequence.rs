//! One key, or two that are pressed one after the other.

use std::fmt;
use std::str::FromStr;

use crate::console::actions::chord::{Chord, InvalidChord};

/// One key, or two that are pressed one after the other: `P`, `g g`, `ctrl-x p`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeySequence {
    pub first: Chord,
    pub then: Option<Chord>,
}

impl KeySequence {
    /// The key, if it is one alone.
    #[must_use]
    pub fn single(self) -> Option<Chord> {
        self.then.is_none().then_some(self.first)
    }

    /// As the screen shows it: `PgDn`, `g g`.
    #[must_use]
    pub fn shown(self) -> String {
        let then = self.then.map(|then| format!(" {}", then.shown())).unwrap_or_default();
        format!("{}{then}", self.first.shown())
    }

    /// Whether only one of both can be told from the other when keys are pressed: they are the same, or one begins the
    /// other.
    #[must_use]
    pub fn clashes(self, other: Self) -> bool {
        let is_begun = self.then.is_none() || other.then.is_none();
        self.first == other.first && (is_begun || self.then == other.then)
    }

    /// Its keys.
    pub fn chords(self) -> impl Iterator<Item = Chord> {
        std::iter::once(self.first).chain(self.then)
    }
}

impl From<Chord> for KeySequence {
    fn from(first: Chord) -> Self {
        Self { first, then: None }
    }
}

impl fmt::Display for KeySequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.then.map_or(Ok(()), |then| write!(f, " {then}"))
    }
}

impl FromStr for KeySequence {
    type Err = InvalidChord;

    fn from_str(text: &str) -> Result<Self, InvalidChord> {
        match text.split_once(' ') {
            None => Ok(Self { first: text.parse()?, then: None }),
            Some((first, then)) => Ok(Self { first: first.parse()?, then: Some(then.parse()?) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_keys_are_read_as_they_are_written() {
        for text in ["P", "g g", "ctrl-x p", "space space"] {
            assert_eq!(text.parse::<KeySequence>().unwrap().to_string(), text);
        }
        assert_eq!("ctrl-x pgdn".parse::<KeySequence>().unwrap().shown(), "ctrl-x PgDn");
        for wrong in ["", " ", "g ", " g", "g g g", "g  g"] {
            assert!(wrong.parse::<KeySequence>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_that_begins_two_keys_clashes_with_them() {
        let keys = |text: &str| text.parse::<KeySequence>().unwrap();
        assert!(keys("g").clashes(keys("g g")) && keys("g g").clashes(keys("g")));
        assert!(keys("g g").clashes(keys("g g")));
        assert!(!keys("g g").clashes(keys("g x")) && !keys("g").clashes(keys("x")));
    }
}
