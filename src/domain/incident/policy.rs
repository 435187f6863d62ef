//! The severities of a service, and when a postmortem has to be there.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Datelike as _, Days, TimeDelta, Utc, Weekday};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::time::{Milliseconds, millis};

/// `[incidents]` of the service file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct IncidentPolicy {
    /// The worst first; at least one.
    pub severities: Vec<SeverityLevel>,
    /// How long after the last update the next one is due.
    #[serde(with = "millis")]
    #[schema(value_type = Milliseconds)]
    pub remind: Duration,
    /// The time for the postmortem of an incident that affected users, where its severity names none.
    pub postmortem: PostmortemTime,
}

/// One severity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct SeverityLevel {
    /// `SEV-1`.
    pub name: String,
    /// What it means.
    pub about: String,
    /// The time for the postmortem; without it, this severity alone asks for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postmortem: Option<PostmortemTime>,
}

/// How long after its end the postmortem of an incident has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PostmortemTime {
    /// Days of 24 hours.
    Days(u32),
    /// Mondays to Fridays, in UTC; holidays count as business days.
    BusinessDays(u32),
}

/// The longest that a postmortem may take.
const MOST_DAYS: u32 = 365;

impl PostmortemTime {
    /// When it is due, after an incident that was resolved then.
    #[must_use]
    pub fn after(self, resolved: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Days(days) => resolved + TimeDelta::days(i64::from(days.min(MOST_DAYS))),
            Self::BusinessDays(days) => {
                let mut due = resolved;
                for _ in 0..days.min(MOST_DAYS) {
                    due = next_business_day(due);
                }
                due
            }
        }
    }
}

fn next_business_day(after: DateTime<Utc>) -> DateTime<Utc> {
    let mut day = after + Days::new(1);
    while matches!(day.weekday(), Weekday::Sat | Weekday::Sun) {
        day = day + Days::new(1);
    }
    day
}

impl fmt::Display for PostmortemTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, what) = match self {
            Self::Days(days) => (days, "day"),
            Self::BusinessDays(days) => (days, "business day"),
        };
        let plural = if *count == 1 { "" } else { "s" };
        write!(f, "{count} {what}{plural}")
    }
}

impl std::str::FromStr for PostmortemTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not a time for a postmortem; write \"3 days\" or \"5 business days\""
            )
        };
        let (count, what) = text.split_once(' ').ok_or_else(wrong)?;
        let count = count.parse().ok().filter(|count| (1..=MOST_DAYS).contains(count));
        match (count, what.trim()) {
            (Some(count), "day" | "days") => Ok(Self::Days(count)),
            (Some(count), "business day" | "business days") => Ok(Self::BusinessDays(count)),
            _ => Err(wrong()),
        }
    }
}

impl Default for IncidentPolicy {
    fn default() -> Self {
        let level = |name: &str, about: &str, postmortem| SeverityLevel {
            name: name.to_owned(),
            about: about.to_owned(),
            postmortem,
        };
        let day = PostmortemTime::Days(1);
        Self {
            severities: vec![
                level("SEV-1", "production down or data loss", Some(day)),
                level("SEV-2", "significant degradation, a major feature broken", Some(day)),
                level("SEV-3", "minor degradation, a workaround is there", None),
                level("SEV-4", "cosmetic or low impact", None),
            ],
            remind: Duration::from_mins(15),
            postmortem: day,
        }
    }
}

impl IncidentPolicy {
    pub(in crate::domain) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The severity that a person names: `sev-2`, or its last part, `2`.
    #[must_use]
    pub fn severity(&self, name: &str) -> Option<&SeverityLevel> {
        let name = name.trim();
        let is_named = |level: &&SeverityLevel| {
            let last = level.name.rsplit('-').next();
            level.name.eq_ignore_ascii_case(name) || last == Some(name)
        };
        self.severities.iter().find(is_named)
    }

    /// All of them with what they mean: `SEV-1 (production down or data loss), SEV-2 (…)`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let each = |level: &SeverityLevel| match level.about.as_str() {
            "" => level.name.clone(),
            about => format!("{} ({about})", level.name),
        };
        self.severities.iter().map(each).collect::<Vec<_>>().join(", ")
    }
}
