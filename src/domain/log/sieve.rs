//! Reads the lines of a log that pass a filter and the lines around them, block by block, within a budget.

use std::collections::BTreeMap;
use std::ops::Range;

use chrono::{DateTime, Utc};
use memchr::{memchr, memchr_iter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::filter::{LogBlock, LogFilter, SHOWN};
use super::search::{
    BLOCK, Direction, Extent, Unsearchable, Walk, Wanted, continues_at, whole_from, within,
};
use super::{LogFrom, LogLine, Piece, Stream};

/// How many bytes are read before and after a block: a line as long as it is shown, and some lines around it.
const AROUND: u64 = 96 * 1024;
/// The most lines that pass on one page.
const MOST_LINES: usize = 500;
/// About the most bytes on one page.
const MOST_BYTES: usize = 512 * 1024;

/// Which lines of a log are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFilter {
    pub wanted: Wanted,
    /// Those that do not match pass.
    pub inverted: bool,
    /// How many lines before and after each line are shown with it.
    pub around: usize,
}

impl LineFilter {
    /// The most lines around a line.
    pub const MOST_AROUND: usize = 20;
}

/// A reading of the lines that pass a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilteredRead {
    pub filter: LineFilter,
    pub from: LogFrom,
    /// The most lines that pass, at most 500. With 0 they are counted and not listed.
    pub limit: usize,
}

/// The lines of a part of a log that pass a filter, with lines around them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FilteredPage {
    /// The cursor of the first byte that was looked at.
    pub start: u64,
    /// The cursor after the last byte that was looked at, for the next page.
    pub next: u64,
    /// The size of the log now, in bytes.
    pub size: u64,
    /// No more lines will come: the step has ended and this page reaches its end.
    pub ended: bool,
    /// How many lines of the step were looked at.
    pub lines: u64,
    /// How many of them pass.
    pub passed: u64,
    /// Oldest first. Lines around a line that passes may be outside of what was looked at.
    pub kept: Vec<FilteredLine>,
}

/// A line of the log that passes a filter, or is near one that does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FilteredLine {
    /// The cursor of its first byte.
    pub cursor: u64,
    pub at: Option<DateTime<Utc>>,
    pub stream: Stream,
    /// Untrusted: the step wrote it.
    pub text: String,
    /// The step's line was too long and continues in the next line of the log.
    pub continues: bool,
    /// Else it is only near one that does.
    pub passes: bool,
}

impl FilteredLine {
    /// It as a line of the log.
    #[must_use]
    pub fn line(&self) -> LogLine {
        let Self { cursor, at, stream, continues, .. } = *self;
        LogLine { cursor, at, stream, text: self.text.clone().into_bytes(), continues }
    }
}

impl FilteredRead {
    /// Looks at about `budget` bytes of the log. `read` fills the buffer with the bytes from a cursor on.
    ///
    /// # Errors
    /// [`Unsearchable`] for a filter that nothing could pass or that is no pattern, and the errors of `read`.
    pub fn run<E: From<Unsearchable>>(
        &self,
        extent: Extent,
        budget: u64,
        read: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<FilteredPage, E> {
        let LineFilter { wanted, inverted, around } = &self.filter;
        wanted.check()?;
        let filter = LogFilter::new(wanted)?.for_lines();
        let mut sieve = Sieve {
            walk: Walk { filter, extent, read, buffer: Vec::new(), around: AROUND },
            inverted: *inverted,
            around: (*around).min(LineFilter::MOST_AROUND),
            limit: self.limit.min(MOST_LINES),
            bytes: 0,
            page: FilteredPage { size: extent.size, ..FilteredPage::default() },
            kept: BTreeMap::new(),
        };
        match self.from {
            LogFrom::After(cursor) => sieve.newer(cursor.min(extent.size), budget)?,
            LogFrom::Before(cursor) => sieve.older(cursor.min(extent.size), budget)?,
            LogFrom::End => sieve.older(extent.size, budget)?,
        }
        let Sieve { mut page, kept, .. } = sieve;
        page.kept = kept.into_values().collect();
        page.ended = extent.complete && page.next == extent.size;
        Ok(page)
    }
}

/// A running reading.
struct Sieve<R> {
    walk: Walk<R>,
    inverted: bool,
    around: usize,
    limit: usize,
    /// How many bytes are kept.
    bytes: usize,
    page: FilteredPage,
    kept: BTreeMap<u64, FilteredLine>,
}

impl<E, R: FnMut(u64, &mut [u8]) -> Result<(), E>> Sieve<R> {
    fn newer(&mut self, from: u64, budget: u64) -> Result<(), E> {
        let size = self.walk.extent.size;
        (self.page.start, self.page.next) = (from, from);
        while self.page.next < size && self.page.next - from < budget && !self.is_full() {
            let at = self.page.next;
            let end = size.min(at + BLOCK);
            let base = self.walk.fill(at, end)?;
            let start = within(at, base);
            let stop = self.walk.whole_until(start, within(end, base), end);
            let taken = self.take(base, start..stop, Direction::Newer);
            if taken.is_empty() {
                break;
            }
            self.page.next = base + taken.end as u64;
        }
        Ok(())
    }

