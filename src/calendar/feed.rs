//! A calendar feed: its events, its age and its problems.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// A feed, as last read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Feed {
    /// In the order of their starts.
    pub occurrences: Vec<Occurrence>,
    /// When the copy was last confirmed; `None` for a feed that was never read.
    pub read_at: Option<DateTime<Utc>>,
    /// How old the copy may get; `None` for a file, which is always read again.
    pub max_age: Option<Duration>,
    /// Until when its events are known.
    pub horizon: Option<DateTime<Utc>>,
    /// What is wrong with it or was left out.
    pub problems: Vec<String>,
}

/// One event, `[from, until)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Occurrence {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub summary: String,
    pub people: Arc<EventPeople>,
}

/// Whom an event names by address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct EventPeople {
    /// Without those who declined, rooms and groups.
    pub attendees: Vec<NamedAddress>,
    pub organizer: Option<NamedAddress>,
}

/// The e-mail address of somebody in a calendar.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedAddress {
    /// As the calendar has it.
    pub name: Option<String>,
    pub email: String,
}

impl Feed {
    /// A feed that could not be read.
    #[must_use]
    pub fn unread(why: String) -> Self {
        Self { problems: vec![why], ..Self::default() }
    }

    /// When the copy gets too old; from then on it only warns.
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
