//! One line of the log as the pane keeps it: through the gate once, in rows that may be drawn.

use chrono::{DateTime, Utc};

use crate::domain::log::{Level, LogLine, Stream};
use crate::gate::{LogGate, LogRow, Span};

/// Of one line, this much is kept for drawing. The rest is known by its size.
const KEEP: usize = 64 * 1024;

/// What a row costs beyond its text and its runs, about: itself, and what the allocator keeps for each of the three.
const ROW_WEIGHT: usize = size_of::<LogRow>() + 3 * 16;

/// The place of a line in the log. A note of the pane comes before the text at the same cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub cursor: u64,
    pub is_text: bool,
}

/// Where a line is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineSource {
    Step(Stream),
    /// A note of the pane itself, about the log.
    Pane,
}

#[derive(Debug, Clone)]
pub struct Line {
    pub key: Key,
    pub at: Option<DateTime<Utc>>,
    pub source: LineSource,
    pub level: Level,
    /// At least one; more where a carriage return went back to overwrite.
    pub rows: Vec<LogRow>,
    /// Bytes at its end that are not kept.
    pub hidden: usize,
    /// It does not pass the filter that is on, and is near a line that does.
    pub is_near: bool,
    /// The gate and how much went into it, while the line goes on in the next.
    open: Option<Box<Open>>,
}

#[derive(Debug, Clone, Default)]
struct Open {
    gate: LogGate,
    bytes: usize,
}

impl Line {
    pub fn new(line: &LogLine) -> Self {
        let mut new = Self {
            key: Key { cursor: line.cursor, is_text: true },
            at: line.at,
            source: LineSource::Step(line.stream),
            level: Level::Plain,
            rows: Vec::new(),
            hidden: 0,
            is_near: false,
            open: Some(Box::default()),
        };
        new.extend(line);
        new
    }

    /// A sentence of the pane, drawn before what is at `cursor`.
    pub fn note(cursor: u64, sentence: &str) -> Self {
        Self {
            key: Key { cursor, is_text: false },
            at: None,
            source: LineSource::Pane,
            level: Level::Plain,
            rows: crate::gate::log_rows(sentence.as_bytes()),
            hidden: 0,
            is_near: false,
            open: None,
        }
    }

    /// It goes on in the next line of the log.
    pub fn continues(&self) -> bool {
        self.open.is_some()
    }

    /// Adds the line of the log that this one goes on in.
    pub fn extend(&mut self, next: &LogLine) {
        let Some(mut open) = self.open.take() else { return };
        let kept = next.text.len().min(KEEP - open.bytes);
        if kept > 0 || self.rows.is_empty() {
            open.gate.push(&next.text[..kept]);
            open.bytes += kept;
            let gate =
                if next.continues { open.gate.clone() } else { std::mem::take(&mut open.gate) };
            self.rows = fitted(gate.finish());
            self.level = level(self.source, &self.rows);
        }
        self.hidden += next.text.len() - kept;
        self.open = next.continues.then_some(open);
    }

    /// Adds what this line goes on in, where the window's older end meets what was read before it.
    pub fn join(&mut self, rest: Self) {
        self.open = rest.open;
        let (first, others) = match rest.rows.split_first() {
            Some((first, others)) if self.hidden == 0 => (first.clone(), others.to_vec()),
            _ => {
                self.hidden += rest.rows.iter().map(|row| row.text.len()).sum::<usize>();
                (LogRow::default(), Vec::new())
            }
        };
        if let Some(last) = self.rows.last_mut() {
            let offset = last.text.len();
            last.text.push_str(&first.text);
            last.spans.extend(first.spans.iter().map(|s| Span { end: offset + s.end, ..*s }));
            last.removed += first.removed;
        }
        self.rows.extend(others);
        self.hidden += rest.hidden;
    }

    pub fn is_error(&self) -> bool {
        self.level == Level::Error
    }

    /// What it costs in memory, about.
    pub fn weight(&self) -> usize {
        let rows = self
            .rows
            .iter()
            .map(|row| row.text.len() + row.spans.len() * size_of::<Span>() + ROW_WEIGHT);
        size_of::<Self>() + rows.sum::<usize>()
    }
}

/// Gives back the room that was kept for more: thousands of rows are in memory, and none of them grows.
fn fitted(mut rows: Vec<LogRow>) -> Vec<LogRow> {
    for row in &mut rows {
        row.text.shrink_to_fit();
        row.spans.shrink_to_fit();
    }
    rows.shrink_to_fit();
    rows
}

fn level(source: LineSource, rows: &[LogRow]) -> Level {
    match source {
        LineSource::Pane => Level::Plain,
        LineSource::Step(stream) => Level::of(stream, rows.first().map_or("", |row| &row.text)),
    }
}
