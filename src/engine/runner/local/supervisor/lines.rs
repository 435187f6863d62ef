//! Cuts a stream of bytes into log lines; a line without an end becomes several that say so.
//!
//! Whole blocks of lines are masked and written at once: a step may print faster than anybody can read.

use std::borrow::Cow;
use std::ops::Range;

use chrono::{DateTime, Utc};
use memchr::{memchr_iter, memrchr, memrchr_iter};

use super::mask::{Mask, masked};
use crate::domain::log::{Stream, format};

/// Longer lines are cut into pieces of about this many bytes.
const LONGEST: usize = 16 * 1024;
/// The most bytes of one letter in UTF-8.
const LONGEST_LETTER: usize = 4;

/// One stream's bytes that have no line end yet.
#[derive(Debug)]
pub(super) struct Lines {
    stream: Stream,
    /// Not masked yet: at its end a secret may have begun.
    partial: Vec<u8>,
    /// So many bytes at the beginning of `partial` belong to a secret whose beginning was masked already.
    secret: usize,
}

/// Lines of the log as they are written, of which the first may be left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    pub bytes: Vec<u8>,
    /// How many lines are in `bytes`.
    pub lines: u64,
    /// How many more there were before them.
    pub left_out: u64,
}

impl Lines {
    pub fn new(stream: Stream) -> Self {
        Self { stream, partial: Vec::new(), secret: 0 }
    }

    /// Takes what was read at a time and gives what of it is complete: all, or the last `wanted` lines.
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
        // Twice the overlap, so that what is kept is not looked through for every few bytes that come.
        if self.partial.len() > LONGEST.max(mask.overlap()) + mask.overlap() {
            let certain = self.partial.len() - mask.overlap().max(LONGEST_LETTER);
            let certain = letter_end(&self.partial, certain);
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

    /// Gives the first bytes away, masked, and remembers how far a secret among them reaches into the rest.
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

/// Adds what is known to be secret at the beginning.
fn begin_with(secrets: &mut Vec<Range<usize>>, end: usize) {
    let touching = secrets.iter().take_while(|secret| secret.start <= end).count();
    let end = secrets.drain(..touching).map(|secret| secret.end).fold(end, usize::max);
    secrets.insert(0, 0..end);
}

/// Keeps what lies before `length`, and answers with how much of the rest belongs to the secret that is cut there.
fn cut(secrets: &mut Vec<Range<usize>>, length: usize) -> usize {
    secrets.truncate(secrets.iter().take_while(|secret| secret.start < length).count());
    let Some(last) = secrets.last_mut() else { return 0 };
    let beyond = last.end.saturating_sub(length);
    last.end -= beyond;
    beyond
}

/// Puts lines of one instant behind each other.
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

    /// Lines, the last one without its end.
    fn lines(&mut self, text: &[u8], wanted: Option<usize>) {
        let text = self.last(text, wanted);
        self.block.bytes.reserve(text.len() + self.whole.len() + 1);
        let mut start = 0;
        for end in memchr_iter(b'\n', text).chain([text.len()]) {
            let mut line = &text[start..end];
            while line.len() > LONGEST {
                let (piece, rest) = line.split_at(letter_end(line, LONGEST));
                self.put(piece, true);
                line = rest;
            }
            self.put(line.strip_suffix(b"\r").unwrap_or(line), false);
            start = end + 1;
        }
    }

    /// What is certain of a line that goes on.
    fn piece(&mut self, mut text: &[u8]) {
        while !text.is_empty() {
            let (piece, rest) = text.split_at(letter_end(text, LONGEST));
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

    /// The last lines of many; the others are counted.
    fn last<'a>(&mut self, text: &'a [u8], wanted: Option<usize>) -> &'a [u8] {
        let end = wanted.and_then(|wanted| memrchr_iter(b'\n', text).nth(wanted.saturating_sub(1)));
        let Some(end) = end else { return text };
        self.block.left_out += memchr_iter(b'\n', &text[..=end]).count() as u64;
        &text[end + 1..]
    }
}

/// What stands before the text of every line of this instant.
fn lead(at: DateTime<Utc>, stream: Stream, continues: bool) -> Vec<u8> {
    let mut lead = format(at, stream, b"", continues);
    lead.pop();
    lead
}

/// Where to cut after at most so many bytes without parting the bytes of a letter.
fn letter_end(text: &[u8], at_most: usize) -> usize {
    if text.len() <= at_most {
        return text.len();
    }
    let goes_on = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000;
    let parted = text[..=at_most].iter().rev().take_while(|byte| goes_on(byte)).count();
    // What goes on for longer than a letter is no text, and may be cut anywhere.
    if parted < LONGEST_LETTER { at_most - parted } else { at_most }
}