    fn older(&mut self, from: u64, budget: u64) -> Result<(), E> {
        (self.page.start, self.page.next) = (from, from);
        while self.page.start > 0 && from - self.page.start < budget && !self.is_full() {
            let end = self.page.start;
            let start = end.saturating_sub(BLOCK);
            let base = self.walk.fill(start, end)?;
            let first = whole_from(&self.walk.buffer, within(start, base), within(end, base));
            let stop = self.walk.whole_until(first, within(end, base), end);
            let taken = self.take(base, first..stop, Direction::Older);
            if end == from {
                self.page.next = base + taken.end as u64;
            }
            self.page.start = base + taken.start as u64;
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        let is_over = self.page.passed >= self.limit as u64 || self.bytes >= MOST_BYTES;
        self.limit > 0 && is_over
    }

    /// Takes in the lines that begin in a range of the buffer, as far as there is room for them, and says how far.
    fn take(&mut self, base: u64, range: Range<usize>, towards: Direction) -> Range<usize> {
        let range = range.start..self.finished(base, &range);
        let lines = StepLines::of(&self.walk.buffer, &range, self.around, base == 0);
        let from = lines.first.saturating_sub(self.around);
        let passing = self.passing(&lines, from, &range);
        let (taken, range) = self.cut(&lines, &passing, range, towards);
        self.page.lines += taken.len() as u64;
        let near = passing.iter().filter(|nth| (from..taken.end).contains(nth));
        for &nth in near {
            let is_in = taken.contains(&nth);
            self.page.passed += u64::from(is_in);
            // A line before the range that passes was listed before; lines after it may have come since.
            let is_listed = self.limit > 0 && (is_in || nth < lines.first);
            if is_listed {
                self.keep_with_those_around(base, &lines, nth, &taken);
            }
        }
        range
    }

    /// The end of the range without a last line of the step that is not finished, which may still get what is wanted.
    fn finished(&self, base: u64, range: &Range<usize>) -> usize {
        let Extent { size, complete } = self.walk.extent;
        let bytes = &self.walk.buffer;
        if complete || base + bytes.len() as u64 != size {
            return range.end;
        }
        let mut start = range.start;
        let mut starts_at = range.start;
        let mut goes_on = continues_at(bytes, start);
        while let Some(end) = memchr(b'\n', &bytes[start..]).map(|end| start + end + 1) {
            if !goes_on && start < range.end {
                starts_at = start;
            }
            goes_on = Piece::of(&bytes[start..end - 1]).continues;
            start = end;
        }
        let is_short = start - starts_at < SHOWN;
        if goes_on && is_short && starts_at >= range.start { starts_at } else { range.end }
    }

    /// Which of the lines from `from` to the end of the range pass.
    fn passing(&self, lines: &StepLines, from: usize, range: &Range<usize>) -> Vec<usize> {
        let Some(&start) = lines.starts.get(from) else { return Vec::new() };
        let bytes = &self.walk.buffer;
        let start = start.min(range.start);
        let is_continued = continues_at(bytes, start);
        let block = LogBlock { bytes, lines: start..range.end, is_continued };
        let offers: Vec<_> = self.walk.filter.offers(&block).collect();
        let passes = |nth: &usize| offers.binary_search(&lines.starts[*nth]).is_ok();
        (from..lines.last).filter(|nth| passes(nth) != self.inverted).collect()
    }

    /// The lines for which there is room, and the range that they are.
    fn cut(
        &self,
        lines: &StepLines,
        passing: &[usize],
        range: Range<usize>,
        towards: Direction,
    ) -> (Range<usize>, Range<usize>) {
        let all = lines.first..lines.last;
        if self.limit == 0 {
            return (all, range);
        }
        let mut room = self.limit - usize::try_from(self.page.passed).unwrap_or(self.limit);
        let mut bytes = MOST_BYTES.saturating_sub(self.bytes);
        let mut has_room = |nth: &usize| {
            let has_room = room > 0 && bytes > 0;
            room = room.saturating_sub(1);
            bytes = bytes.saturating_sub(lines.length(*nth));
            has_room
        };
        let mut here = passing.iter().copied().filter(|nth| all.contains(nth));
        match towards {
            Direction::Newer => match here.find(|nth| !has_room(nth)) {
                Some(beyond) => (all.start..beyond, range.start..lines.starts[beyond]),
                None => (all, range),
            },
            Direction::Older => match here.rev().find(|nth| !has_room(nth)) {
                Some(beyond) => (beyond + 1..all.end, lines.starts[beyond + 1]..range.end),
                None => (all, range),
            },
        }
    }

    fn keep_with_those_around(
        &mut self,
        base: u64,
        lines: &StepLines,
        nth: usize,
        taken: &Range<usize>,
    ) {
        let before = nth.saturating_sub(self.around);
        let after = (nth + self.around + 1).min(lines.starts.len());
        for near in before..after {
            if near == nth && taken.contains(&nth) {
                self.keep(base, lines, near, true);
            } else if nth >= lines.first || near >= lines.first {
                self.keep(base, lines, near, false);
            }
        }
    }

    fn keep(&mut self, base: u64, lines: &StepLines, nth: usize, passes: bool) {
        let mut start = lines.starts[nth];
        let stop = start + lines.length(nth);
        while start < stop {
            let bytes = &self.walk.buffer;
            let end = memchr(b'\n', &bytes[start..stop]).map_or(stop, |end| start + end);
            let Piece { at, stream, text, continues } = Piece::of(&bytes[start..end]);
            let text = String::from_utf8_lossy(text).into_owned();
            let cursor = base + start as u64;
            self.bytes += text.len();
            let continues = continues && end + 1 < stop;
            let line = FilteredLine { cursor, at, stream, text, continues, passes };
            let kept = self.kept.entry(cursor).or_insert(line);
            kept.passes |= passes;
            start = end + 1;
        }
    }
}

/// The lines of the step in a part of the buffer; each may be several lines of the log.
struct StepLines {
    starts: Vec<usize>,
    /// Where the last of them ends.
    end: usize,
    /// Which of them begin in the range.
    first: usize,
    last: usize,
}

impl StepLines {
    /// Those that begin in the range, and with lines around them some before and so many after it. `is_start` says that
    /// the log begins with the bytes.
    fn of(bytes: &[u8], range: &Range<usize>, around: usize, is_start: bool) -> Self {
        let before = match memchr(b'\n', &bytes[..range.start]) {
            _ if around == 0 => range.start,
            _ if is_start => 0,
            Some(end) => end + 1,
            None => range.start,
        };
        let mut starts: Vec<usize> = Vec::new();
        let mut goes_on = continues_at(bytes, before);
        let mut start = before;
        let mut beyond = 0;
        let ends = memchr_iter(b'\n', &bytes[before..]).map(|end| before + end + 1);
        let last = (!bytes.ends_with(b"\n")).then_some(bytes.len());
        for end in ends.chain(last) {
            // The last line of the range may go on after it.
            if start >= range.end && !goes_on {
                if beyond == around || (Some(end) == last) {
                    break;
                }
                beyond += 1;
            }
            if !goes_on {
                starts.push(start);
            }
            goes_on =
                Piece::may_continue(&bytes[start..]) && Piece::of(&bytes[start..end]).continues;
            start = end;
        }
        let first = starts.partition_point(|at| *at < range.start);
        let last = starts.partition_point(|at| *at < range.end);
        Self { end: start, starts, first, last }
    }

    fn length(&self, nth: usize) -> usize {
        self.starts.get(nth + 1).map_or(self.end, |next| *next) - self.starts[nth]
    }
}
