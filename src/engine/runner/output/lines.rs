//! Makes log lines of a stream of bytes: without secrets, and each as a terminal shows it in the end. A very long line becomes
//! several, which are marked as continued.
//!
//! Whole blocks of lines are written at once, because a step may print very fast.

use chrono::{DateTime, Utc};
use memchr::{memchr_iter, memchr3, memrchr, memrchr_iter};

use super::line;
use super::mask::{Hiding, Mask};
use super::sequences::{ESC, cut};
use crate::domain::log::{Stream, format};

/// Longer lines are cut into pieces of about this many bytes.
const LONGEST_LINE: usize = 16 * 1024;

/// One stream's bytes that have no line end yet.
#[derive(Debug)]
pub(in crate::engine::runner) struct Lines {
    stream: Stream,
    hiding: Hiding,
    /// Masked.
    partial: Vec<u8>,
}

/// Formatted lines of the log. The first ones may be left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::engine::runner) struct Block {
    pub bytes: Vec<u8>,
    /// How many lines are in `bytes`.
    pub lines: u64,
    /// How many lines before them were left out.
    pub left_out: u64,
}

impl Block {
    /// Adds the lines that follow.
    pub fn append(&mut self, mut next: Self) {
        self.bytes.append(&mut next.bytes);
        self.lines += next.lines;
        self.left_out += next.left_out;
    }

    /// Leaves out the first lines.
    pub fn skip(&mut self, count: u64) {
        let left_out = count.min(self.lines);
        let Some(last) = left_out.checked_sub(1) else { return };
        let last = usize::try_from(last).unwrap_or(usize::MAX);
        let end = memchr_iter(b'\n', &self.bytes).nth(last).map_or(self.bytes.len(), |at| at + 1);
        self.bytes.drain(..end);
        self.lines -= left_out;
    }
}

impl Lines {
    pub fn new(stream: Stream) -> Self {
        Self { stream, hiding: Hiding::default(), partial: Vec::new() }
    }

    /// Takes bytes and returns the lines that are complete: all, or the last `wanted`.
    pub fn push(
        &mut self,
        at: DateTime<Utc>,
        bytes: &[u8],
        mask: &Mask,
        wanted: Option<usize>,
    ) -> Block {
        let bytes = self.hiding.push(bytes, mask);
        self.take(at, &bytes, mask, wanted)
    }

    /// Whether no byte waits for what comes next.
    pub fn are_empty(&self) -> bool {
        self.partial.is_empty() && self.hiding.is_empty()
    }

    /// Whether whole lines wait for what comes next, since a secret may begin at their end.
    pub fn are_held(&self) -> bool {
        self.hiding.holds_lines()
    }

    /// Returns the lines that wait.
    pub fn release(&mut self, at: DateTime<Utc>, mask: &Mask) -> Block {
        let bytes = self.hiding.flush_lines();
        self.take(at, &bytes, mask, None)
    }

    /// The last piece, when the stream ended without a line end.
    pub fn finish(&mut self, at: DateTime<Utc>, mask: &Mask) -> Block {
        let bytes = self.hiding.flush(mask);
        let mut block = self.take(at, &bytes, mask, None);
        if !self.partial.is_empty() {
            let mut writer = LineWriter::new(at, self.stream, mask);
            writer.lines(&std::mem::take(&mut self.partial), None);
            block.bytes.extend(writer.block.bytes);
            block.lines += writer.block.lines;
        }
        block
    }

    fn take(
        &mut self,
        at: DateTime<Utc>,
        bytes: &[u8],
        mask: &Mask,
        wanted: Option<usize>,
    ) -> Block {
        let mut writer = LineWriter::new(at, self.stream, mask);
        let mut rest = bytes;
        if let Some(end) = memrchr(b'\n', bytes) {
            self.partial.extend_from_slice(&bytes[..end]);
            writer.lines(&std::mem::take(&mut self.partial), wanted);
            rest = &bytes[end + 1..];
        }
        self.partial.extend_from_slice(rest);
        if self.partial.len() > LONGEST_LINE && line::goes_back(&self.partial) {
            self.partial = line::shortened(&self.partial);
            if let Some(end) = memrchr(b'\n', &self.partial) {
                let unfinished = self.partial.split_off(end + 1);
                self.partial.truncate(end);
                writer.lines(&std::mem::replace(&mut self.partial, unfinished), wanted);
            }
        }
        // Twice the length, so that a sequence or a progress bar that comes in pieces stays whole.
        while self.partial.len() > 2 * LONGEST_LINE {
            let end = cut(&self.partial, LONGEST_LINE);
            writer.put(&self.partial[..end], true);
            self.partial.drain(..end);
        }
        writer.block
    }
}

/// Formats lines of one instant.
struct LineWriter<'m> {
    whole: Vec<u8>,
    continued: Vec<u8>,
    mask: &'m Mask,
    block: Block,
}

impl<'m> LineWriter<'m> {
    fn new(at: DateTime<Utc>, stream: Stream, mask: &'m Mask) -> Self {
        let (whole, continued) = (lead(at, stream, false), lead(at, stream, true));
        Self { whole, continued, mask, block: Block::default() }
    }

    /// Writes lines; the last one has no line end.
    fn lines(&mut self, text: &[u8], wanted: Option<usize>) {
        let text = self.last(text, wanted);
        self.block.bytes.reserve(text.len() + self.whole.len() + 1);
        let may_go_back = memchr3(b'\r', 0x08, ESC, text).is_some();
        let mut start = 0;
        for end in memchr_iter(b'\n', text).chain([text.len()]) {
            let line = &text[start..end];
            if may_go_back && line::goes_back(line) {
                // What a line looks like in the end may show a secret that its bytes did not.
                for row in line::rows(line) {
                    self.line(&self.mask.hide(&row));
                }
            } else {
                self.line(line.strip_suffix(b"\r").unwrap_or(line));
            }
            start = end + 1;
        }
    }

    fn line(&mut self, mut line: &[u8]) {
        while line.len() > LONGEST_LINE {
            let (piece, rest) = line.split_at(cut(line, LONGEST_LINE));
            self.put(piece, true);
            line = rest;
        }
        self.put(line, false);
    }

    fn put(&mut self, text: &[u8], continues: bool) {
        let lead = if continues { &self.continued } else { &self.whole };
        let bytes = &mut self.block.bytes;
        bytes.extend_from_slice(lead);
        bytes.extend_from_slice(text);
        bytes.push(b'\n');
        self.block.lines += 1;
    }

    /// Returns the last lines and counts the others.
    fn last<'a>(&mut self, text: &'a [u8], wanted: Option<usize>) -> &'a [u8] {
        let end = wanted.and_then(|wanted| memrchr_iter(b'\n', text).nth(wanted.saturating_sub(1)));
        let Some(end) = end else { return text };
        self.block.left_out += memchr_iter(b'\n', &text[..=end]).count() as u64;
        &text[end + 1..]
    }
}

/// The prefix of every line of this instant.
fn lead(at: DateTime<Utc>, stream: Stream, continues: bool) -> Vec<u8> {
    let mut lead = format(at, stream, b"", continues);
    lead.pop();
    lead
}
