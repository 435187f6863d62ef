//! A line that is too long for the pane, to be read whole in a place of its own.

use chrono::{DateTime, Utc};

use crate::console::log::columns::Columns;
use crate::console::log::line::Line;
use crate::console::log::pane::LogPane;
use crate::console::log::scroll::down;
use crate::gate::columns;

/// A line of the log as it may be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongLine {
    pub at: Option<DateTime<Utc>>,
    /// More than one where a carriage return went back to overwrite.
    pub rows: Vec<String>,
    /// Bytes at its end that are not kept.
    pub hidden: usize,
}

impl LongLine {
    fn of(line: &Line) -> Self {
        let rows = line.rows.iter().map(|row| row.text.clone()).collect();
        Self { at: line.at, rows, hidden: line.hidden }
    }

    /// Its text in rows of so many columns.
    #[must_use]
    pub fn wrapped(&self, width: usize) -> Vec<String> {
        let wrap = |mut text: &str| {
            let mut parts = Vec::new();
            while !text.is_empty() {
                let first = text.chars().next().map_or(0, char::len_utf8);
                let (part, rest) = text.split_at(columns::fit(text, width).max(first));
                parts.push(part.to_owned());
                text = rest;
            }
            parts
        };
        self.rows.iter().flat_map(|row| wrap(row)).collect()
    }
}

impl LogPane {
    /// The text on screen, line by line, each whole.
    #[must_use]
    pub fn text(&self) -> Vec<String> {
        self.shown().flat_map(|line| line.rows.iter().map(|row| row.text.clone())).collect()
    }

    /// Whether there is a line to open: one that is cut, or in a filter the one that is pointed at.
    #[must_use]
    pub fn can_open(&self) -> bool {
        self.filter_text().is_some() || self.long_line().is_some()
    }

    /// The line on screen that is cut: the one that a search found, else the first.
    #[must_use]
    pub fn long_line(&self) -> Option<LongLine> {
        let (columns, _) = self.size();
        let cut: Vec<_> = self.shown().filter(|line| is_cut(line, columns)).collect();
        let found = self.hit.and_then(|(key, _)| cut.iter().find(|line| line.key == key));
        found.or(cut.first()).map(|line| LongLine::of(line))
    }

    /// Whether something of a line on screen is out of sight at its side.
    #[must_use]
    pub fn goes_sideways(&self) -> bool {
        self.shift > 0 || self.long_line().is_some()
    }

    /// Moves what is seen of cut lines by half of the pane, as far as the longest on screen goes.
    pub(super) fn move_sideways(&mut self, right: bool) {
        let (columns, _) = self.size();
        let half = (columns.text / 2).max(1);
        let rows = self.shown().flat_map(|line| &line.rows);
        let widest = rows.map(|row| columns::width(&row.text)).max().unwrap_or(0);
        let most = if columns.wrap { 0 } else { widest.saturating_sub(half) };
        let wanted = if right { self.shift + half } else { self.shift.saturating_sub(half) };
        self.shift = if widest <= columns.text { 0 } else { wanted.min(most) };
    }

    /// The lines of which at least a row is on screen.
    fn shown(&self) -> impl Iterator<Item = &Line> {
        let (columns, height) = self.size();
        let ends = self.top(columns, height).map(|top| {
            let bottom = down(&self.window, columns, top, height.saturating_sub(1));
            (self.window.index(top.key), bottom.key)
        });
        ends.into_iter().flat_map(|(first, bottom)| {
            let lines = (first..self.window.len()).filter_map(|at| self.window.get(at));
            lines.take_while(move |line| line.key <= bottom)
        })
    }
}

fn is_cut(line: &Line, columns: Columns) -> bool {
    let wide = |text: &str| !columns.wrap && columns::width(text) > columns.text;
    line.hidden > 0 || line.rows.iter().any(|row| wide(&row.text))
}
