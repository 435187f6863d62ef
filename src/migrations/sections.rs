//! Extracts the up part of a file, for tools that keep up and down in one file.

use std::borrow::Cow;

use super::Tool;

/// A line that says which way the lines after it go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    Up,
    Down,
    /// Down, of a tool that does not mark the up part.
    DownAlone,
}

/// The markers of the tools, in lower case and without the comment sign.
const MARKERS: [(&str, Marker); 12] = [
    ("+goose up", Marker::Up),
    ("+goose down", Marker::Down),
    ("migrate:up", Marker::Up),
    ("migrate:down", Marker::Down),
    ("+migrate up", Marker::Up),
    ("+migrate down", Marker::Down),
    ("up migration", Marker::Up),
    ("down migration", Marker::Down),
    ("--- !ups", Marker::Up),
    ("--- !downs", Marker::Down),
    ("//@undo", Marker::DownAlone),
    ("-- create above / drop below ----", Marker::DownAlone),
];

/// What may stand after a marker.
const OPTIONS: [&str; 2] = ["transaction:false", "notransaction"];

/// The text with the lines of the down part emptied, so that line numbers stay the same. The whole text if the tool has
/// no markers or the text has no up part.
pub(super) fn upward(text: &str, tool: Tool) -> Cow<'_, str> {
    let knows_markers = !matches!(
        tool,
        Tool::Refinery
            | Tool::Diesel
            | Tool::Flyway
            | Tool::Rails
            | Tool::Django
            | Tool::Alembic
            | Tool::Prisma
    );
    let marks_up = |marker| matches!(marker, Marker::Up | Marker::DownAlone);
    if !knows_markers || !text.lines().filter_map(marker).any(marks_up) {
        return Cow::Borrowed(text);
    }
    let (mut up, mut kept) = (true, String::with_capacity(text.len()));
    for line in text.split_inclusive('\n') {
        if let Some(next) = marker(line) {
            up = next == Marker::Up;
        }
        if up {
            kept.push_str(line);
        } else if line.ends_with('\n') {
            kept.push('\n');
        }
    }
    Cow::Owned(kept)
}

/// The text before the first down marker.
pub(super) fn before_down(text: &str) -> &str {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if matches!(marker(line), Some(Marker::Down | Marker::DownAlone)) {
            return &text[..at];
        }
        at += line.len();
    }
    text
}

/// The marker of a line. It is alone on its line, from its start.
fn marker(line: &str) -> Option<Marker> {
    let comment = line.strip_prefix("--").or_else(|| line.strip_prefix('#'))?;
    let words = comment.trim().to_ascii_lowercase();
    let option = OPTIONS.iter().find_map(|option| words.strip_suffix(option));
    let words = option.unwrap_or(&words).trim_end();
    MARKERS.iter().find(|(text, _)| *text == words).map(|(_, marker)| *marker)
}
