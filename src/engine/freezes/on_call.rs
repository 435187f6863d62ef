//! The calendars of who is on call. They are fetched, kept and aged as the feeds of freezes are.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::at_commit::{beside, text};
use super::feeds::Feeds;
use super::file_feeds::{FileFeeds, Files};
use super::{Freezes, InForce};
use crate::calendar::ical::LARGEST_FEED;
use crate::calendar::{Feed, FeedPlace, FeedSource};
use crate::domain::ids::{ServiceName, Sha};
use crate::domain::instant::in_utc;
use crate::domain::on_call::{OnCallFeed, OnCallSource};
use crate::engine::world::{Service, Trouble, World};
use crate::git::Mirror;

/// Problem key for the calendar of who is on call.
pub(super) const ON_CALL_PROBLEM: &str = "on call";

/// The calendar of one service.
#[derive(Debug)]
pub(super) struct OnCallCalendar {
    pub feeds: Arc<FileFeeds>,
    read: Arc<OnCallFeed>,
}

/// A service's calendar at a commit, ready for the writer to take in.
#[derive(Debug)]
pub struct OnCallAtCommit {
    /// `None` for a service without a calendar.
    calendar: Option<Arc<OnCallCalendar>>,
    /// Git failed, so the same commit is read again.
    is_partial: bool,
}

impl OnCallCalendar {
    /// One whose events are not computed yet.
    fn of(service: &ServiceName, source: FeedSource, files: Files) -> Self {
        let feeds = FileFeeds::of(Some(service.clone()), vec![source], files);
        Self { feeds: Arc::new(feeds), read: Arc::default() }
    }

    fn with_events(&self, before: Option<&Self>, feeds: &Feeds, now: DateTime<Utc>) -> Self {
        let none = FileFeeds::default();
        let known = before.map_or(&none, |before| &before.feeds);
        let (read, mut events) = self.feeds.with_events(known, feeds, now);
        let feed = events.remove(FeedSource::ON_CALL).unwrap_or_default();
        let since = before.and_then(|before| before.read.wrong_since).unwrap_or(now);
        let wrong_since = (!feed.problems.is_empty()).then_some(since);
        Self { feeds: Arc::new(read), read: Arc::new(OnCallFeed { feed, wrong_since }) }
    }
}

/// Reads a service's calendar at a commit, if its service file names one.
pub(in crate::engine) async fn on_call_at_commit(
    freezes: &Freezes,
    mirror: &Mirror,
    folder: Option<&str>,
    at: &Sha,
    service: &ServiceName,
    source: Option<&FeedSource>,
    now: DateTime<Utc>,
) -> OnCallAtCommit {
    let Some(source) = source else { return OnCallAtCommit { calendar: None, is_partial: false } };
    let (mut files, mut is_partial) = (Files::new(), false);
    if let FeedPlace::Path(path) = &source.place {
        let found = mirror.entry(at, &beside(folder, path), LARGEST_FEED as u64).await;
        let found = text(found, &format!("{path:?}"), &mut is_partial);
        let missing = || format!("{path:?} is not on the trunk");
        let found = found.and_then(|text| text.ok_or_else(missing));
        files.insert(source.id.clone(), found.map(Arc::from));
    }
    let known = freezes.in_force().on_call.get(service).cloned().flatten();
    let is_known = |known: &Arc<OnCallCalendar>| {
        known.feeds.sources == [source.clone()] && known.feeds.files == files
    };
    if let Some(known) = known.clone().filter(is_known) {
        return OnCallAtCommit { calendar: Some(known), is_partial };
    }
    let (feeds, fresh) =
        (freezes.feeds.clone(), OnCallCalendar::of(service, source.clone(), files));
    let before = known.clone();
    let compute = move || Arc::new(fresh.with_events(before.as_deref(), &feeds, now));
    match tokio::task::spawn_blocking(compute).await {
        Ok(fresh) => OnCallAtCommit { calendar: Some(fresh), is_partial },
        // The engine is stopping.
        Err(_) => OnCallAtCommit { calendar: known, is_partial: true },
    }
}

