//! Writes to standard output: text through the gate, and JSON that is safe on a terminal. A pipe gets the same output,
//! because it often ends at a terminal.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::error::CliError;
use crate::gate::{self, columns};

/// Standard output.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    terminal: bool,
    on_closed: OnClosedPipe,
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
        Self { terminal: io::stdout().is_terminal(), on_closed: OnClosedPipe::Stop }
    }

    /// For a command that acts: it continues when the output is closed.
    pub fn regardless(self) -> Self {
        Self { on_closed: OnClosedPipe::Continue, ..self }
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
    pub fn table(self, rows: &[Vec<String>]) -> Result<(), CliError> {
        let safe = |row: &Vec<String>| row.iter().map(|cell| gate::line(cell)).collect();
        let rows: Vec<Vec<String>> = rows.iter().map(safe).collect();
        let count = rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |at: usize| {
            let cells = rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| columns::width(cell)).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..count).map(width).collect();
        self.lines(rows.iter().map(|row| aligned(row, &widths)))
    }
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

fn aligned(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        line.push_str(cell);
        line.push_str(&" ".repeat(width + 2 - columns::width(cell).min(*width)));
    }
    line.trim_end().to_owned()
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
    use super::{aligned, harmless};

    #[test]
    fn json_keeps_its_meaning_without_characters_that_act_on_a_terminal() {
        let value = serde_json::json!({ "subject": "a\u{9b}31mb\u{202e}c\u{1b}\u{ad}\u{e0041}" });
        let text = harmless(&value.to_string());
        assert!(text.is_ascii(), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn columns_are_measured_in_cells_not_bytes() {
        let row = ["日本".to_owned(), "x".to_owned()];
        assert_eq!(aligned(&row, &[6, 1]), "日本    x");
    }
}
