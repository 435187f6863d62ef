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
        if let Some(level) = named(shown) {
            return level;
        }
        let (mut level, mut rest) = (Self::Plain, shown);
        for part in shown.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
            let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            let after = &rest[word.len()..];
            rest = &rest[part.len()..];
            let starts = |start: &str| {
                word.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
            };
            let loud = stream == Stream::Err || is_shouted(word) || is_labelled(word, after);
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

/// The level that a line names: `level=error`, `"level":"warn"`.
fn named(shown: &str) -> Option<Level> {
    let starts = |text: &str, start: &str| {
        text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
    };
    let is_inside = |at: usize| shown[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
    let names = shown.char_indices().filter(|(at, c)| matches!(c, 'l' | 'L') && !is_inside(*at));
    for (at, _) in names {
        let rest = &shown[at..];
        if !starts(rest, "level") {
            continue;
        }
        let rest = rest["level".len()..].trim_start_matches(['"', '\'']);
        let Some(value) = rest.trim_start().strip_prefix(['=', ':']) else { continue };
        let value = value.trim_start().trim_start_matches(['"', '\'']);
        if ["error", "fatal", "panic"].into_iter().any(|name| starts(value, name)) {
            return Some(Level::Error);
        }
        if starts(value, "warn") {
            return Some(Level::Warn);
        }
        if ["info", "debug", "trace", "notice"].into_iter().any(|name| starts(value, name)) {
            return Some(Level::Plain);
        }
    }
    None
}

/// Whether the word is the label of a message, as `error:`, `error[E1]` or `panicked at`.
fn is_labelled(word: &str, after: &str) -> bool {
    let is = |name: &str| word.eq_ignore_ascii_case(name);
    let is_message = after.starts_with([':', '[']);
    (is_message && ["error", "fatal", "panic"].into_iter().any(is))
        || (is("panicked") && after.starts_with(" at "))
}

/// Prose mentions errors too. On standard output only a level in capitals or a label counts.
fn is_shouted(word: &str) -> bool {
    word.chars().all(|c| !c.is_ascii_lowercase())
}
