//! The feeds that one file names, with their events around an instant and the last valid ones. They never change; reading
//! them can be slow.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::feeds::{Feeds, feed_span};
use crate::calendar::{Feed, FeedPlace, FeedSource};
use crate::config::freezes as files;
use crate::domain::ids::ServiceName;

/// The events of feeds are computed again after this time.
const REFRESH: TimeDelta = TimeDelta::days(1);

/// The texts of feed files by the ids of their sources, or why they cannot be read.
pub(super) type Files = BTreeMap<String, Result<Arc<str>, String>>;

/// The events of each feed, by the id of its source.
pub(super) type FeedEvents = BTreeMap<String, Feed>;

#[derive(Debug, Default)]
pub(super) struct FileFeeds {
    /// The service of the file; `None` for the engine's own.
    of: Option<ServiceName>,
    pub sources: Vec<FeedSource>,
    pub files: Files,
    /// The last valid feeds by the ids of their sources.
    good: BTreeMap<String, ValidFeed>,
    computed_at: Option<DateTime<Utc>>,
    versions: Vec<u64>,
}

#[derive(Debug, Clone)]
struct ValidFeed {
    source: FeedSource,
    feed: Feed,
    /// The text of a feed file.
    text: Option<Arc<str>>,
    /// When the next text turned out invalid.
    until: Option<DateTime<Utc>>,
}

impl FileFeeds {
    /// Feeds whose events are not computed yet.
    pub fn of(of: Option<ServiceName>, sources: Vec<FeedSource>, files: Files) -> Self {
        Self { of, sources, files, ..Self::default() }
    }

    /// The key of a feed copy: its address, or its file and service.
    pub fn key(&self, feed: &FeedSource) -> String {
        let of = self.of.as_ref().map_or("", ServiceName::as_str);
        match &feed.place {
            FeedPlace::Url(url) => url.clone(),
            FeedPlace::Path(path) => format!("{of}\n{}\n{path}", feed.id),
        }
    }

    /// The last valid texts of the feed files with the keys of their copies.
    pub fn good_texts(&self) -> impl Iterator<Item = (String, &str)> {
        let all = self.good.values();
        all.filter_map(|good| Some((self.key(&good.source), good.text.as_deref()?)))
    }

    /// Whether a feed of the web has to be fetched.
    pub fn is_due(&self, feeds: &Feeds, now: DateTime<Utc>) -> bool {
        self.sources.iter().any(|source| feeds.is_due(source, now))
    }

    /// Whether the events may be out of date.
    pub fn is_old(&self, feeds: &Feeds, now: DateTime<Utc>) -> bool {
        self.computed_at.is_none_or(|at| now - at > REFRESH || now < at)
            || self.versions != feeds.versions(&self.sources)
    }

    /// The same with the current events. An invalid feed keeps its last valid events, also those of the previous file.
    pub fn with_events(
        &self,
        before: &Self,
        feeds: &Feeds,
        now: DateTime<Utc>,
    ) -> (Self, FeedEvents) {
        // Read first, so that an answer in between makes these outdated.
        let versions = feeds.versions(&self.sources);
        let (mut good, mut events) = (BTreeMap::new(), FeedEvents::new());
        for source in &self.sources {
            let feed = match self.read(source, feeds, now) {
                Ok(feed) => {
                    let text = self.files.get(&source.id).and_then(|text| text.clone().ok());
                    let found =
                        ValidFeed { source: source.clone(), feed: feed.clone(), text, until: None };
                    good.insert(source.id.clone(), found);
                    feed
                }
                Err(why) => match before.last_good(source, now) {
                    Some(last) => {
                        let feed = last.with(why);
                        good.insert(source.id.clone(), last);
                        feed
                    }
                    None => Feed::unread(why),
                },
            };
            events.insert(source.id.clone(), feed);
        }
        let (of, sources, files) = (self.of.clone(), self.sources.clone(), self.files.clone());
        (Self { of, sources, files, good, computed_at: Some(now), versions }, events)
    }

    fn read(&self, source: &FeedSource, feeds: &Feeds, now: DateTime<Utc>) -> Result<Feed, String> {
        match &source.place {
            FeedPlace::Url(url) => feeds.read(url, source, now),
            FeedPlace::Path(path) => match self.files.get(&source.id) {
                Some(Ok(text)) => files::feed(text, source.zone, feed_span(now), now)
                    .map_err(|why| format!("{path:?} {why}")),
                Some(Err(why)) => Err(why.clone()),
                None => Err(format!("{path:?} has not been read yet")),
            },
        }
    }

    fn last_good(&self, source: &FeedSource, now: DateTime<Utc>) -> Option<ValidFeed> {
        let good = self.good.get(&source.id)?;
        let is_same = good.source.place == source.place && good.source.zone == source.zone;
        let until = good.until.or(Some(now));
        is_same.then(|| ValidFeed { source: source.clone(), until, ..good.clone() })
    }
}

impl ValidFeed {
    /// The last valid feed. Its age counts from the time when the next text was invalid.
    fn with(&self, trouble: String) -> Feed {
        let mut feed = self.feed.clone();
        if feed.max_age.is_none() {
            (feed.read_at, feed.max_age) = (self.until, Some(self.source.max_age));
        }
        feed.problems.push(trouble);
        feed
    }
}
