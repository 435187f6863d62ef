//! How many columns text takes, as the screen counts them.

use ratatui::buffer::CellWidth;
use unicode_segmentation::UnicodeSegmentation;

#[must_use]
pub fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.graphemes(true).map(|grapheme| usize::from(grapheme.cell_width())).sum()
}

/// The bytes of the longest run of whole graphemes from the start of `text` that fits. Looks no further than that.
#[must_use]
pub fn fit(text: &str, columns: usize) -> usize {
    let mut width = 0;
    let fitting = text.grapheme_indices(true).take_while(|(_, grapheme)| {
        width += usize::from(grapheme.cell_width());
        width <= columns
    });
    fitting.last().map_or(0, |(start, grapheme)| start + grapheme.len())
}
