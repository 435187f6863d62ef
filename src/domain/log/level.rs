//! How loud a line is, told from its first words.

use super::Stream;

/// How far into a line a word that makes it an error is looked for.
const WITHIN: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Error,
    Warn,
    Plain,
}

impl Level {
    /// The level of a line by the row of it that a person sees first.
    #[must_use]
    pub fn of(stream: Stream, shown: &str) -> Self {
        Self::of_words(stream, &shown[..shown.floor_char_boundary(WITHIN)])
    }

    /// The same, however far into the text a word is.
    pub(super) fn of_words(stream: Stream, text: &str) -> Self {
        if stream == Stream::Note {
            return Self::Plain;
        }
        let mut level = Self::Plain;
        for word in text.split(|c: char| !c.is_ascii_alphanumeric()) {
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

/// Standard output speaks of errors in prose too; a log's level is written in capitals there.
fn is_shouted(word: &str) -> bool {
    word.chars().all(|c| !c.is_ascii_lowercase())
}
