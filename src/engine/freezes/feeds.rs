//! Calendar feeds from the web, with the last valid copy of each on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use reqwest::{Client, StatusCode};
use serde::{Deserialize, Serialize};

use super::saved::{COPY_PREFIX, place, write};
use crate::calendar::ical::LARGEST_FEED;
use crate::calendar::{Feed, FeedPlace, FeedSource, Tz};
use crate::config::freezes as files;

/// The time limit of a request.
const FETCH_TIMEOUT: Duration = Duration::from_secs(20);
const REDIRECTS: usize = 5;
/// The events of feeds are computed for this time before now and after it.
const PAST: TimeDelta = TimeDelta::days(60);
const FUTURE: TimeDelta = TimeDelta::days(400);
/// The problem of a feed before its first answer.
const NOT_READ: &str = "it has not been read yet";
/// How often a feed is fetched, or a quarter of its `max_age` if that is shorter.
const INTERVAL: TimeDelta = TimeDelta::minutes(15);
/// The pause after one failure, and the longest after several.
const RETRY: [TimeDelta; 2] = [TimeDelta::minutes(1), TimeDelta::hours(1)];

type FeedSpan = (DateTime<Utc>, DateTime<Utc>);

/// The feeds from the web by address; clones share them.
#[derive(Debug, Clone)]
pub(super) struct Feeds {
    folder: Arc<Path>,
    copies: Arc<Mutex<BTreeMap<String, FeedCopy>>>,
}

/// The copy of one feed.
#[derive(Debug, Default)]
struct FeedCopy {
    text: Option<Arc<str>>,
    info: CopyInfo,
    trouble: Option<String>,
    failures: u32,
    /// When it is fetched again.
    next: DateTime<Utc>,
    is_fetching: bool,
    /// Grows with every answer.
    version: u64,
}

/// The file beside a copy on disk.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct CopyInfo {
    read_at: Option<DateTime<Utc>>,
    etag: Option<String>,
    last_modified: Option<String>,
}

/// The answer of a server: no text if the feed has not changed.
type Fetched = (Option<Arc<str>>, CopyInfo);

/// The time span around an instant for which the events of feeds are computed.
pub(super) fn feed_span(now: DateTime<Utc>) -> FeedSpan {
    (now - PAST, now + FUTURE)
}

impl Feeds {
    pub fn open(folder: &Path) -> Self {
        Self { folder: folder.into(), copies: Arc::default() }
    }

    /// The number of answers of each feed; 0 for a file.
    pub fn versions(&self, sources: &[FeedSource]) -> Vec<u64> {
        let copies = self.copies();
        let version = |source: &FeedSource| match &source.place {
            FeedPlace::Url(url) => copies.get(url).map_or(0, |copy| copy.version),
            FeedPlace::Path(_) => 0,
        };
        sources.iter().map(version).collect()
    }

    pub fn is_due(&self, source: &FeedSource, now: DateTime<Utc>) -> bool {
        let FeedPlace::Url(url) = &source.place else { return false };
        self.copies().get(url).is_none_or(|copy| !copy.is_fetching && copy.next <= now)
    }

    /// The events in the last valid copy of a feed.
    ///
    /// # Errors
    /// If there is no copy, or its events cannot be computed.
    pub fn read(&self, url: &str, source: &FeedSource, now: DateTime<Utc>) -> Result<Feed, String> {
        self.load(url);
        // Parsed without the lock, since a large feed takes long.
        let (text, read_at, trouble) = {
            let copies = self.copies();
            let copy = copies.get(url).ok_or(NOT_READ)?;
            (copy.text.clone(), copy.info.read_at, copy.trouble.clone())
        };
        let (Some(text), Some(read_at)) = (text, read_at) else {
            return Err(trouble.unwrap_or(NOT_READ.to_owned()));
        };
        let mut feed = files::feed(&text, source.zone, feed_span(now), read_at)?;
        feed.max_age = Some(source.max_age);
        feed.problems.extend(trouble);
        Ok(feed)
    }

    /// Starts to fetch the feeds that are due.
    pub fn fetch_due(&self, sources: Vec<FeedSource>, now: DateTime<Utc>) {
        for source in sources {
            if self.is_due(&source, now)
                && let FeedPlace::Url(url) = &source.place
            {
                let url = url.clone();
                self.load(&url);
                let info = self.copies().get_mut(&url).map(|copy| {
                    copy.is_fetching = true;
                    copy.text.as_ref().map_or(CopyInfo::default(), |_| copy.info.clone())
                });
                let feeds = self.clone();
                tokio::spawn(async move {
                    let info = info.unwrap_or_default();
                    let fetched = fetch(&url, &info, source.zone, now).await;
                    let take = move || feeds.take_answer(&url, fetched, &source, now);
                    // This fails only if the engine stops.
                    let _stopping = tokio::task::spawn_blocking(take).await;
                });
            }
        }
    }

