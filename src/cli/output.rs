//! Writes to standard output: text through the gate, and JSON that is safe on a terminal. A pipe gets the same output,
//! because it often ends at a terminal.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use ratatui::style::Style;
use serde::Serialize;

use super::appearance;
use super::error::CliError;
use crate::gate::{self, columns};
use crate::terminal::colour::sequence;

/// Standard output.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    terminal: bool,
    colours: bool,
    on_closed: OnClosedPipe,
}

/// A cell of a table, and what its colour says on a terminal. The text says it too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    text: String,
    paint: Option<Paint>,
}

/// The colours of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    Good,
    Bad,
    Caution,
    Active,
    Quiet,
}

impl Paint {
    /// Selects the colour. Every terminal with colours has these.
    fn code(self) -> &'static str {
        match self {
            Self::Good => "\u{1b}[32m",
            Self::Bad => "\u{1b}[31m",
            Self::Caution => "\u{1b}[33m",
            Self::Active => "\u{1b}[36m",
            Self::Quiet => "\u{1b}[2m",
        }
    }

    /// A cell in this colour.
    pub fn cell(self, text: impl Into<String>) -> Cell {
        Cell { text: text.into(), paint: Some(self) }
    }
}

const PLAIN: &str = "\u{1b}[0m";

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, paint: None }
    }
}

/// What to do when the reader of the output has closed it.
#[derive(Debug, Clone, Copy)]
enum OnClosedPipe {
    Stop,
    /// The command still has work to do.
    Continue,
}

impl Output {
    pub fn new() -> Self {
        let terminal = io::stdout().is_terminal();
        Self { terminal, colours: appearance::has_colours(terminal), on_closed: OnClosedPipe::Stop }
    }

    /// For a command that acts: it continues when the output is closed.
    pub fn regardless(self) -> Self {
        Self { on_closed: OnClosedPipe::Continue, ..self }
    }

    /// True if a person reads it on a terminal.
    pub fn is_terminal(self) -> bool {
        self.terminal
    }

    /// True if both standard input and standard output are a terminal.
    pub fn is_interactive(self) -> bool {
        self.terminal && io::stdin().is_terminal()
    }

    /// Writes one line of text, made safe for a terminal.
    pub fn line(self, text: impl AsRef<str>) -> Result<(), CliError> {
        self.safe(&gate::line(text.as_ref()))
    }

    pub fn lines(self, lines: impl IntoIterator<Item = String>) -> Result<(), CliError> {
        lines.into_iter().try_for_each(|line| self.line(line))
    }

    /// Writes one log line of a step, made safe for a terminal.
    pub fn bytes(self, text: &[u8]) -> Result<(), CliError> {
        gate::log_rows(text).iter().try_for_each(|row| self.safe(&row.text))
    }

    /// Writes a line that is already safe.
    fn safe(self, text: &str) -> Result<(), CliError> {
        let written = writeln!(io::stdout().lock(), "{text}");
        match (written.map_err(CliError::from), self.on_closed) {
            (Err(CliError::ClosedPipe), OnClosedPipe::Continue) => Ok(()),
            (written, _) => written,
        }
    }

    /// Writes a table. Each column is as wide as its widest cell; the last one is not padded.
    pub fn table<C: Clone + Into<Cell>>(self, rows: &[Vec<C>]) -> Result<(), CliError> {
        let safe = |cell: &C| {
            let Cell { text, paint } = cell.clone().into();
            Cell { text: gate::line(&text), paint }
        };
        let rows: Vec<Vec<Cell>> = rows.iter().map(|row| row.iter().map(safe).collect()).collect();
        let count = rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |at: usize| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| columns::width(&cell.text)).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..count).map(width).collect();
        rows.iter().try_for_each(|row| self.safe(&aligned(row, &widths, self.colours)))
    }

    /// Writes one line of texts, each in its style where there are colours.
    pub fn styled(self, parts: &[(String, Style)]) -> Result<(), CliError> {
        let mut line = String::new();
        for (text, style) in parts {
            let text = gate::line(text);
            if self.colours {
                line.extend([sequence(*style).as_str(), &text, PLAIN]);
            } else {
                line.push_str(&text);
            }
        }
        self.safe(line.trim_end())
    }

    /// True if a line can be written over, to show something that changes.
    pub fn can_rewrite(self) -> bool {
        self.terminal && std::env::var("TERM").is_ok_and(|term| !term.is_empty() && term != "dumb")
    }
}

