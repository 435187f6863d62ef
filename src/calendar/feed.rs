//! The events of a calendar feed, and how much is known of it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// A feed as it was last read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Feed {
    /// In the order of their beginnings.
    pub occurrences: Vec<Occurrence>,
    /// When the copy was known to be right; `None` is a feed that nobody has read yet.
    pub read_at: Option<DateTime<Utc>>,
    /// How old the copy may grow; `None` for a file that is read whenever it is asked.
    pub max_age: Option<Duration>,
    /// Up to when its recurring events were laid out.
    pub horizon: Option<DateTime<Utc>>,
    /// What is wrong with it, or was left out of it.
    pub problems: Vec<String>,
}

/// One event, `[from, until)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Occurrence {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub summary: String,
}

impl Feed {
    /// One that is known by its trouble alone.
    #[must_use]
    pub fn unread(why: String) -> Self {
        Self { problems: vec![why], ..Self::default() }
    }

    /// When the copy becomes too old to rest on; it only warns from then on.
    #[must_use]
    pub fn stale_from(&self) -> Option<DateTime<Utc>> {
        let age = TimeDelta::from_std(self.max_age?).unwrap_or(TimeDelta::MAX);
        self.read_at?.checked_add_signed(age)
    }

    #[must_use]
    pub fn is_stale(&self, now: DateTime<Utc>) -> bool {
        self.stale_from().is_some_and(|stale| stale <= now)
    }
}