impl OnCallAtCommit {
    /// Gives a service its calendar.
    pub(in crate::engine) fn settle(
        &self,
        service: &mut Service,
        freezes: &Freezes,
        now: DateTime<Utc>,
    ) {
        freezes.in_force().on_call.insert(service.name.clone(), self.calendar.clone());
        take_in(service, self.calendar.as_ref().map(|calendar| calendar.read.clone()), now);
        if self.is_partial {
            service.freezes_at = None;
        }
    }
}

/// Gives a service what was read of its calendar.
pub(super) fn take_in(service: &mut Service, read: Option<Arc<OnCallFeed>>, now: DateTime<Utc>) {
    let trouble = read.as_ref().and_then(|read| trouble_of(&read.feed, now));
    service.set_trouble(ON_CALL_PROBLEM, now, trouble);
    service.on_call = read;
}

/// Whether a service has what was read last of its calendar.
pub(super) fn is_outdated(
    service: &Service,
    read: Option<&Arc<OnCallFeed>>,
    now: DateTime<Utc>,
) -> bool {
    let is_same = match (&service.on_call, read) {
        (Some(known), Some(read)) => Arc::ptr_eq(known, read),
        (None, None) => true,
        _ => false,
    };
    let trouble = read.and_then(|read| trouble_of(&read.feed, now));
    let reported = service.problems.get(ON_CALL_PROBLEM).map(|known| &known.what);
    !is_same || reported != trouble.as_ref().map(|trouble| &trouble.what)
}

fn trouble_of(feed: &Feed, now: DateTime<Utc>) -> Option<Trouble> {
    let is_stale = feed.is_stale(now);
    let last_read = feed.read_at.filter(|_| is_stale);
    let last_read = last_read.map(|at| format!("it was last read {}", in_utc(at)));
    let wrong: Vec<_> = feed.problems.iter().cloned().chain(last_read).collect();
    let remedy = if feed.read_at.is_none() || is_stale {
        "fix it, or [on_call] of trunkline.toml; until then it is not known who is on call"
    } else {
        "fix it, or [on_call] of trunkline.toml; until then what it says may be wrong"
    };
    let what = format!("the calendar of who is on call: {}", wrong.join("; "));
    (!wrong.is_empty()).then(|| Trouble::new(what, remedy))
}

impl Freezes {
    /// Takes in the calendars of services whose trunk was not looked at yet: their last copies are on disk.
    pub(in crate::engine) fn know_on_call(&self, world: &World) {
        let mut in_force = self.in_force();
        for service in world.services.values() {
            let Some(file) = &service.file else { continue };
            let source = file.on_call.as_ref().and_then(OnCallSource::calendar).cloned();
            let calendar = || {
                let calendar = OnCallCalendar::of(&service.name, source?, Files::new());
                Some(Arc::new(calendar))
            };
            in_force.on_call.entry(service.name.clone()).or_insert_with(calendar);
        }
    }

    /// What was read of a service's calendar.
    pub(super) fn on_call_of(&self, service: &ServiceName) -> Option<Arc<OnCallFeed>> {
        let in_force = self.in_force();
        in_force.on_call.get(service)?.as_ref().map(|calendar| calendar.read.clone())
    }

    /// Computes the outdated calendars again.
    pub(super) fn renew_on_call(&self, now: DateTime<Utc>) {
        let all: Vec<_> = {
            let in_force = self.in_force();
            let all = in_force.on_call.iter();
            all.filter_map(|(name, one)| Some((name.clone(), one.clone()?))).collect()
        };
        for (name, before) in all.into_iter().filter(|(_, one)| one.feeds.is_old(&self.feeds, now))
        {
            let fresh = Arc::new(before.with_events(Some(&before), &self.feeds, now));
            let mut in_force = self.in_force();
            // A calendar that was replaced meanwhile is up to date.
            if let Some(Some(held)) = in_force.on_call.get_mut(&name)
                && Arc::ptr_eq(held, &before)
            {
                *held = fresh;
            }
        }
    }
}

impl InForce {
    /// The feeds of the calendars.
    pub(super) fn on_call_feeds(&self) -> impl Iterator<Item = Arc<FileFeeds>> {
        self.on_call.values().flatten().map(|calendar| calendar.feeds.clone())
    }
}
