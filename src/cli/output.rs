//! What goes to standard output: text through the gate where it is a terminal, JSON that no terminal can trip over.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::failure::Failure;
use crate::terminal::gate;

/// Standard output.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    terminal: bool,
    unheard: Unheard,
}

/// What it means that the reader of our output goes away.
#[derive(Debug, Clone, Copy)]
enum Unheard {
    /// Nobody wants the rest.
    Stop,
    /// There is work to do all the same.
    GoOn,
}

impl Output {
    pub fn new() -> Self {
        Self { terminal: io::stdout().is_terminal(), unheard: Unheard::Stop }
    }

    /// The same for a command that acts: it does what it was asked for whether or not anybody reads about it.
    pub fn regardless(self) -> Self {
        Self { unheard: Unheard::GoOn, ..self }
    }

    /// Whether a person reads this and can answer.
    pub fn is_conversation(self) -> bool {
        self.terminal && io::stdin().is_terminal()
    }

    /// One line of text, whatever it contains.
    pub fn line(self, text: impl AsRef<str>) -> Result<(), Failure> {
        let text = text.as_ref();
        let mut out = io::stdout().lock();
        let written = if self.terminal {
            writeln!(out, "{}", gate::line(text))
        } else {
            writeln!(out, "{text}")
        };
        match (written.map_err(Failure::from), self.unheard) {
            (Err(Failure::ClosedPipe), Unheard::GoOn) => Ok(()),
            (written, _) => written,
        }
    }

    pub fn lines(self, lines: impl IntoIterator<Item = String>) -> Result<(), Failure> {
        lines.into_iter().try_for_each(|line| self.line(line))
    }

    /// A line of bytes as a step wrote it.
    pub fn bytes(self, text: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        if self.terminal {
            for row in gate::log_rows(text) {
                writeln!(out, "{}", row.text)?;
            }
            return Ok(());
        }
        out.write_all(text)?;
        out.write_all(b"\n")?;
        Ok(())
    }

    /// Columns as wide as their widest cell; the last one is not padded.
    pub fn table(self, rows: &[Vec<String>]) -> Result<(), Failure> {
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
        let widths: Vec<usize> = (0..columns)
            .map(|at| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.width()).max())
            .map(Option::unwrap_or_default)
            .collect();
        self.lines(rows.iter().map(|row| aligned(row, &widths)))
    }
}

/// A whole document, for people and programs alike.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    write_json(&serde_json::to_string_pretty(value).map_err(io::Error::from)?)
}

/// One document of a stream, on one line.
pub fn json_line(value: &impl Serialize) -> Result<(), Failure> {
    write_json(&serde_json::to_string(value).map_err(io::Error::from)?)
}

fn write_json(json: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", harmless(json))?;
    out.flush()?;
    Ok(())
}

/// A question on the same line as its answer.
pub fn ask(question: &str) -> Result<String, Failure> {
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
        line.push_str(&" ".repeat(width + 2 - cell.width().min(*width)));
    }
    line.trim_end().to_owned()
}

/// The same JSON with every character that could act on a terminal written as an escape: only strings can contain
/// one, so the document means what it meant.
fn harmless(json: &str) -> String {
    let acts = |c: char| {
        matches!(c, '\u{7f}'..='\u{9f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if acts(c) {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{aligned, harmless};

    #[test]
    fn json_keeps_its_meaning_and_loses_what_acts_on_a_terminal() {
        let value = serde_json::json!({ "subject": "a\u{9b}31mb\u{202e}c\u{1b}" });
        let text = harmless(&value.to_string());
        assert!(text.is_ascii(), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn columns_count_cells_and_not_bytes() {
        let row = ["日本".to_owned(), "x".to_owned()];
        assert_eq!(aligned(&row, &[6, 1]), "日本    x");
    }
}
