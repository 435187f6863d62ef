//! One freezes.toml with the events of its feeds around an instant. It never changes; making one can be slow.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::feeds::{Feeds, feed_span};
use super::saved::{SavedText, SavedTexts};
use crate::calendar::{FREEZES_FILE, Feed, FeedPlace, FeedSource, FreezeRules, FreezesFile};
use crate::config::freezes as files;
use crate::domain::ids::ServiceName;
use crate::fault;

/// The events of feeds are computed again after this time.
const REFRESH: TimeDelta = TimeDelta::days(1);

#[derive(Debug, Default)]
pub(super) struct Source {
    /// `None` without a file.
    pub text: Option<String>,
    /// `None` if no version was valid.
    pub file: Option<FreezesFile>,
    /// The service of the file; `None` for the engine's own.
    of: Option<ServiceName>,
    pub files: Files,
    /// The last valid feeds by the ids of their rules.
    good: BTreeMap<String, ValidFeed>,
    pub rules: FreezeRules,
    computed_at: Option<DateTime<Utc>>,
    versions: Vec<u64>,
}

/// The texts of feed files by the ids of their rules, or why they cannot be read.
pub(super) type Files = BTreeMap<String, Result<Arc<str>, String>>;

#[derive(Debug, Clone)]
struct ValidFeed {
    source: FeedSource,
    feed: Feed,
    /// The text of a feed file.
    text: Option<Arc<str>>,
    /// When the next text turned out invalid.
    until: Option<DateTime<Utc>>,
}

impl Source {
    /// No file.
    pub fn none() -> Self {
        Self { file: Some(FreezesFile::default()), ..Self::default() }
    }

    /// A file whose feeds are not computed yet.
    pub fn of(of: Option<ServiceName>, text: String, file: FreezesFile, files: Files) -> Self {
        let rules = named(of.as_ref(), &file.rules);
        Self { text: Some(text), file: Some(file), of, files, rules, ..Self::default() }
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
                let mut source = Self::of(of, text, file, Files::new());
                let files = source.feeds().iter().filter_map(|feed| {
                    let FeedPlace::Path(_) = &feed.place else { return None };
                    Some((feed.freeze.clone(), Ok(kept.feed(&source.key(feed))?.into())))
                });
                source.files = files.collect();
                source
            }
            Err(why) => Self { text: Some(text), ..Self::unreadable(of, &why) },
        }
    }

    pub fn feeds(&self) -> &[FeedSource] {
        self.file.as_ref().map_or(&[], |file| &file.feeds)
    }

    /// The key of a feed copy: its address, or its file and service.
    pub fn key(&self, feed: &FeedSource) -> String {
        let of = self.of.as_ref().map_or("", ServiceName::as_str);
        match &feed.place {
            FeedPlace::Url(url) => url.clone(),
            FeedPlace::Path(path) => format!("{of}\n{}\n{path}", feed.freeze),
        }
    }

    /// The last valid texts of the feed files with the keys of their copies.
    pub fn good_texts(&self) -> impl Iterator<Item = (String, &str)> {
        let all = self.good.values();
        all.filter_map(|good| Some((self.key(&good.source), good.text.as_deref()?)))
    }

    /// Whether it has the same texts.
    pub fn is_from(&self, text: Option<&str>, files: &Files) -> bool {
        self.file.is_some() && self.text.as_deref() == text && self.files == *files
    }

    /// Whether its events may be out of date.
    pub fn is_old(&self, feeds: &Feeds, now: DateTime<Utc>) -> bool {
        self.computed_at.is_none_or(|at| now - at > REFRESH || now < at)
            || self.versions != feeds.versions(self.feeds())
    }

    /// The same with the current events of its feeds. An invalid feed keeps its last valid events, also those of the
    /// previous file.
    pub fn with_events(&self, before: &Self, feeds: &Feeds, now: DateTime<Utc>) -> Self {
        // Read first, so that an answer in between makes this source outdated.
        let versions = feeds.versions(self.feeds());
        let (mut good, mut known) = (BTreeMap::new(), BTreeMap::new());
        for source in self.feeds() {
            let feed = match self.read(source, feeds, now) {
                Ok(feed) => {
                    let text = self.files.get(&source.freeze).and_then(|text| text.clone().ok());
                    let found =
                        ValidFeed { source: source.clone(), feed: feed.clone(), text, until: None };
                    good.insert(source.freeze.clone(), found);
                    feed
                }
                Err(why) => match before.last_good(source, now) {
                    Some(last) => {
                        let feed = last.with(why);
                        good.insert(source.freeze.clone(), last);
                        feed
                    }
                    None => Feed::unread(why),
                },
            };
            known.insert(self.id(&source.freeze), feed);
        }
        Self {
            text: self.text.clone(),
            file: self.file.clone(),
            of: self.of.clone(),
            files: self.files.clone(),
            good,
            rules: self.rules.with_feeds(|id| known.get(id).cloned()),
            computed_at: Some(now),
            versions,
        }
    }

    fn read(&self, source: &FeedSource, feeds: &Feeds, now: DateTime<Utc>) -> Result<Feed, String> {
        match &source.place {
            FeedPlace::Url(url) => feeds.read(url, source, now),
            FeedPlace::Path(path) => match self.files.get(&source.freeze) {
                Some(Ok(text)) => files::feed(text, source.zone, feed_span(now), now)
                    .map_err(|why| format!("{path:?} {why}")),
                Some(Err(why)) => Err(why.clone()),
                None => Err(format!("{path:?} has not been read yet")),
            },
        }
    }

    fn last_good(&self, source: &FeedSource, now: DateTime<Utc>) -> Option<ValidFeed> {
        let good = self.good.get(&source.freeze)?;
        let is_same = good.source.place == source.place && good.source.zone == source.zone;
        let until = good.until.or(Some(now));
        is_same.then(|| ValidFeed { source: source.clone(), until, ..good.clone() })
    }

    /// The id of a rule outside of its file.
    fn id(&self, freeze: &str) -> String {
        match &self.of {
            Some(service) => format!("{}/{freeze}", service.as_str()),
            None => freeze.to_owned(),
        }
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

fn named(of: Option<&ServiceName>, rules: &FreezeRules) -> FreezeRules {
    of.map_or_else(|| rules.clone(), |service| rules.prefixed(service.as_str()))
}

/// Parses the file; `shown` is its name in errors.
pub(super) fn parse(text: &str, shown: &str) -> Result<FreezesFile, String> {
    let parsed = fault::contained(|| FreezesFile::parse(text, shown));
    let parsed = parsed.ok_or_else(|| format!("{shown}: the parser crashed on it"))?;
    parsed.map_err(|error| error.in_one_line())
}
