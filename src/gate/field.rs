//! The policy for a value in one row: replaces everything that is not visible text by a visible escape.

use std::fmt;
use std::ops::Range;

use super::classes::{is_hidden, is_mark, is_odd_space};
use super::escape::Escape;
use super::utf8::{Decoder, Unit};
use crate::columns;

/// The most combining marks on one character of a name.
const MARKS: usize = 2;

/// Text that is safe to draw. Only the gate creates it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Safe {
    text: String,
    escapes: Vec<(usize, usize)>,
    plain_ascii: bool,
}

/// A value that names something: a branch, an author, a title, an error text. A space at its edge and an empty
/// value are drawn as escapes.
pub fn field(bytes: impl AsRef<[u8]>) -> Safe {
    let bytes = bytes.as_ref();
    if bytes.is_empty() {
        let mut builder = Builder::default();
        builder.escape(Escape::Empty);
        return builder.finish();
    }
    let (first, rest) = edge(bytes.strip_prefix(b" "), bytes);
    let (last, inner) = edge(rest.strip_suffix(b" "), rest);
    let mut builder = Builder::default();
    builder.edge(first);
    builder.bytes(inner);
    builder.edge(last);
    builder.finish()
}

/// Returns true if a space was stripped, and the rest.
fn edge<'a>(stripped: Option<&'a [u8]>, whole: &'a [u8]) -> (bool, &'a [u8]) {
    (stripped.is_some(), stripped.unwrap_or(whole))
}

/// A sentence of trunkline that contains untrusted text. Spaces are kept.
#[must_use]
pub fn sentence(text: &str) -> Safe {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Safe { text: text.to_owned(), escapes: Vec::new(), plain_ascii: true };
    }
    let mut builder = Builder::default();
    builder.bytes(text.as_bytes());
    builder.finish()
}

/// Like [`sentence`], as a string, for output without styles.
#[must_use]
pub fn line(text: &str) -> String {
    sentence(text).text
}

impl Safe {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True for printable ASCII without escapes. Other text may imitate another name, so it gets a badge where a person
    /// decides by the name.
    #[must_use]
    pub fn is_plain_ascii(&self) -> bool {
        self.plain_ascii
    }

    /// The width in terminal columns.
    #[must_use]
    pub fn width(&self) -> usize {
        columns::width(&self.text)
    }

    /// The text in runs, each with true if it is an escape. An escape must be drawn in another style than text.
    pub fn runs(&self) -> impl Iterator<Item = (&str, bool)> {
        let ends = self.escapes.iter().flat_map(|(start, end)| [(*start, false), (*end, true)]);
        let mut from = 0;
        ends.chain([(self.text.len(), false)]).filter_map(move |(to, escape)| {
            let range = std::mem::replace(&mut from, to)..to;
            (!range.is_empty()).then(|| (&self.text[range], escape))
        })
    }

    /// The code points outside ASCII, to show where a person decides by the text.
    #[must_use]
    pub fn code_points(&self) -> Vec<String> {
        let beyond = self.text.chars().filter(|c| !c.is_ascii());
        beyond.map(|c| format!("U+{:04X}", u32::from(c))).collect()
    }

    /// Cuts the text to `columns`. A cut text ends with `ellipsis`.
    #[must_use]
    pub fn clip(&self, columns: usize, ellipsis: &str) -> Self {
        if self.width() <= columns {
            return self.clone();
        }
        let Some(room) = columns.checked_sub(columns::width(ellipsis)) else {
            return Self::default();
        };
        let mut kept = self.part(0..columns::fit(&self.text, room));
        kept.text.push_str(ellipsis);
        kept
    }

