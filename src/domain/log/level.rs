//! The level of a log line, from the words at its start.

use super::Stream;

/// How many bytes of a line are searched for a level.
const WITHIN: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Error,
    Warn,
    Plain,
}

impl Level {
    /// The level of a line, from its first row on screen.
    #[must_use]
    pub fn of(stream: Stream, shown: &str) -> Self {
        if stream == Stream::Note {
            return Self::Plain;
        }
        let shown = &shown[..shown.floor_char_boundary(WITHIN)];
        let mut level = Self::Plain;
        for word in shown.split(|c: char| !c.is_ascii_alphanumeric()) {
            let starts = |start: &str| {
                word.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
            };
            let loud = stream == Stream::Err || is_shouted(word);
            if loud && ["error", "fatal", "panic"].into_iter().any(starts) {
                return Self::Error;
            }
            if is_shouted(word) && starts("fail") {
                return Self::Error;
            }
            if starts("warn") {
                level = Self::Warn;
            }
        }
        level
    }
}

/// Prose on standard output mentions errors too. There only a level in capitals counts.
fn is_shouted(word: &str) -> bool {
    word.chars().all(|c| !c.is_ascii_lowercase())
}
