//! A line as a terminal shows it in the end: a progress bar goes back and overwrites itself, and only its last state stays.

use unicode_width::UnicodeWidthChar as _;

use super::sequences::{ESC, Sequences};

/// The most columns of a line.
const WIDEST: usize = 16 * 1024;
/// The most bytes of one look, and of what is kept before one character.
const LONGEST_LOOK: usize = 256;

/// Whether a terminal would show something else than this text in its order. What is no text is kept as it is.
pub(super) fn goes_back(line: &[u8]) -> bool {
    let body = line.strip_suffix(b"\r").unwrap_or(line);
    let moves = memchr::memchr2(b'\r', 0x08, body).is_some()
        || memchr::memmem::find_iter(body, b"\x1b[").any(|at| {
            let last = body[at + 2..].iter().find(|byte| matches!(byte, b'@'..=b'~'));
            last.is_some_and(|last| b"KGDCPX@`AEFBJH".contains(last))
        });
    moves && std::str::from_utf8(body).is_ok()
}

/// The rows that the line becomes, mostly one: a step may draw several rows and move between them.
pub(super) fn rows(line: &[u8]) -> Vec<Vec<u8>> {
    let mut screen = LineScreen::default();
    screen.draw(line);
    screen.end_row();
    if screen.rows.is_empty() {
        screen.rows.push(Vec::new());
    }
    screen.rows
}

/// An unfinished line in its last state. Drawing it and then what follows gives the same as drawing all.
pub(super) fn shortened(line: &[u8]) -> Vec<u8> {
    if line.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\r')) {
        return overwritten(line);
    }
    let mut screen = LineScreen::default();
    screen.draw(line);
    let (column, look) = (screen.column, std::mem::take(&mut screen.look));
    let mut short = screen.rows.into_iter().fold(Vec::new(), |mut all, row| {
        all.extend(row);
        all.push(b'\n');
        all
    });
    short.extend(text(&screen.cells));
    short.extend(format!("\x1b[{}G", column + 1).bytes());
    short.extend(look);
    short
}

/// The same for plain text with carriage returns, as of most progress bars.
fn overwritten(line: &[u8]) -> Vec<u8> {
    let (mut row, mut last): (Vec<u8>, &[u8]) = (Vec::new(), b"");
    for part in line.split(|byte| *byte == b'\r') {
        let over = row.len().min(part.len());
        row.splice(..over, part.iter().copied());
        last = part;
    }
    row.push(b'\r');
    row.extend_from_slice(last);
    row
}

/// One column: a character with its marks, or the second half of a wide one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ScreenColumn {
    look: Vec<u8>,
    text: Vec<u8>,
}

#[derive(Debug, Default)]
struct LineScreen {
    cells: Vec<ScreenColumn>,
    column: usize,
    look: Vec<u8>,
    /// Sequences that change no look and move nothing, before the next character.
    aside: Vec<u8>,
    rows: Vec<Vec<u8>>,
}

impl LineScreen {
    fn draw(&mut self, line: &[u8]) {
        let mut at = 0;
        while at < line.len() {
            let length = match line[at] {
                ESC => self.sequence(&line[at..]),
                b'\r' => self.go(0),
                0x08 => self.go(self.column.saturating_sub(1)),
                b'\t' => self.tab(),
                _ => self.character(&line[at..]),
            };
            at += length;
        }
    }

    /// Moves the cursor. One byte did it.
    fn go(&mut self, column: usize) -> usize {
        self.column = column.min(WIDEST);
        1
    }

    fn tab(&mut self) -> usize {
        let next = (self.column / 8 + 1) * 8;
        while self.column < next.min(WIDEST) {
            self.put(b" ", 1);
        }
        1
    }

