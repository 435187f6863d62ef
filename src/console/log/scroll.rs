//! Places in the log and moves between them, counted in rows of the screen; each costs as much as it moves.

use crate::console::log::columns::Columns;
use crate::console::log::line::{Key, Line};
use crate::console::log::window::Window;

/// A row of the screen by what is on it, so that it stays where it is when lines come and go around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub key: Key,
    /// Which of the line's rows.
    pub row: usize,
    /// Where in the row's text the wrapped part begins.
    pub byte: usize,
}

/// The place of a line's beginning.
pub fn beginning(key: Key) -> Place {
    Place { key, row: 0, byte: 0 }
}

/// The places of a line's rows on the screen, in order.
pub fn places(line: &Line, columns: Columns) -> impl Iterator<Item = Place> {
    line.rows.iter().enumerate().flat_map(move |(row, text)| {
        columns.parts(text).map(move |part| Place { key: line.key, row, byte: part.start })
    })
}

/// The place that many rows further down, or the last there is.
pub fn down(window: &Window, columns: Columns, from: Place, rows: usize) -> Place {
    let mut left = rows;
    let mut last = from;
    for index in window.index(from.key).. {
        let Some(line) = window.get(index) else { return last };
        for place in places(line, columns).filter(|place| *place > from) {
            if left == 0 {
                return last;
            }
            left -= 1;
            last = place;
        }
        if left == 0 {
            return last;
        }
    }
    last
}

/// The place that many rows further up, or the first there is.
pub fn up(window: &Window, columns: Columns, from: Place, rows: usize) -> Place {
    let mut left = rows;
    let mut first = from;
    let mut index = (window.index(from.key) + 1).min(window.len());
    while left > 0 && index > 0 {
        index -= 1;
        let Some(line) = window.get(index) else { continue };
        let above: Vec<Place> = places(line, columns).filter(|place| *place < from).collect();
        let moved = above.len().min(left);
        left -= moved;
        if moved > 0 {
            first = above[above.len() - moved];
        }
    }
    first
}

/// The first row of a screen whose last row is the last there is.
pub fn last_page(window: &Window, columns: Columns, height: usize) -> Option<Place> {
    let last = window.get(window.len().checked_sub(1)?)?;
    let bottom = places(last, columns).last()?;
    Some(up(window, columns, bottom, height.saturating_sub(1)))
}
