//! The window where only lines that pass a filter are shown: it holds those of the part that was looked at.

use crate::console::log::line::Line;
use crate::console::log::window::{End, Window};
use crate::domain::log::FilteredPage;

impl Window {
    /// Holds what this page has and nothing else.
    pub fn replace_filtered(&mut self, page: &FilteredPage) {
        *self = Self { start: page.start, end: page.next, ..Self::new(self.limits) };
        self.merge(page, End::Older);
    }

    /// Adds what a page has, which touches what was looked at. Says how many lines that pass are newer than that.
    pub fn merge(&mut self, page: &FilteredPage, gives: End) -> usize {
        if page.size < self.end {
            // The log was replaced by a shorter one.
            self.end = 0;
            self.replace_filtered(page);
            return self.lines.len();
        }
        let end = self.end;
        let mut added = 0;
        for line in whole_lines(page) {
            added += usize::from(line.key.cursor >= end && !line.is_near);
            self.insert(line);
        }
        self.learn(page);
        self.start = self.start.min(page.start);
        self.end = self.end.max(page.next);
        self.shrink(gives);
        added
    }

    /// Takes over how long the log is now.
    pub fn learn(&mut self, page: &FilteredPage) {
        self.size = self.size.max(page.size);
        self.ended = page.ended || self.ended && page.size <= self.end;
    }

    fn insert(&mut self, line: Line) {
        let at = self.index(line.key);
        if let Some(held) = self.lines.get_mut(at).filter(|held| held.key == line.key) {
            held.is_near &= line.is_near;
        } else {
            self.remember(&line);
            self.lines.insert(at, line);
        }
    }
}

/// The lines of the step, each of one or more lines of the log.
fn whole_lines(page: &FilteredPage) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for kept in &page.kept {
        if let Some(last) = lines.last_mut().filter(|last| last.continues()) {
            last.extend(&kept.line());
        } else {
            let mut line = Line::new(&kept.line());
            line.is_near = !kept.passes;
            lines.push(line);
        }
    }
    lines
}
