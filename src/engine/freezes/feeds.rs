//! Calendar feeds from the web and from files, with the last good copy of each on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use reqwest::{Client, StatusCode};
use serde::{Deserialize, Serialize};

use super::kept::{COPY, place, write};
use crate::calendar::ical::LARGEST_FEED;
use crate::calendar::{Feed, FeedPlace, FeedSource, Tz};
use crate::config::freezes as files;

/// How long a server may take for everything.
const PATIENCE: Duration = Duration::from_secs(20);
const REDIRECTS: usize = 5;
/// How far back and ahead of now the events of feeds are laid out.
const BACK: TimeDelta = TimeDelta::days(60);
const AHEAD: TimeDelta = TimeDelta::days(400);
/// What is said of a feed before its first answer.
const UNREAD: &str = "it has not been read yet";
/// How often a feed is read anew, unless it may not even grow four times as old.
const RHYTHM: TimeDelta = TimeDelta::minutes(15);
/// The pause after a failure, and the longest one after many.
const RETRY: [TimeDelta; 2] = [TimeDelta::minutes(1), TimeDelta::hours(1)];

type Stretch = (DateTime<Utc>, DateTime<Utc>);

/// The feeds of the web, by their addresses; clones share them.
#[derive(Debug, Clone)]
pub(super) struct Feeds {
    folder: Arc<Path>,
    copies: Arc<Mutex<BTreeMap<String, Copy>>>,
}

/// What is known of one feed.
#[derive(Debug, Default)]
struct Copy {
    text: Option<Arc<str>>,
    about: About,
    trouble: Option<String>,
    failures: u32,
    /// When it is asked again.
    next: DateTime<Utc>,
    is_asked: bool,
    /// Grows with every answer.
    version: u64,
}

/// What stands beside a copy on disk.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct About {
    read_at: Option<DateTime<Utc>>,
    etag: Option<String>,
    last_modified: Option<String>,
}

/// What a server sent: no text when nothing is new.
type Fetched = (Option<Arc<str>>, About);

/// The stretch around an instant over which the events of feeds are laid out.
pub(super) fn stretch(now: DateTime<Utc>) -> Stretch {
    (now - BACK, now + AHEAD)
}

impl Feeds {
    pub fn open(folder: &Path) -> Self {
        Self { folder: folder.into(), copies: Arc::default() }
    }

    /// How many answers there were of each feed; a file has none.
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
        self.copies().get(url).is_none_or(|copy| !copy.is_asked && copy.next <= now)
    }

    /// The events of a feed as the last good copy has them.
    ///
    /// # Errors
    /// When there is no copy, or it cannot be laid out.
    pub fn read(&self, url: &str, source: &FeedSource, now: DateTime<Utc>) -> Result<Feed, String> {
        self.take_up(url);
        // Laid out with nothing locked: a large one takes a while.
        let (text, read_at, trouble) = {
            let copies = self.copies();
            let copy = copies.get(url).ok_or(UNREAD)?;
            (copy.text.clone(), copy.about.read_at, copy.trouble.clone())
        };
        let (Some(text), Some(read_at)) = (text, read_at) else {
            return Err(trouble.unwrap_or(UNREAD.to_owned()));
        };
        let mut feed = files::feed(&text, source.zone, stretch(now), read_at)?;
        feed.max_age = Some(source.max_age);
        feed.problems.extend(trouble);
        Ok(feed)
    }

    /// Asks for the feeds that are due, without waiting for them.
    pub fn fetch_due(&self, sources: Vec<FeedSource>, now: DateTime<Utc>) {
        for source in sources {
            if self.is_due(&source, now)
                && let FeedPlace::Url(url) = &source.place
            {
                let url = url.clone();
                self.take_up(&url);
                let about = self.copies().get_mut(&url).map(|copy| {
                    copy.is_asked = true;
                    copy.text.as_ref().map_or(About::default(), |_| copy.about.clone())
                });
                let feeds = self.clone();
                tokio::spawn(async move {
                    let about = about.unwrap_or_default();
                    let fetched = fetch(&url, &about, source.zone, now).await;
                    let settle = move || feeds.settle(&url, fetched, &source, now);
                    // The engine is stopping when it does not come to that.
                    let _stopping = tokio::task::spawn_blocking(settle).await;
                });
            }
        }
    }

    /// Takes an answer in, unless no file names the feed any more.
    fn settle(
        &self,
        url: &str,
        fetched: Result<Fetched, String>,
        source: &FeedSource,
        now: DateTime<Utc>,
    ) {
        if !self.copies().contains_key(url) {
            return;
        }
        if let Ok((text, about)) = &fetched
            && let Err(error) = keep(&place(&self.folder, url), text.as_deref(), about)
        {
            tracing::warn!(%error, "the copy of a feed cannot be kept");
        }
        if let Some(copy) = self.copies().get_mut(url) {
            copy.settle(fetched, source, now);
        }
    }

    /// Takes up what is kept of a feed, when that was not done before.
    fn take_up(&self, url: &str) {
        if !self.copies().contains_key(url) {
            let kept = kept(&place(&self.folder, url));
            self.copies().entry(url.to_owned()).or_insert(kept);
        }
    }

    /// Forgets the copies of all feeds but those that are known by these keys.
    pub fn keep_only(&self, keys: &BTreeSet<String>) {
        self.copies().retain(|url, _| keys.contains(url));
        let named: BTreeSet<_> = keys.iter().map(|key| place(&self.folder, key)).collect();
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let is_copy = entry.file_name().to_str().is_some_and(|name| name.starts_with(COPY));
            if is_copy
                && !named.contains(&entry.path().with_extension(""))
                && let Err(error) = std::fs::remove_file(entry.path())
            {
                tracing::warn!(%error, path = %entry.path().display(), "cannot be removed");
            }
        }
    }

    fn copies(&self) -> MutexGuard<'_, BTreeMap<String, Copy>> {
        self.copies.lock().expect("nobody panics while holding the feeds")
    }
}

