//! Draws with few bytes: the terminal itself scrolls rows that moved, and only changed cells are drawn.

use std::io::{self, Write};
use std::ops::Range;

use crossterm::cursor::MoveTo;
use crossterm::queue;
use crossterm::style::Print;
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::{Buffer, Cell, CellWidth as _};
use ratatui::layout::{Position, Rect, Size};

/// A scroll must save more rows than this.
const SCROLL_THRESHOLD: usize = 2;

/// The terminal behind `W`, and what is on it.
#[derive(Debug)]
pub struct Painter<W: Write> {
    screen: CrosstermBackend<W>,
    shown: Buffer,
    cursor_is_hidden: bool,
}

/// Rows of the screen that move, and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scroll {
    /// The first and the last row of the region. Rows that leave it are lost.
    top: usize,
    bottom: usize,
    rows: usize,
    up: bool,
}

impl Scroll {
    /// Moves the rows of a buffer as the terminal moves its own.
    fn apply(self, buffer: &mut Buffer) {
        let width = usize::from(buffer.area.width);
        let cells = &mut buffer.content[self.top * width..(self.bottom + 1) * width];
        let moved = self.rows * width;
        let kept = cells.len() - moved;
        let blank = if self.up {
            cells.rotate_left(moved);
            &mut cells[kept..]
        } else {
            cells.rotate_right(moved);
            &mut cells[..moved]
        };
        blank.iter_mut().for_each(Cell::reset);
    }
}

impl<W: Write> Painter<W> {
    /// A painter for an empty screen.
    pub fn new(writer: W) -> Self {
        let shown = Buffer::default();
        Self { screen: CrosstermBackend::new(writer), shown, cursor_is_hidden: false }
    }

    fn scroll(&mut self, scroll: Scroll) -> io::Result<()> {
        let row = |row: usize| u16::try_from(row).unwrap_or(u16::MAX);
        let (top, bottom) = (row(scroll.top), row(scroll.bottom));
        queue!(self.screen, Print(format_args!("\x1b[{};{}r", top + 1, bottom + 1)))?;
        // Every terminal supports a line feed at the bottom and a reverse line feed at the top.
        let (edge, one) = if scroll.up { (bottom, "\n") } else { (top, "\x1bM") };
        queue!(self.screen, MoveTo(0, edge), Print(one.repeat(scroll.rows)), Print("\x1b[r"))?;
        Ok(())
    }

    /// The screen is empty now and the state of the cursor unknown.
    fn forget(&mut self) {
        self.shown = Buffer::default();
        self.cursor_is_hidden = false;
    }
}

impl<W: Write> Backend for Painter<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let changes: Vec<_> = content.collect();
        let width = changes.iter().map(|(x, ..)| x + 1).max().unwrap_or(0);
        let height = changes.iter().map(|(_, y, _)| y + 1).max().unwrap_or(0);
        if changes.is_empty() {
            return Ok(());
        }
        grow(&mut self.shown, width, height);
        let few = changes.len() <= SCROLL_THRESHOLD * usize::from(self.shown.area.width);
        let before = (!few).then(|| self.shown.clone());
        for (x, y, cell) in &changes {
            put(&mut self.shown, *x, *y, cell);
        }
        let Some(mut before) = before else { return self.screen.draw(changes.into_iter()) };
        let Some(scroll) = find_scroll(&before, &self.shown) else {
            return self.screen.draw(changes.into_iter());
        };
        self.scroll(scroll)?;
        scroll.apply(&mut before);
        self.screen.draw(before.diff(&self.shown).into_iter())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.cursor_is_hidden, true) {
            self.screen.hide_cursor()?;
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.cursor_is_hidden = false;
        self.screen.show_cursor()
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        self.screen.get_cursor_position()
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.screen.set_cursor_position(position)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.forget();
        self.screen.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        // On a full screen this clears everything.
        self.forget();
        self.screen.clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        self.screen.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.screen.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        Backend::flush(&mut self.screen)
    }
}

/// Makes room for cells that were never drawn.
fn grow(buffer: &mut Buffer, width: u16, height: u16) {
    let area = buffer.area.union(Rect::new(0, 0, width, height));
    if area == buffer.area {
        return;
    }
    let mut grown = Buffer::empty(area);
    for position in buffer.area.positions() {
        grown[position] = std::mem::take(&mut buffer[position]);
    }
    *buffer = grown;
}

/// Writes a cell, which may be two columns wide.
fn put(buffer: &mut Buffer, x: u16, y: u16, cell: &Cell) {
    buffer[(x, y)] = cell.clone();
    for covered in x + 1..buffer.area.right().min(x.saturating_add(cell.symbol().cell_width())) {
        buffer[(covered, y)].reset();
    }
}

/// The scroll that saves the most rows, if it saves enough.
fn find_scroll(shown: &Buffer, next: &Buffer) -> Option<Scroll> {
    let (before, after) = (row_hashes(shown), row_hashes(next));
    let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    if changed <= SCROLL_THRESHOLD {
        return None;
    }
    // Rows that were correct and that the scroll empties must be drawn again.
    let spoiled = |emptied: Range<usize>| emptied.filter(|row| before[*row] == after[*row]).count();
    let candidates = (1..before.len()).flat_map(|rows| {
        let up = best_run(&before[rows..], &after, |row| before[row] != after[row]);
        let down = best_run(&before, &after[rows..], |row| before[row + rows] != after[row + rows]);
        let scroll = |up, (saved, first, count): (usize, usize, usize)| {
            let end = first + count + rows;
            let emptied = if up { first + count..end } else { first..first + rows };
            (
                saved.saturating_sub(spoiled(emptied)),
                Scroll { top: first, bottom: end - 1, rows, up },
            )
        };
        [scroll(true, up), scroll(false, down)]
    });
    let (saved, scroll) =
        candidates.max_by_key(|(saved, scroll)| (*saved, usize::MAX - scroll.rows))?;
    (saved > SCROLL_THRESHOLD).then_some(scroll)
}

/// The run of equal rows that saves the most: the number of changed rows in it, its start and its length.
fn best_run(
    before: &[u64],
    after: &[u64],
    changes: impl Fn(usize) -> bool,
) -> (usize, usize, usize) {
    let mut best = (0, 0, 0);
    let (mut saved, mut first) = (0, 0);
    for (row, (before, after)) in before.iter().zip(after).enumerate() {
        if before != after {
            (saved, first) = (0, row + 1);
            continue;
        }
        saved += usize::from(changes(row));
        if saved > best.0 {
            best = (saved, first, row + 1 - first);
        }
    }
    best
}

/// A hash of the text of each row.
fn row_hashes(buffer: &Buffer) -> Vec<u64> {
    let rows = buffer.content.chunks(usize::from(buffer.area.width.max(1)));
    let bytes = |row: &[Cell]| {
        let bytes = row.iter().flat_map(|cell| cell.symbol().bytes());
        bytes
            .fold(0_u64, |hash, byte| hash.wrapping_mul(0x0100_0000_01B3).wrapping_add(byte.into()))
    };
    rows.map(bytes).collect()
}
