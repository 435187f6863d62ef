//! A search through a log of any size, block by block, within a budget.

use memchr::{memchr, memrchr};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Piece;
use super::filter::{LogBlock, LogFilter};

/// How many bytes are searched at a time, and how many are read before and after them.
pub(super) const BLOCK: u64 = 512 * 1024;
const AROUND: u64 = 32 * 1024;

/// The longest search text, in bytes.
const LONGEST: usize = 1_000;

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A text as shown on screen. Letters match in either case unless one of them is upper case.
    Text(String),
    /// A regular expression for a row as shown on screen. Letters match as those of a text.
    Pattern(String),
    /// A line of level [`Level::Error`](super::Level::Error).
    Error,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Older,
    Newer,
}

/// A search through a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSearch {
    pub wanted: Wanted,
    pub direction: Direction,
    /// The cursor to start at: the start of the first line to search or, towards older lines, the end of the last.
    pub from: u64,
}

/// The result of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum LogFind {
    /// The line at this cursor may match; the reader checks it. No line between it and the start of the search matches.
    Found { at: u64, size: u64 },
    /// No match up to this cursor. Continue the search from there.
    NotYet { reached: u64, size: u64 },
    /// No match in the rest of the log.
    Nowhere { size: u64 },
}

/// The text to look for is empty or too long, or the pattern is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the text to look for is empty or longer than {LONGEST} bytes, or is not a regular expression"
)]
pub struct Unsearchable;

/// The size of the log during a search.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    pub size: u64,
    /// The log will not grow, so a last line without a line end counts.
    pub complete: bool,
}

impl Wanted {
    /// Whether the search is case-sensitive.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        match self {
            Self::Text(text) => text.chars().any(char::is_uppercase),
            Self::Pattern(pattern) => has_upper_case_letter(pattern),
            Self::Error => false,
        }
    }

    /// Refuses what nobody can look for.
    pub(super) fn check(&self) -> Result<(), Unsearchable> {
        match self {
            Self::Text(text) | Self::Pattern(text) if text.is_empty() || text.len() > LONGEST => {
                Err(Unsearchable)
            }
            _ => Ok(()),
        }
    }
}

impl LogSearch {
    /// Searches about `budget` bytes of the log. `read` fills the buffer with the bytes from a cursor on.
    ///
    /// # Errors
    /// [`Unsearchable`] for a text that is empty or too long, and the errors of `read`.
    pub fn run<E: From<Unsearchable>>(
        &self,
        extent: Extent,
        budget: u64,
        read: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<LogFind, E> {
        self.wanted.check()?;
        let filter = LogFilter::new(&self.wanted)?;
        let mut walk = Walk { filter, extent, read, buffer: Vec::new(), around: AROUND };
        let from = self.from.min(extent.size);
        match self.direction {
            Direction::Newer => walk.newer(from, budget),
            Direction::Older => walk.older(from, budget),
        }
    }
}

/// Outside of classes such as `\W`.
fn has_upper_case_letter(pattern: &str) -> bool {
    let mut is_escaped = false;
    pattern.chars().any(|c| {
        let was_escaped = is_escaped;
        is_escaped = c == '\\' && !was_escaped;
        !was_escaped && c.is_uppercase()
    })
}

/// A running search.
pub(super) struct Walk<R> {
    pub filter: LogFilter,
    pub extent: Extent,
    pub read: R,
    pub buffer: Vec<u8>,
    /// How many bytes are read before and after a block.
    pub around: u64,
}

impl<E, R: FnMut(u64, &mut [u8]) -> Result<(), E>> Walk<R> {
    fn newer(&mut self, from: u64, budget: u64) -> Result<LogFind, E> {
        let size = self.extent.size;
        let mut at = from;
        while at < size {
            if at - from >= budget {
                return Ok(LogFind::NotYet { reached: at, size });
            }
            let end = size.min(at + BLOCK);
            let base = self.fill(at, end)?;
            let bytes = &self.buffer;
            let lines =
                within(at, base)..self.whole_until(within(at, base), within(end, base), end);
            if lines.is_empty() {
                break;
            }
            let block = LogBlock { bytes, is_continued: continues_at(bytes, lines.start), lines };
            if let Some(found) = self.filter.offers(&block).next() {
                return Ok(LogFind::Found { at: base + found as u64, size });
            }
            at = base + block.lines.end as u64;
        }
        Ok(LogFind::Nowhere { size })
    }

    fn older(&mut self, from: u64, budget: u64) -> Result<LogFind, E> {
        let size = self.extent.size;
        let mut end = from;
        while end > 0 {
            if from - end >= budget {
                return Ok(LogFind::NotYet { reached: end, size });
            }
            let start = end.saturating_sub(BLOCK);
            let base = self.fill(start, end)?;
            let bytes = &self.buffer;
            let first = whole_from(bytes, within(start, base), within(end, base));
            let lines = first..self.whole_until(first, within(end, base), end);
            let block = LogBlock { bytes, is_continued: continues_at(bytes, first), lines };
            if let Some(found) = self.filter.offers(&block).last() {
                return Ok(LogFind::Found { at: base + found as u64, size });
            }
            end = base + first as u64;
        }
        Ok(LogFind::Nowhere { size })
    }

    /// Reads a block and the bytes around it. Returns the cursor of the buffer's start.
    pub fn fill(&mut self, start: u64, end: u64) -> Result<u64, E> {
        let base = start.saturating_sub(self.around);
        let end = self.extent.size.min(end + self.around);
        self.buffer.resize(within(end, base), 0);
        (self.read)(base, &mut self.buffer)?;
        Ok(base)
    }

    /// The end of the last whole line between two positions of the buffer; `cursor` is the cursor of `end`. A line that
    /// is longer than the range is cut.
    pub fn whole_until(&self, start: usize, end: usize, cursor: u64) -> usize {
        let is_last = cursor == self.extent.size;
        if is_last && self.extent.complete {
            return end;
        }
        match memrchr(b'\n', &self.buffer[start..end]) {
            Some(last) => start + last + 1,
            None if is_last => start,
            None => end,
        }
    }
}

/// The first position from `start` on at which a line starts. A line that is longer than the range is cut.
pub(super) fn whole_from(bytes: &[u8], start: usize, end: usize) -> usize {
    let Some(before) = start.checked_sub(1) else { return 0 };
    match memchr(b'\n', &bytes[before..end]) {
        Some(at) if before + at + 1 < end => before + at + 1,
        _ => start,
    }
}

/// Whether the line before this position continues there.
pub(super) fn continues_at(bytes: &[u8], at: usize) -> bool {
    let Some(line) = bytes[..at].strip_suffix(b"\n") else { return false };
    let start = memrchr(b'\n', line).map_or(0, |end| end + 1);
    Piece::of(&line[start..]).continues
}

/// A cursor as a position in a buffer that starts at `base`.
pub(super) fn within(cursor: u64, base: u64) -> usize {
    usize::try_from(cursor - base).expect("a buffer fits into memory")
}
