//! One freezes.toml with the events of its feeds around an instant. It never changes; making one can be slow.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::feeds::Feeds;
use super::file_feeds::{FileFeeds, Files};
use super::saved::{SavedText, SavedTexts};
use crate::calendar::{FREEZES_FILE, FeedPlace, FreezeRules, FreezesFile};
use crate::domain::ids::ServiceName;
use crate::fault;

#[derive(Debug, Default)]
pub(super) struct Source {
    /// `None` without a file.
    pub text: Option<String>,
    /// `None` if no version was valid.
    pub file: Option<FreezesFile>,
    /// The service of the file; `None` for the engine's own.
    of: Option<ServiceName>,
    pub feeds: Arc<FileFeeds>,
    pub rules: FreezeRules,
}

impl Source {
    /// No file.
    pub fn none() -> Self {
        Self { file: Some(FreezesFile::default()), ..Self::default() }
    }

    /// A file whose feeds are not computed yet.
    pub fn of(of: Option<ServiceName>, text: String, file: FreezesFile, files: Files) -> Self {
        let rules = named(of.as_ref(), &file.rules);
        let feeds = Arc::new(FileFeeds::of(of.clone(), file.feeds.clone(), files));
        Self { text: Some(text), file: Some(file), of, feeds, rules }
    }

    /// A file without any valid version: every promote needs a reason.
    pub fn unreadable(of: Option<ServiceName>, why: &str) -> Self {
        let rules = named(of.as_ref(), &FreezeRules::unreadable(FREEZES_FILE, why));
        Self { of, rules, ..Self::default() }
    }

    /// A saved text. It was valid once; a newer trunkline may reject it.
    pub fn kept(of: Option<ServiceName>, text: SavedText, kept: &SavedTexts) -> Self {
        let text = match text {
            Ok(text) => text,
            Err(why) => {
                let why = format!("the last valid copy cannot be read: {why}");
                return Self { text: Some(String::new()), ..Self::unreadable(of, &why) };
            }
        };
        match parse(&text, FREEZES_FILE) {
            Ok(file) => {
                let feeds = FileFeeds::of(of.clone(), file.feeds.clone(), Files::new());
                let files = feeds.sources.iter().filter_map(|feed| {
                    let FeedPlace::Path(_) = &feed.place else { return None };
                    Some((feed.id.clone(), Ok(kept.feed(&feeds.key(feed))?.into())))
                });
                Self::of(of, text, file, files.collect())
            }
            Err(why) => Self { text: Some(text), ..Self::unreadable(of, &why) },
        }
    }

    /// Whether it has the same texts.
    pub fn is_from(&self, text: Option<&str>, files: &Files) -> bool {
        self.file.is_some() && self.text.as_deref() == text && self.feeds.files == *files
    }

    /// The same with the current events of its feeds. An invalid feed keeps its last valid events, also those of the
    /// previous file.
    pub fn with_events(&self, before: &Self, feeds: &Feeds, now: DateTime<Utc>) -> Self {
        let (read, events) = self.feeds.with_events(&before.feeds, feeds, now);
        let events: std::collections::BTreeMap<_, _> =
            events.into_iter().map(|(id, feed)| (self.id(&id), feed)).collect();
        Self {
            text: self.text.clone(),
            file: self.file.clone(),
            of: self.of.clone(),
            feeds: Arc::new(read),
            rules: self.rules.with_feeds(|id| events.get(id).cloned()),
        }
    }

    /// The id of a rule outside of its file.
    fn id(&self, freeze: &str) -> String {
        match &self.of {
            Some(service) => format!("{}/{freeze}", service.as_str()),
            None => freeze.to_owned(),
        }
    }
}

fn named(of: Option<&ServiceName>, rules: &FreezeRules) -> FreezeRules {
    of.map_or_else(|| rules.clone(), |service| rules.prefixed(service.as_str()))
}

/// Parses the file; `shown` is its name in errors.
pub(super) fn parse(text: &str, shown: &str) -> Result<FreezesFile, String> {
    let parsed = fault::contained(|| FreezesFile::parse(text, shown));
    let parsed = parsed.ok_or_else(|| format!("{shown}: the parser crashed on it"))?;
    parsed.map_err(|error| error.in_one_line())
}
