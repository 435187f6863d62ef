//! The policy for streamed output: turns bytes in pieces of any size into rows that are safe to draw.

use super::escape::Escape;
use super::row::{LogRow, RowBuilder};
use super::sequence::{ESC, Sequence, SequenceVerdict, Step};
use super::sgr::Pen;
use super::utf8::{Decoder, Unit};

const SHIFT_IN: char = '\u{F}';

/// Turns a stream into rows. The rows do not depend on where the stream is cut into pieces.
#[derive(Debug, Clone, Default)]
pub struct LogGate {
    decoder: Decoder,
    sequence: Option<Sequence>,
    pen: Pen,
    row: RowBuilder,
    /// True after a carriage return, which may be the first half of a line end.
    returned: bool,
    rows: Vec<LogRow>,
}

/// The rows of a complete text: one, and one more for each line end and each carriage return in it.
#[must_use]
pub fn log_rows(bytes: &[u8]) -> Vec<LogRow> {
    let mut gate = LogGate::default();
    gate.push(bytes);
    gate.finish()
}

impl LogGate {
    pub fn push(&mut self, bytes: &[u8]) {
        let mut decoder = std::mem::take(&mut self.decoder);
        let mut rest = bytes;
        while let [byte, others @ ..] = rest {
            let plain = if decoder.is_empty() { self.plain(rest) } else { 0 };
            if plain > 0 {
                rest = &rest[plain..];
            } else {
                decoder.push(*byte, |unit| self.unit(unit));
                rest = others;
            }
        }
        self.decoder = decoder;
    }

    /// True if further input cannot change how the input so far is drawn.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.decoder.is_empty()
            && self.sequence.is_none()
            && !self.returned
            && self.row.is_settled()
    }

    /// The length of the unfinished row, in bytes.
    #[must_use]
    pub fn drawn(&self) -> usize {
        self.row.len()
    }

    /// The rows completed since the last call.
    pub fn take_rows(&mut self) -> Vec<LogRow> {
        std::mem::take(&mut self.rows)
    }

    /// Ends the stream and returns the remaining rows. The last one has no line end and may be empty.
    #[must_use]
    pub fn finish(mut self) -> Vec<LogRow> {
        let mut decoder = std::mem::take(&mut self.decoder);
        decoder.finish(|unit| self.unit(unit));
        if let Some(sequence) = self.sequence.take() {
            self.row.escape(&sequence);
            if sequence.has_open_escape() {
                self.row.escape(Escape::Char(ESC));
            }
        }
        self.end_row();
        self.rows
    }

    /// Adds the printable ASCII at the start of `bytes` in one go, and returns its length.
    fn plain(&mut self, bytes: &[u8]) -> usize {
        if self.sequence.is_some() || self.returned {
            return 0;
        }
        let len = bytes.iter().take_while(|byte| matches!(byte, b' '..=b'~')).count();
        if let Ok(text) = std::str::from_utf8(&bytes[..len]) {
            self.row.plain(text, self.pen.style());
        }
        len
    }

    fn unit(&mut self, unit: Unit) {
        let Some(mut sequence) = self.sequence.take() else { return self.ground(unit) };
        match sequence.push(unit) {
            Step::More => self.sequence = Some(sequence),
            Step::Complete => self.complete(&sequence),
            Step::Full => self.row.escape(&sequence),
            Step::Broken => {
                self.row.escape(&sequence);
                self.ground(unit);
            }
            Step::BrokenAtEscape => {
                self.row.escape(&sequence);
                self.sequence = Some(Sequence::start());
                self.unit(unit);
            }
        }
    }

    fn ground(&mut self, unit: Unit) {
        if std::mem::take(&mut self.returned) && unit != Unit::Char('\n') {
            self.end_row();
        }
        match unit {
            Unit::Char('\n') => self.end_row(),
            Unit::Char('\r') => self.returned = true,
            Unit::Char('\t') => self.row.tab(self.pen.style()),
            Unit::Char(SHIFT_IN) => self.row.remove(),
            Unit::Char(ESC) => self.sequence = Some(Sequence::start()),
            Unit::Char(c) => self.row.char(c, self.pen.style()),
            Unit::Byte(byte) => self.row.escape(Escape::Byte(byte)),
        }
    }

    fn complete(&mut self, sequence: &Sequence) {
        match sequence.verdict() {
            SequenceVerdict::Colour(parameters) => self.pen.apply(&parameters),
            SequenceVerdict::Remove => self.row.remove(),
            SequenceVerdict::Show => self.row.escape(sequence),
        }
    }

    /// Ends the row and resets the colours.
    fn end_row(&mut self) {
        self.pen = Pen::default();
        self.rows.push(self.row.finish());
    }
}