    /// Takes an answer, unless the feed is no longer in use.
    fn take_answer(
        &self,
        url: &str,
        fetched: Result<Fetched, String>,
        source: &FeedSource,
        now: DateTime<Utc>,
    ) {
        if !self.copies().contains_key(url) {
            return;
        }
        if let Ok((text, info)) = &fetched
            && let Err(error) = keep(&place(&self.folder, url), text.as_deref(), info)
        {
            tracing::warn!(%error, "the copy of a feed cannot be kept");
        }
        if let Some(copy) = self.copies().get_mut(url) {
            copy.take_answer(fetched, source, now);
        }
    }

    /// Loads the copy of a feed from disk, once.
    fn load(&self, url: &str) {
        if !self.copies().contains_key(url) {
            let kept = kept(&place(&self.folder, url));
            self.copies().entry(url.to_owned()).or_insert(kept);
        }
    }

    /// Removes the copies of all feeds but these.
    pub fn keep_only(&self, keys: &BTreeSet<String>) {
        self.copies().retain(|url, _| keys.contains(url));
        let named: BTreeSet<_> = keys.iter().map(|key| place(&self.folder, key)).collect();
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let is_copy =
                entry.file_name().to_str().is_some_and(|name| name.starts_with(COPY_PREFIX));
            if is_copy
                && !named.contains(&entry.path().with_extension(""))
                && let Err(error) = std::fs::remove_file(entry.path())
            {
                tracing::warn!(%error, path = %entry.path().display(), "cannot be removed");
            }
        }
    }

    fn copies(&self) -> MutexGuard<'_, BTreeMap<String, FeedCopy>> {
        self.copies.lock().expect("no code panics with this lock")
    }
}

impl FeedCopy {
    fn take_answer(
        &mut self,
        fetched: Result<Fetched, String>,
        source: &FeedSource,
        now: DateTime<Utc>,
    ) {
        self.is_fetching = false;
        self.version += 1;
        match fetched {
            Ok((text, info)) => {
                if text.is_some() {
                    self.text = text;
                }
                (self.info, self.trouble, self.failures) = (info, None, 0);
                let quarter = TimeDelta::from_std(source.max_age / 4).unwrap_or(INTERVAL);
                self.next = now + jittered(INTERVAL.min(quarter));
            }
            Err(why) => {
                let [first, longest] = RETRY;
                let pause = first * 2_i32.pow(self.failures.min(6));
                (self.trouble, self.failures) = (Some(why), self.failures.saturating_add(1));
                self.next = now + jittered(pause.min(longest));
            }
        }
    }
}

/// Writes the text first, so that the info never marks an older text as fresh.
fn keep(place: &Path, text: Option<&str>, info: &CopyInfo) -> std::io::Result<()> {
    if let Some(text) = text {
        write(&place.with_extension("ics"), text.as_bytes())?;
    }
    write(&place.with_extension("json"), &serde_json::to_vec(info).unwrap_or_default())
}

/// A random pause of up to a quarter more.
fn jittered(pause: TimeDelta) -> TimeDelta {
    pause + pause * i32::from(uuid::Uuid::new_v4().as_bytes()[0]) / 1024
}

fn kept(place: &Path) -> FeedCopy {
    let text = std::fs::read_to_string(place.with_extension("ics")).ok().map(Arc::from);
    let info = std::fs::read(place.with_extension("json")).ok();
    let info = info.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
    FeedCopy { text, info, ..FeedCopy::default() }
}

/// Fetches a feed. Its address may be a secret, so no message contains it.
async fn fetch(
    url: &str,
    info: &CopyInfo,
    zone: Tz,
    now: DateTime<Utc>,
) -> Result<Fetched, String> {
    let failed =
        |error: reqwest::Error| format!("the feed cannot be fetched: {}", error.without_url());
    let client = Client::builder()
        .timeout(FETCH_TIMEOUT)
        .redirect(reqwest::redirect::Policy::limited(REDIRECTS))
        .build()
        .map_err(failed)?;
    let mut request = client.get(url);
    let known = [(IF_NONE_MATCH, &info.etag), (IF_MODIFIED_SINCE, &info.last_modified)];
    for (name, value) in known {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    let mut response = request.send().await.map_err(failed)?;
    if response.status() == StatusCode::NOT_MODIFIED {
        return Ok((None, CopyInfo { read_at: Some(now), ..info.clone() }));
    }
    if response.status() != StatusCode::OK {
        return Err(format!("the feed cannot be fetched: its server says {}", response.status()));
    }
    let header = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
    let info =
        CopyInfo { read_at: Some(now), etag: header(ETAG), last_modified: header(LAST_MODIFIED) };
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LARGEST_FEED {
            return Err(format!("the feed is larger than {} MiB", LARGEST_FEED / 1024 / 1024));
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (text, read) = tokio::task::spawn_blocking(move || {
        // Parsed here so that an invalid text does not replace the last valid copy.
        let read = files::feed(&text, zone, feed_span(now), now);
        (text, read)
    })
    .await
    .map_err(|_| "the engine is stopping".to_owned())?;
    read.map_err(|why| format!("the feed {why}"))?;
    Ok((Some(text.into()), info))
}