    fn character(&mut self, rest: &[u8]) -> usize {
        let some = &rest[..rest.len().min(4)];
        let valid = match std::str::from_utf8(some) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&some[..error.valid_up_to()]).unwrap_or_default(),
        };
        let Some(c) = valid.chars().next() else {
            self.put(&rest[..1], 1);
            return 1;
        };
        self.put(&rest[..c.len_utf8()], c.width().unwrap_or(1));
        c.len_utf8()
    }

    fn put(&mut self, bytes: &[u8], width: usize) {
        let look = self.look.clone();
        let mut text = std::mem::take(&mut self.aside);
        text.extend_from_slice(bytes);
        if width == 0 {
            let before = self.column.checked_sub(1).and_then(|column| self.cells.get_mut(column));
            if let Some(before) = before.filter(|before| before.text.len() < LONGEST_LOOK) {
                before.text.extend(text);
                return;
            }
        }
        for nth in 0..width.max(1) {
            if self.column >= WIDEST {
                return;
            }
            let text = if nth == 0 { std::mem::take(&mut text) } else { Vec::new() };
            self.set(self.column, ScreenColumn { look: look.clone(), text });
            self.column += 1;
        }
    }

    fn set(&mut self, column: usize, cell: ScreenColumn) {
        self.fill(column);
        match self.cells.get_mut(column) {
            Some(old) => *old = cell,
            None => self.cells.push(cell),
        }
    }

    /// Adds blanks up to this column.
    fn fill(&mut self, column: usize) {
        while self.cells.len() < column {
            self.cells.push(blank());
        }
    }

    /// Acts on the sequence at the start, and returns its length.
    fn sequence(&mut self, rest: &[u8]) -> usize {
        let mut sequences = Sequences::default();
        let length = rest.iter().take_while(|byte| sequences.push(**byte)).count().max(1);
        let length = whole(&rest[..length]);
        let sequence = &rest[..length];
        let control = sequence.strip_prefix(b"\x1b[").and_then(|body| body.split_last());
        match control {
            Some((last, parameters)) if parameters.iter().all(|b| matches!(b, b'0'..=b';')) => {
                self.control(*last, parameters, sequence);
            }
            _ if self.aside.len() + length <= LONGEST_LOOK => {
                self.aside.extend_from_slice(sequence);
            }
            _ => {}
        }
        length
    }

    fn control(&mut self, last: u8, parameters: &[u8], sequence: &[u8]) {
        let text = String::from_utf8_lossy(parameters);
        let numbers: Vec<usize> = text.split(';').map(|n| n.parse().unwrap_or(0)).collect();
        let (first, count) = (numbers[0], numbers[0].clamp(1, WIDEST));
        let column = self.column;
        match last {
            b'm' => {
                if first == 0 {
                    self.look.clear();
                }
                if numbers.iter().any(|number| *number != 0) && self.look.len() < LONGEST_LOOK {
                    self.look.extend_from_slice(sequence);
                }
            }
            b'K' | b'J' if first == 0 => self.cells.truncate(column),
            b'K' if first == 1 => (0..=column.min(WIDEST - 1)).for_each(|at| self.set(at, blank())),
            b'K' | b'J' => self.cells.clear(),
            b'G' | b'`' => _ = self.go(count - 1),
            b'C' => _ = self.go(column + count),
            b'D' => _ = self.go(column.saturating_sub(count)),
            b'P' => {
                let end = self.cells.len().min(column + count);
                self.cells.drain(column.min(end)..end);
            }
            b'X' => {
                let end = (column + count).min(self.cells.len());
                (column..end).for_each(|at| self.set(at, blank()));
            }
            b'@' => {
                self.fill(column);
                let count = count.min(WIDEST - self.cells.len().min(WIDEST));
                self.cells.splice(column..column, std::iter::repeat_n(blank(), count));
            }
            // Another row: what is drawn so far stays.
            b'A' | b'B' => self.end_row(),
            b'E' | b'F' | b'H' => {
                self.end_row();
                self.column = 0;
            }
            _ => {}
        }
    }

    fn end_row(&mut self) {
        let row = text(&std::mem::take(&mut self.cells));
        if !row.is_empty() {
            self.rows.push(row);
        }
    }
}

fn blank() -> ScreenColumn {
    ScreenColumn { look: Vec::new(), text: b" ".to_vec() }
}

/// The length of the sequence at the start, which ends where another begins.
fn whole(run: &[u8]) -> usize {
    let mut sequences = Sequences::default();
    for (at, byte) in run.iter().enumerate() {
        sequences.push(*byte);
        if sequences.is_ground() {
            return at + 1;
        }
    }
    run.len()
}

/// The cells as text with their looks, without blanks at the end.
fn text(cells: &[ScreenColumn]) -> Vec<u8> {
    let last = cells.iter().rposition(|cell| *cell != blank()).map_or(0, |last| last + 1);
    let (mut text, mut look): (Vec<u8>, &[u8]) = (Vec::new(), b"");
    for cell in &cells[..last] {
        if cell.look != look {
            if !look.is_empty() {
                text.extend(b"\x1b[m");
            }
            text.extend(&cell.look);
            look = &cell.look;
        }
        text.extend(&cell.text);
    }
    if !look.is_empty() {
        text.extend(b"\x1b[m");
    }
    text
}
