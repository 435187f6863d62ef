//! The part of a log that is in memory: whole lines, within limits. A gap is marked by a note.

mod filtered;

use std::collections::VecDeque;

use crate::console::log::line::{Key, Line};
use crate::domain::log::{LogLine, LogPage};

/// How much of a log is kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub lines: usize,
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { lines: 20_000, bytes: 8 * 1024 * 1024 }
    }
}

/// The end that is dropped when there is too much: the one that is not on screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Older,
    Newer,
}

#[derive(Debug, Clone, Default)]
pub struct Window {
    lines: VecDeque<Line>,
    /// The cursors between which every line is here.
    start: u64,
    end: u64,
    /// The last known length of the log.
    size: u64,
    ended: bool,
    weight: usize,
    errors: usize,
    limits: Limits,
    /// At which end lines were given up and not read again since.
    gave_up: Option<End>,
}

impl Window {
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Holds this page and nothing else.
    pub fn replace(&mut self, page: &LogPage) {
        *self = Self { start: page.start, end: page.start, ..Self::new(self.limits) };
        self.append(page, End::Older);
    }

    /// Makes room for as much again at the newer end.
    pub fn make_room(&mut self) {
        let all = self.limits;
        self.limits = Limits { lines: all.lines / 2, bytes: all.bytes / 2 };
        self.shrink(End::Older);
        self.limits = all;
    }

    /// Holds nothing; the next page begins here.
    pub fn restart_at(&mut self, cursor: u64) {
        let size = self.size;
        *self = Self { start: cursor, end: cursor, size, ..Self::new(self.limits) };
    }

    /// Adds newer lines, and says how many. Where lines are missing in between, a note says so.
    pub fn append(&mut self, page: &LogPage, gives: End) -> usize {
        if page.next < self.end {
            self.replace_shorter(page);
            return self.lines.len();
        }
        if page.start > self.end {
            let missing = page.start - self.end;
            self.note(&format!("-- {missing} bytes of the log are missing here --"));
        }
        let (before, end) = (self.lines.len(), self.end);
        for line in page.lines().filter(|line| line.cursor >= end) {
            self.push(&line);
        }
        self.end = page.next;
        self.size = page.size;
        self.ended = page.ended;
        let added = self.lines.len() - before;
        self.shrink(gives);
        added
    }

    /// Adds older lines.
    pub fn prepend(&mut self, page: &LogPage, gives: End) {
        let mut older = Self::new(self.limits);
        for line in page.lines().filter(|line| line.cursor < self.start) {
            older.push(&line);
        }
        if let Some(mut seam) = older.lines.pop_back_if(|line| line.continues())
            && let Some(rest) = self.lines.pop_front()
        {
            self.forget(&rest);
            older.forget(&seam);
            seam.join(rest);
            self.remember(&seam);
            self.lines.push_front(seam);
        }
        self.weight += older.weight;
        self.errors += older.errors;
        for line in older.lines.into_iter().rev() {
            self.lines.push_front(line);
        }
        // An empty answer means that there is nothing older to be had.
        self.start = if page.bytes.is_empty() { 0 } else { page.start.min(self.start) };
        self.shrink(gives);
    }

    /// Adds a sentence of the pane at the newer end.
    pub fn note(&mut self, sentence: &str) {
        let line = Line::note(self.end, sentence);
        if self.lines.back().is_none_or(|last| last.key < line.key) {
            self.remember(&line);
            self.lines.push_back(line);
        }
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub fn get(&self, index: usize) -> Option<&Line> {
        self.lines.get(index)
    }

    /// The line at the key, or the first after it.
    pub fn index(&self, key: Key) -> usize {
        self.lines.partition_point(|line| line.key < key)
    }

    pub fn start(&self) -> u64 {
        self.start
    }

    pub fn end(&self) -> u64 {
        self.end
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Its last line goes on in one that is not here.
    pub fn is_unfinished(&self) -> bool {
        self.lines.back().is_some_and(Line::continues)
    }

    /// Nothing is older than what is here.
    pub fn reaches_start(&self) -> bool {
        self.start == 0
    }

    /// Nothing is newer than what is here, as far as is known.
    pub fn reaches_end(&self) -> bool {
        self.end >= self.size
    }

    /// There is more to read than can be kept; scrolling back reads it again.
    pub fn is_far_behind(&self) -> bool {
        self.size.saturating_sub(self.end) > self.limits.bytes as u64
    }

    /// The log has ended and its end is here.
    pub fn is_final(&self) -> bool {
        self.ended && self.reaches_end()
    }

    /// Lines at this end were given up to keep others.
    pub fn gave_up(&self, end: End) -> bool {
        self.gave_up == Some(end)
    }

    /// The line with this key is here.
    pub fn holds(&self, key: Key) -> bool {
        self.get(self.index(key)).is_some_and(|line| line.key == key)
    }

    /// The log is shorter than what was read of it: it was replaced.
    fn replace_shorter(&mut self, page: &LogPage) {
        self.replace(page);
        if page.start > 0 {
            return;
        }
        let line = Line::note(0, "-- the log started again --");
        self.remember(&line);
        self.lines.push_front(line);
    }

    fn push(&mut self, line: &LogLine) {
        let goes_on = self.lines.back().is_some_and(Line::continues);
        let line = match self.lines.pop_back_if(|_| goes_on) {
            Some(mut last) => {
                self.forget(&last);
                last.extend(line);
                last
            }
            None => Line::new(line),
        };
        self.remember(&line);
        self.lines.push_back(line);
    }

    fn remember(&mut self, line: &Line) {
        self.weight += line.weight();
        self.errors += usize::from(line.is_error());
    }

    fn forget(&mut self, line: &Line) {
        self.weight -= line.weight();
        self.errors -= usize::from(line.is_error());
    }

    /// Gives up lines at one end until the rest is within the limits. One line always stays.
    fn shrink(&mut self, end: End) {
        while self.lines.len() > 1
            && (self.lines.len() > self.limits.lines || self.weight > self.limits.bytes)
        {
            let gone = match end {
                End::Older => self.lines.pop_front(),
                End::Newer => self.lines.pop_back(),
            };
            let Some(gone) = gone else { return };
            self.forget(&gone);
            self.gave_up = Some(end);
            match end {
                End::Older => {
                    let first = self.lines.front().map_or(self.end, |l| l.key.cursor);
                    self.start = self.start.max(first);
                }
                End::Newer => {
                    self.end = self.end.min(gone.key.cursor);
                    self.ended = false;
                    self.size = self.size.max(self.end + 1);
                }
            }
        }
    }
}