impl Copy {
    fn settle(
        &mut self,
        fetched: Result<Fetched, String>,
        source: &FeedSource,
        now: DateTime<Utc>,
    ) {
        self.is_asked = false;
        self.version += 1;
        match fetched {
            Ok((text, about)) => {
                if text.is_some() {
                    self.text = text;
                }
                (self.about, self.trouble, self.failures) = (about, None, 0);
                let quarter = TimeDelta::from_std(source.max_age / 4).unwrap_or(RHYTHM);
                self.next = now + jittered(RHYTHM.min(quarter));
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

/// The text first, so that what stands beside it never calls an older one fresh.
fn keep(place: &Path, text: Option<&str>, about: &About) -> std::io::Result<()> {
    if let Some(text) = text {
        write(&place.with_extension("ics"), text.as_bytes())?;
    }
    write(&place.with_extension("json"), &serde_json::to_vec(about).unwrap_or_default())
}

/// Up to a quarter more, never the same twice.
fn jittered(pause: TimeDelta) -> TimeDelta {
    pause + pause * i32::from(uuid::Uuid::new_v4().as_bytes()[0]) / 1024
}

fn kept(place: &Path) -> Copy {
    let text = std::fs::read_to_string(place.with_extension("ics")).ok().map(Arc::from);
    let about = std::fs::read(place.with_extension("json")).ok();
    let about = about.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
    Copy { text, about, ..Copy::default() }
}

/// Asks the server; the address stays out of what is said, since those of calendars are secrets.
async fn fetch(url: &str, about: &About, zone: Tz, now: DateTime<Utc>) -> Result<Fetched, String> {
    let said =
        |error: reqwest::Error| format!("the feed cannot be fetched: {}", error.without_url());
    let client = Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::limited(REDIRECTS))
        .build()
        .map_err(said)?;
    let mut request = client.get(url);
    let known = [(IF_NONE_MATCH, &about.etag), (IF_MODIFIED_SINCE, &about.last_modified)];
    for (name, value) in known {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    let mut response = request.send().await.map_err(said)?;
    if response.status() == StatusCode::NOT_MODIFIED {
        return Ok((None, About { read_at: Some(now), ..about.clone() }));
    }
    if response.status() != StatusCode::OK {
        return Err(format!("the feed cannot be fetched: its server says {}", response.status()));
    }
    let header = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
    let about =
        About { read_at: Some(now), etag: header(ETAG), last_modified: header(LAST_MODIFIED) };
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(said)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LARGEST_FEED {
            return Err(format!("the feed is larger than {} MiB", LARGEST_FEED / 1024 / 1024));
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (text, read) = tokio::task::spawn_blocking(move || {
        // As it will be laid out: what would fail then must not take the place of the last good copy.
        let read = files::feed(&text, zone, stretch(now), now);
        (text, read)
    })
    .await
    .map_err(|_| "the engine is stopping".to_owned())?;
    read.map_err(|why| format!("the feed {why}"))?;
    Ok((Some(text.into()), about))
}
