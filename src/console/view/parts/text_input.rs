//! A text that is typed, with its cursor.

use crate::console::model::text_input::TextInput;
use crate::console::theme::Role;
use crate::console::view::parts::row::Row;
use crate::gate;

/// The text with its cursor: `_` behind the last character, or the character at it marked.
pub fn typed<'t>(row: Row<'t>, input: &TextInput) -> Row<'t> {
    let (before, at, after) = input.parts();
    with_cursor(row, before, at, after)
}

/// The same in so many columns: the part of it that has the cursor.
pub fn typed_within<'t>(row: Row<'t>, input: &TextInput, room: usize) -> Row<'t> {
    let (before, at, after) = input.parts();
    let at_width = gate::sentence(at).width().max(1);
    let before = end_of(before, room.saturating_sub(at_width));
    let left = row.left();
    let after_room = room.saturating_sub(gate::sentence(before).width() + at_width);
    let after = gate::sentence(after).clip(after_room, "");
    let row = with_cursor(row, before, at, after.as_str());
    let used = left - row.left();
    row.gap(room.saturating_sub(used))
}

/// The end of a text, in at most so many columns.
pub fn end_of(text: &str, columns: usize) -> &str {
    let starts = text.char_indices().map(|(at, _)| at);
    let fits = |at: &usize| gate::sentence(&text[*at..]).width() <= columns;
    starts.into_iter().find(fits).map_or("", |at| &text[at..])
}

fn with_cursor<'t>(row: Row<'t>, before: &str, at: &str, after: &str) -> Row<'t> {
    if at.is_empty() {
        return row.own(format!("{before}_"), Role::Text);
    }
    row.own(before, Role::Text).own(at, Role::Selection).own(after, Role::Text)
}