/// Writes this line over the last one that was written so; an empty one erases it. What does not fit is cut off: a
/// second row could not be written over.
pub fn rewrite(text: &str) {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok();
    let columns = size.map_or(80, |size| usize::from(size.ws_col)).max(2) - 1;
    let text = gate::line(text);
    let text = &text[..columns::fit(&text, columns)];
    let mut out = io::stdout().lock();
    // It only shows how something goes; a closed output ends nothing.
    let _ = write!(out, "\r\u{1b}[K{text}").and_then(|()| out.flush());
}

/// Says on standard error what is beside the answer.
pub fn note(text: &str) {
    // It is beside the answer; if standard error is closed, the answer remains.
    let _ = writeln!(io::stderr(), "{}", gate::line(text));
}

/// Writes one indented JSON document.
pub fn json(value: &impl Serialize) -> Result<(), CliError> {
    write_json(&serde_json::to_string_pretty(value).map_err(io::Error::from)?)
}

/// Writes one JSON document of a stream on one line.
pub fn json_line(value: &impl Serialize) -> Result<(), CliError> {
    write_json(&serde_json::to_string(value).map_err(io::Error::from)?)
}

fn write_json(json: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", harmless(json))?;
    out.flush()?;
    Ok(())
}

/// Asks a question and reads the answer from the same line.
pub fn ask(question: &str) -> Result<String, CliError> {
    let mut out = io::stdout().lock();
    write!(out, "{} ", gate::line(question))?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

fn aligned(row: &[Cell], widths: &[usize], colours: bool) -> String {
    let mut line = String::new();
    for (index, (Cell { text, paint }, width)) in row.iter().zip(widths).enumerate() {
        match paint.filter(|_| colours && !text.is_empty()) {
            Some(paint) => line.extend([paint.code(), text, PLAIN]),
            None => line.push_str(text),
        }
        if row[index + 1..].iter().any(|cell| !cell.text.is_empty()) {
            line.push_str(&" ".repeat(width + 2 - columns::width(text).min(*width)));
        }
    }
    line
}

/// Escapes every character that acts on a terminal or is invisible. Only strings can contain one, so the document keeps
/// its meaning. Line ends stay: inside strings they are escaped already.
fn harmless(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || !gate::is_hidden(c) {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Cell, Paint, aligned, harmless};

    #[test]
    fn json_keeps_its_meaning_without_characters_that_act_on_a_terminal() {
        let value = serde_json::json!({ "subject": "a\u{9b}31mb\u{202e}c\u{1b}\u{ad}\u{e0041}" });
        let text = harmless(&value.to_string());
        assert!(text.is_ascii(), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn columns_are_measured_in_cells_not_bytes() {
        let row = ["日本", "x", ""].map(|text| Cell::from(text.to_owned()));
        assert_eq!(aligned(&row, &[6, 1, 3], true), "日本    x");
    }

    #[test]
    fn a_colour_changes_no_column_and_is_left_out_where_there_are_none() {
        let row = [Paint::Bad.cell("failed"), Paint::Good.cell(""), Cell::from("x".to_owned())];
        let widths = [8, 2, 1];
        assert_eq!(aligned(&row, &widths, false), "failed        x");
        assert_eq!(aligned(&row, &widths, true), "\u{1b}[31mfailed\u{1b}[0m        x");
    }
}
