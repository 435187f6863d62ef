//! Calendar feeds from the web and from files, with the last good copy of each on disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use reqwest::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use reqwest::{Client, StatusCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::kept::write;
use crate::config::freezes::feeds::{self, LARGEST};
use crate::config::freezes::{FeedPlace, FeedSource};
use crate::domain::freeze::feed::Feed;

/// How long a server may take for everything.
const PATIENCE: Duration = Duration::from_secs(20);
const REDIRECTS: usize = 5;
/// How often a feed is read anew, unless it may not even grow four times as old.
const RHYTHM: TimeDelta = TimeDelta::minutes(15);
/// The pause after a failure, and the longest one after many.
const RETRY: [TimeDelta; 2] = [TimeDelta::minutes(1), TimeDelta::hours(1)];

type Stretch = (DateTime<Utc>, DateTime<Utc>);

/// The feeds of the web, by their addresses.
#[derive(Debug)]
pub(super) struct Feeds {
    folder: PathBuf,
    copies: Arc<Mutex<BTreeMap<String, Copy>>>,
    news: Arc<AtomicBool>,
}

/// What is known of one feed.
#[derive(Debug, Default)]
struct Copy {
    text: Option<String>,
    about: About,
    trouble: Option<String>,
    failures: u32,
    /// When it is asked again.
    next: DateTime<Utc>,
    is_asked: bool,
}

/// What stands beside a copy on disk.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct About {
    read_at: Option<DateTime<Utc>>,
    etag: Option<String>,
    last_modified: Option<String>,
}

/// What a server sent: `None` when nothing is new.
type Fetched = (Option<String>, About);

impl Feeds {
    pub fn open(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), copies: Arc::default(), news: Arc::default() }
    }

    /// Whether anything was fetched since this was asked last.
    pub fn has_news(&self) -> bool {
        self.news.swap(false, Ordering::Relaxed)
    }

    pub fn may_have_news(&self) -> bool {
        self.news.load(Ordering::Relaxed)
    }

    pub fn is_due(&self, source: &FeedSource, now: DateTime<Utc>) -> bool {
        let FeedPlace::Url(url) = &source.place else { return false };
        self.copies().get(url).is_none_or(|copy| !copy.is_asked && copy.next <= now)
    }

    /// The events of a feed as the last good copy has them.
    pub fn read(&self, url: &str, source: &FeedSource, stretch: Stretch) -> Feed {
        let mut copies = self.copies();
        let copy = copies.entry(url.to_owned()).or_insert_with(|| kept(&place(&self.folder, url)));
        let trouble = copy.trouble.iter().cloned();
        let (Some(text), Some(read_at)) = (copy.text.clone(), copy.about.read_at) else {
            return Feed { problems: trouble.collect(), ..Feed::default() };
        };
        let mut feed = feeds::feed(Ok(text), source.zone, stretch, read_at);
        feed.max_age = Some(source.max_age);
        feed.problems.extend(trouble);
        feed
    }

    /// Asks for the feeds that are due, without waiting for them.
    pub fn fetch_due(&self, sources: Vec<FeedSource>, now: DateTime<Utc>) {
        for source in sources {
            if self.is_due(&source, now)
                && let FeedPlace::Url(url) = &source.place
            {
                let mut copies = self.copies();
                let copy =
                    copies.entry(url.clone()).or_insert_with(|| kept(&place(&self.folder, url)));
                copy.is_asked = true;
                let about = if copy.text.is_some() { copy.about.clone() } else { About::default() };
                let (url, place) = (url.clone(), place(&self.folder, url));
                let (copies, news) = (self.copies.clone(), self.news.clone());
                tokio::spawn(async move {
                    let fetched = fetch(&url, &about, source.zone, now).await;
                    let mut copies = copies.lock().expect("nobody panics while holding the feeds");
                    copies.entry(url).or_default().settle(fetched, &source, now, &place);
                    news.store(true, Ordering::Relaxed);
                });
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
        place: &Path,
    ) {
        self.is_asked = false;
        match fetched {
            Ok((text, about)) => {
                if let Some(text) = text {
                    write(&place.with_extension("ics"), text.as_bytes());
                    self.text = Some(text);
                }
                // Written after the text, so that it never calls an older one fresh.
                let json = serde_json::to_vec(&about).unwrap_or_default();
                write(&place.with_extension("json"), &json);
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

/// Up to a quarter more, never the same twice.
fn jittered(pause: TimeDelta) -> TimeDelta {
    pause + pause * i32::from(uuid::Uuid::new_v4().as_bytes()[0]) / 1024
}

/// Where the copy of a feed lies; an address may hold anything, and secrets too.
fn place(folder: &Path, url: &str) -> PathBuf {
    let digest = Sha256::digest(url.as_bytes());
    let name = u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"));
    folder.join(format!("feed-{name:016x}"))
}

fn kept(place: &Path) -> Copy {
    let text = std::fs::read_to_string(place.with_extension("ics")).ok();
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
        if bytes.len() > LARGEST {
            return Err(format!("the feed is larger than {} MiB", LARGEST / 1024 / 1024));
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (text, read) = tokio::task::spawn_blocking(move || {
        let read = feeds::read(&text, zone, (now, now + TimeDelta::days(1)));
        (text, read)
    })
    .await
    .map_err(|_| "the engine is stopping".to_owned())?;
    read.map_err(|why| format!("the feed {why}"))?;
    Ok((Some(text), about))
}