    /// Wraps the text into lines of at most `columns`, at spaces if possible. Returns at least one line.
    #[must_use]
    pub fn wrap(&self, columns: usize) -> Vec<Self> {
        let mut lines = Vec::new();
        let mut start = 0;
        loop {
            start += self.text[start..].len() - self.text[start..].trim_start_matches(' ').len();
            let end = self.line_end(start, columns);
            let line = start..start + self.text[start..end].trim_end_matches(' ').len();
            if !line.is_empty() || lines.is_empty() {
                lines.push(self.part(line));
            }
            if end == self.text.len() {
                return lines;
            }
            start = end;
        }
    }

    /// The end of the line that begins at `start`.
    fn line_end(&self, start: usize, columns: usize) -> usize {
        let rest = &self.text[start..];
        let fits = match columns::fit(rest, columns) {
            // A grapheme can be wider than a line. It is broken between its characters.
            0 => columns::fit_chars(rest, columns),
            fits => fits,
        };
        if fits == rest.len() || fits == 0 {
            return self.text.len();
        }
        let word_ends = rest[fits..].starts_with(' ');
        let space = if word_ends { Some(fits) } else { rest[..fits].rfind(' ') };
        start + space.unwrap_or(fits)
    }

    fn part(&self, range: Range<usize>) -> Self {
        let inside = |(start, end): &(usize, usize)| {
            let (start, end) = ((*start).max(range.start), (*end).min(range.end));
            (start < end).then(|| (start - range.start, end - range.start))
        };
        Self {
            text: self.text[range.clone()].to_owned(),
            escapes: self.escapes.iter().filter_map(inside).collect(),
            plain_ascii: self.plain_ascii,
        }
    }
}

impl fmt::Display for Safe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl AsRef<str> for Safe {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

#[derive(Default)]
struct Builder {
    safe: Safe,
    started: bool,
    beyond_ascii: bool,
    marks: usize,
}

impl Builder {
    fn bytes(&mut self, bytes: &[u8]) {
        let mut decoder = Decoder::default();
        for byte in bytes {
            decoder.push(*byte, |unit| self.unit(unit));
        }
        decoder.finish(|unit| self.unit(unit));
        self.end_marks();
    }

    fn unit(&mut self, unit: Unit) {
        match unit {
            Unit::Char(c) if is_mark(c) && self.started => self.mark(c),
            Unit::Char(c) => self.base(c),
            Unit::Byte(byte) => {
                self.end_marks();
                self.escape(Escape::Byte(byte));
            }
        }
        self.started = true;
    }

    fn base(&mut self, c: char) {
        self.end_marks();
        if is_hidden(c) || is_odd_space(c) || is_mark(c) {
            self.escape(Escape::Char(c));
        } else {
            self.beyond_ascii |= !c.is_ascii();
            self.safe.text.push(c);
        }
    }

    fn mark(&mut self, c: char) {
        self.beyond_ascii = true;
        self.marks += 1;
        if self.marks > MARKS {
            return;
        }
        let before = self.safe.text.len();
        self.safe.text.push(c);
        // A mark after an escape is drawn on its last character, so it belongs to the escape.
        if let Some((_, end)) = self.safe.escapes.last_mut().filter(|(_, end)| *end == before) {
            *end = self.safe.text.len();
        }
    }

    fn end_marks(&mut self) {
        let more = std::mem::take(&mut self.marks).saturating_sub(MARKS);
        if more > 0 {
            self.escape(Escape::Marks(more));
        }
    }

    /// Shows a space at the start or end, where it would be invisible.
    fn edge(&mut self, is_there: bool) {
        if is_there {
            self.escape(Escape::Char(' '));
            self.started = true;
        }
    }

    fn escape(&mut self, escape: Escape) {
        let start = self.safe.text.len();
        self.safe.text.push_str(&escape.to_string());
        let end = self.safe.text.len();
        match self.safe.escapes.last_mut() {
            Some((_, last)) if *last == start => *last = end,
            _ => self.safe.escapes.push((start, end)),
        }
    }

    fn finish(mut self) -> Safe {
        self.safe.plain_ascii = !self.beyond_ascii && self.safe.escapes.is_empty();
        self.safe
    }
}
