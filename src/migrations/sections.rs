//! Extracts the up part of a file, for tools that keep up and down in one file.

use std::borrow::Cow;

use super::Tool;

/// The text with the lines of the down part emptied, so that line numbers stay the same. The whole text if the tool has
/// no markers or the first marker is not an up marker.
pub(super) fn upward(text: &str, tool: Tool) -> Cow<'_, str> {
    let first = text.lines().find_map(direction);
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
    if !knows_markers || first != Some(true) {
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

/// The text before the first down marker.
pub(super) fn before_down(text: &str) -> &str {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if direction(line) == Some(false) {
            return &text[..at];
        }
        at += line.len();
    }
    text
}

/// True for an up marker, false for a down marker. A marker is alone on its line, from its start.
fn direction(line: &str) -> Option<bool> {
    let comment = line.strip_prefix("--")?.trim_start();
    let marker = comment.strip_prefix("+goose ").or_else(|| comment.strip_prefix("migrate:"))?;
    let marker = marker.trim().to_ascii_lowercase();
    let word = marker.strip_suffix("transaction:false").unwrap_or(&marker).trim_end();
    match word {
        "up" => Some(true),
        "down" => Some(false),
        _ => None,
    }
}
