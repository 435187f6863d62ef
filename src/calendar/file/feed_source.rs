//! Where a calendar feed is, and how it is read.

use std::path::{Component, Path};
use std::time::Duration;

use chrono_tz::Tz;
use trunkline_settings::{Mistakes, Section, Setting};

use super::values;

/// How old the copy of the calendar of who is on call may get by default: somebody may take over a shift at any time.
const ON_CALL_MAX_AGE: Duration = Duration::from_hours(6);

/// A feed that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedSource {
    /// The id of its rule, or [`FeedSource::ON_CALL`].
    pub id: String,
    pub place: FeedPlace,
    /// How old the copy of a feed may get. A file is always read again.
    pub max_age: Duration,
    /// The zone of dates, and of times without one.
    pub zone: Tz,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedPlace {
    /// Relative to the folder of the file that names it, and inside that folder.
    Path(String),
    Url(String),
}

impl FeedSource {
    /// The id of the calendar of who is on call, which belongs to no rule.
    pub const ON_CALL: &'static str = "on_call";

    /// The calendar of who is on call: `calendar`, `max_age` and `tz` of a section. `file` is the one that it is written in.
    pub fn on_call(
        entry: &Setting<'_>,
        section: &mut Section<'_>,
        file: &str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Self> {
        let max_age = section.take("max_age").map(|entry| entry.positive_duration(mistakes));
        let zone = section.take("tz").map(|entry| values::zone(&entry, mistakes));
        let is_address = entry.text(mistakes)?.contains("://");
        let place = if is_address {
            FeedPlace::address(entry, mistakes)
        } else {
            FeedPlace::below(entry, file, mistakes)
        };
        Some(Self {
            id: Self::ON_CALL.to_owned(),
            place: place?,
            max_age: max_age.unwrap_or(Some(ON_CALL_MAX_AGE))?,
            zone: zone.unwrap_or(Some(Tz::UTC))?,
        })
    }
}

impl FeedPlace {
    pub(super) fn address(entry: &Setting<'_>, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let text = entry.text(mistakes)?;
        let lower = text.to_ascii_lowercase();
        let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
        let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
        let is_whole = !text.contains(|c: char| c.is_whitespace() || c.is_control());
        if host.is_some_and(|host| !host.is_empty()) && is_whole {
            return Some(Self::Url(text.to_owned()));
        }
        let how = "write one that starts with https://";
        entry.reject(mistakes, format!("{text:?} is not a web address; {how}"));
        None
    }

    /// A file below the folder of `file`, so that its author cannot read other files through it.
    pub(super) fn below(
        entry: &Setting<'_>,
        file: &str,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<Self> {
        let text = entry.text(mistakes)?;
        let how = "name a file in it or below it";
        let is_below = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if text.contains('\0') || !Path::new(text).components().all(is_below) {
            entry.reject(mistakes, format!("{text:?} is outside the folder of {file}; {how}"));
            return None;
        }
        let names = Path::new(text).components().filter_map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        });
        let path = names.collect::<Vec<_>>().join("/");
        if path.is_empty() || text.ends_with('/') {
            let sentence =
                format!("{text:?} is not a file name; name a file in the folder of {file}");
            entry.reject(mistakes, sentence);
            return None;
        }
        Some(Self::Path(path))
    }
}
