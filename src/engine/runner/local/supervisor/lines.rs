//! Cuts a stream of bytes into log lines. A very long line becomes several, which are marked as continued.
//!
//! Whole blocks of lines are masked and written at once, because a step may print very fast.

use std::borrow::Cow;
use std::ops::Range;

use chrono::{DateTime, Utc};
use memchr::{memchr_iter, memrchr, memrchr_iter};

use super::mask::{Mask, masked};
use crate::domain::log::{Stream, format};

/// Longer lines are cut into pieces of about this many bytes.
const LONGEST_LINE: usize = 16 * 1024;
/// The most bytes of one character in UTF-8.
const LONGEST_CHAR: usize = 4;

/// One stream's bytes that have no line end yet.
#[derive(Debug)]
pub(super) struct Lines {
    stream: Stream,
    /// Not masked yet: a secret may start at its end.
    partial: Vec<u8>,
    /// How many bytes at the start of `partial` belong to a secret whose start was already masked.
    secret: usize,
}

/// Formatted lines of the log. The first ones may be left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    pub bytes: Vec<u8>,
    /// How many lines are in `bytes`.
    pub lines: u64,
    /// How many lines before them were left out.
    pub left_out: u64,
}

impl Lines {
    pub fn new(stream: Stream) -> Self {
        Self { stream, partial: Vec::new(), secret: 0 }
    }

    /// Takes bytes and returns the lines that are complete: all, or the last `wanted`.
    pub fn push(
        &mut self,
        at: DateTime<Utc>,
        bytes: &[u8],
        mask: &Mask,
        wanted: Option<usize>,
    ) -> Block {
        let mut writer = LineWriter::new(at, self.stream);
        if let Some(end) = memrchr(b'\n', bytes) {
            self.partial.extend_from_slice(&bytes[..end]);
            self.take(self.partial.len(), mask, |text| writer.lines(text, wanted));
            self.partial.extend_from_slice(&bytes[end + 1..]);
        } else {
            self.partial.extend_from_slice(bytes);
        }
        // Twice the overlap, so that the kept bytes are not searched again for every few new bytes.
        if self.partial.len() > LONGEST_LINE.max(mask.overlap()) + mask.overlap() {
            let certain = self.partial.len() - mask.overlap().max(LONGEST_CHAR);
            let certain = char_end(&self.partial, certain);
            self.take(certain, mask, |text| writer.piece(text));
        }
        writer.block
    }

    /// The last piece, when the stream ended without a line end.
    pub fn finish(&mut self, at: DateTime<Utc>, mask: &Mask) -> Block {
        let mut writer = LineWriter::new(at, self.stream);
        if !self.partial.is_empty() {
            self.take(self.partial.len(), mask, |text| writer.lines(text, None));
        }
        writer.block
    }

    /// Passes on the first bytes, masked, and remembers how far a secret reaches into the rest.
    fn take(&mut self, length: usize, mask: &Mask, give: impl FnOnce(&[u8])) {
        let mut secrets = mask.secrets(&self.partial);
        if self.secret > 0 {
            begin_with(&mut secrets, self.secret);
        }
        self.secret = cut(&mut secrets, length);
        let text = match secrets.as_slice() {
            [] => Cow::Borrowed(&self.partial[..length]),
            secrets => Cow::Owned(masked(&self.partial[..length], secrets)),
        };
        give(&text);
        self.partial.drain(..length);
    }
}

/// Adds the secret that covers the start.
fn begin_with(secrets: &mut Vec<Range<usize>>, end: usize) {
    let touching = secrets.iter().take_while(|secret| secret.start <= end).count();
    let end = secrets.drain(..touching).map(|secret| secret.end).fold(end, usize::max);
    secrets.insert(0, 0..end);
}

/// Keeps the secrets before `length`. Returns how many bytes after it belong to the secret that is cut there.
fn cut(secrets: &mut Vec<Range<usize>>, length: usize) -> usize {
    secrets.truncate(secrets.iter().take_while(|secret| secret.start < length).count());
    let Some(last) = secrets.last_mut() else { return 0 };
    let beyond = last.end.saturating_sub(length);
    last.end -= beyond;
    beyond
}

/// Formats lines of one instant.
struct LineWriter {
    whole: Vec<u8>,
    continued: Vec<u8>,
    block: Block,
}

impl LineWriter {
    fn new(at: DateTime<Utc>, stream: Stream) -> Self {
        Self {
            whole: lead(at, stream, false),
            continued: lead(at, stream, true),
            block: Block::default(),
        }
    }

    /// Writes lines; the last one has no line end.
    fn lines(&mut self, text: &[u8], wanted: Option<usize>) {
        let text = self.last(text, wanted);
        self.block.bytes.reserve(text.len() + self.whole.len() + 1);
        let mut start = 0;
        for end in memchr_iter(b'\n', text).chain([text.len()]) {
            let mut line = &text[start..end];
            while line.len() > LONGEST_LINE {
                let (piece, rest) = line.split_at(char_end(line, LONGEST_LINE));
                self.put(piece, true);
                line = rest;
            }
            self.put(line.strip_suffix(b"\r").unwrap_or(line), false);
            start = end + 1;
        }
    }

    /// Writes the finished part of a line that continues.
    fn piece(&mut self, mut text: &[u8]) {
        while !text.is_empty() {
            let (piece, rest) = text.split_at(char_end(text, LONGEST_LINE));
            self.put(piece, true);
            text = rest;
        }
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

/// Where to cut after at most this many bytes without splitting a character.
fn char_end(text: &[u8], at_most: usize) -> usize {
    if text.len() <= at_most {
        return text.len();
    }
    let is_continuation = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000;
    let split = text[..=at_most].iter().rev().take_while(|byte| is_continuation(byte)).count();
    // A longer sequence is not UTF-8 and may be cut anywhere.
    if split < LONGEST_CHAR { at_most - split } else { at_most }
}
