//! The columns of the pane: what is in front of a line's text, and how that text is cut into rows.

use std::ops::Range;

use chrono::{DateTime, Utc};

use crate::calendar::Tz;
use crate::domain::time;
use crate::gate::LogRow;
use crate::gate::columns::fit;

/// Below this the text needs every column.
const TIME_FROM: usize = 40;
const GUTTER_FROM: usize = 6;
const TIME: usize = 9;

/// What is in front of each line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TimeColumn {
    #[default]
    Off,
    Local,
    Utc,
    /// How long ago.
    Relative,
}

impl TimeColumn {
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Off => Self::Local,
            Self::Local => Self::Utc,
            Self::Utc => Self::Relative,
            Self::Relative => Self::Off,
        }
    }

    #[must_use]
    pub fn say(self, at: DateTime<Utc>, now: DateTime<Utc>, zone: Tz) -> String {
        match self {
            Self::Off => String::new(),
            Self::Local => at.with_timezone(&zone).format("%H:%M:%S").to_string(),
            Self::Utc => at.format("%H:%M:%SZ").to_string(),
            Self::Relative => format!("-{}", time::say(time::between(at, now))),
        }
    }
}

/// How wide each column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    pub gutter: usize,
    /// With the space after it.
    pub time: usize,
    pub text: usize,
    pub wrap: bool,
}

impl Columns {
    pub fn new(width: usize, time: TimeColumn, plain: bool, wrap: bool) -> Self {
        let gutter = usize::from(!plain && width >= GUTTER_FROM);
        let shows_time = !plain && time != TimeColumn::Off && width >= TIME_FROM;
        let time = if shows_time { TIME + 1 } else { 0 };
        Self { gutter, time, text: width - gutter - time, wrap }
    }

    /// The parts of a row's text that get a row of the screen each. Not wrapped, it is one and may be too long.
    pub fn parts(self, row: &LogRow) -> impl Iterator<Item = Range<usize>> {
        let mut next = Some(0);
        std::iter::from_fn(move || {
            let start = next?;
            let end = if self.wrap { self.part_end(&row.text, start) } else { row.text.len() };
            next = (end < row.text.len()).then_some(end);
            Some(start..end)
        })
    }

    /// At least one character, however narrow the pane.
    fn part_end(self, text: &str, start: usize) -> usize {
        let rest = &text[start..];
        let first = rest.chars().next().map_or(0, char::len_utf8);
        start + fit(rest, self.text).max(first)
    }
}
