//! The page of what changed in all services, with a cursor that follows the newest entry until it is moved.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::console::model::list::List;
use crate::domain::ids::Seq;
use crate::domain::timeline::{TimelineEntry, TimelinePage, TimelineRange};

/// How many events are read at first, and the most.
const FIRST: usize = 100;
const MOST: usize = 500;

/// The timeline on screen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChangedPage {
    pub span: ChangedSpan,
    /// How many events are asked for.
    limit: Option<usize>,
    /// What was read last, and whether that was of this span.
    pub page: Option<Box<TimelinePage>>,
    /// Why it could not be read since.
    pub failed: Option<String>,
    pub list: List<Seq>,
    /// The entry that is shown as a whole, scrolled down by so many lines.
    pub open: Option<(Box<TimelineEntry>, usize)>,
}

/// How far back it goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ChangedSpan {
    #[default]
    Hour,
    Day,
    TwoWeeks,
}

impl ChangedSpan {
    #[must_use]
    pub fn wider(self) -> Self {
        match self {
            Self::Hour => Self::Day,
            Self::Day | Self::TwoWeeks => Self::TwoWeeks,
        }
    }

    #[must_use]
    pub fn narrower(self) -> Self {
        match self {
            Self::Hour | Self::Day => Self::Hour,
            Self::TwoWeeks => Self::Day,
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "last hour",
            Self::Day => "last day",
            Self::TwoWeeks => "last two weeks",
        }
    }

    fn within(self) -> Duration {
        match self {
            Self::Hour => Duration::from_hours(1),
            Self::Day => Duration::from_hours(24),
            Self::TwoWeeks => Duration::from_hours(14 * 24),
        }
    }
}

impl ChangedPage {
    /// What is asked for.
    #[must_use]
    pub fn range(&self) -> TimelineRange {
        let limit = self.limit.unwrap_or(FIRST);
        TimelineRange { within: self.span.within(), before: None, limit }
    }

    /// Asks for more, if there is more and room for it.
    pub fn grow(&mut self) -> bool {
        let limit = self.limit.unwrap_or(FIRST);
        let grows = self.is_cut() && limit < MOST;
        if grows {
            self.limit = Some((limit + FIRST).min(MOST));
        }
        grows
    }

    /// Goes back to what is asked for at first.
    pub fn change_span(&mut self, span: ChangedSpan) {
        self.span = span;
        self.limit = None;
        self.page = None;
        self.failed = None;
    }

    /// Whether there are older ones in the span than were read.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.page.as_ref().is_some_and(|page| page.next.is_some())
    }

    #[must_use]
    pub fn entries(&self) -> &[TimelineEntry] {
        self.page.as_ref().map_or(&[], |page| &page.entries)
    }

    #[must_use]
    pub fn ids(&self) -> Vec<Seq> {
        self.entries().iter().map(|entry| entry.seq).collect()
    }

    /// The entry that is open, else the one under the cursor.
    #[must_use]
    pub fn selected(&self) -> Option<&TimelineEntry> {
        if let Some((entry, _)) = &self.open {
            return Some(entry);
        }
        self.entries().iter().find(|entry| Some(entry.seq) == self.list.selected)
    }

    /// When it was read.
    #[must_use]
    pub fn read_at(&self) -> Option<DateTime<Utc>> {
        self.page.as_ref().map(|page| page.at)
    }
}
