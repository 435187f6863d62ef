//! Measures text in terminal columns, as the screen counts them.

use ratatui_core::buffer::CellWidth;
use unicode_segmentation::UnicodeSegmentation;

const JOINER: char = '\u{200D}';

#[must_use]
pub fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.graphemes(true).map(drawn_width).sum()
}

/// Splits the text at the joiners between emoji, so that the emoji are drawn side by side. A terminal that does not join
/// them would draw them wider than counted and overwrite the next text.
pub fn apart(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let Some(at) = joint(text) else { return Some(text) };
        rest = Some(&text[at + JOINER.len_utf8()..]);
        Some(&text[..at])
    })
}

/// The length in bytes of the leading characters that fit into this many columns.
#[must_use]
pub fn fit_chars(text: &str, columns: usize) -> usize {
    let ends = text.char_indices().map(|(start, c)| start + c.len_utf8());
    ends.take_while(|end| width(&text[..*end]) <= columns).last().unwrap_or(0)
}

fn drawn_width(grapheme: &str) -> usize {
    if !grapheme.contains(JOINER) {
        return usize::from(grapheme.cell_width());
    }
    apart(grapheme).map(|part| usize::from(part.cell_width())).sum()
}

/// The position of the first joiner after an emoji. Joiners between letters are part of the script and take no column.
fn joint(text: &str) -> Option<usize> {
    let follows_emoji = |at: &usize| {
        let before = text[..*at].chars().next_back();
        before.is_some_and(|c| {
            matches!(c, '\u{A9}' | '\u{AE}' | '\u{2190}'..='\u{303D}' | '\u{FE0F}'
                | '\u{1F000}'..='\u{1FAFF}')
        })
    };
    text.match_indices(JOINER).map(|(at, _)| at).find(follows_emoji)
}

/// The length in bytes of the leading graphemes that fit into this many columns. Does not read further.
#[must_use]
pub fn fit(text: &str, columns: usize) -> usize {
    let mut width = 0;
    let fitting = text.grapheme_indices(true).take_while(|(_, grapheme)| {
        width += drawn_width(grapheme);
        width <= columns
    });
    fitting.last().map_or(0, |(start, grapheme)| start + grapheme.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_emoji_take_the_room_of_each_and_joined_letters_none() {
        let family = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}";
        assert_eq!(apart(family).collect::<Vec<_>>(), ["\u{1F468}", "\u{1F469}", "\u{1F467}"]);
        assert_eq!(width(family), 6);
        assert_eq!(fit(family, 5), 0);
        let letters = "\u{645}\u{6CC}\u{200C}\u{62E}";
        assert_eq!(apart(letters).collect::<Vec<_>>(), [letters]);
        assert_eq!(width(letters), 3);
    }
}
