//! The part of a file that runs on the way up, for tools that keep both ways in one file.

use std::borrow::Cow;

/// The text with the lines of the way down emptied, so that line numbers stay.
pub(super) fn upward(text: &str) -> Cow<'_, str> {
    let marked = |line: &str| direction(line).is_some();
    if !text.lines().any(marked) {
        return Cow::Borrowed(text);
    }
    let (mut up, mut kept) = (true, String::with_capacity(text.len()));
    for line in text.split_inclusive('\n') {
        if let Some(next) = direction(line) {
            up = next;
        }
        if up {
            kept.push_str(line);
        } else if line.ends_with('\n') {
            kept.push('\n');
        }
    }
    Cow::Owned(kept)
}

/// Whether a line begins the way up or the way down; markers stand at the start of their line.
fn direction(line: &str) -> Option<bool> {
    let marker =
        ["-- +goose", "-- migrate:", "--migrate:"].iter().find_map(|m| line.strip_prefix(m))?;
    let word = marker.split_whitespace().next()?.to_ascii_lowercase();
    match word.as_str() {
        "up" => Some(true),
        "down" => Some(false),
        _ => None,
    }
}
