//! The one place that decides what is said of a live build: what somebody looked at, and how it was.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fact::{SampleVerdict, WatchEnd};
use super::state::{CheckState, WatchState};
use crate::domain::service::Live;
use crate::domain::time::{between, say};

/// What is known of how a live build does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiveEvidence {
    /// Nobody looks or looked.
    #[default]
    NotWatched,
    /// A watch began and has seen nothing yet.
    Begun,
    /// A watch goes on, and every check is good.
    GoodSoFar,
    /// A check is bad.
    Bad,
    /// A check cannot tell how it is, or the watch has not told anything for too long.
    Unknown,
    /// The watch ended, and every check was good all the time.
    Good,
    /// The watch ended, and every check was good at its end, and one was bad before.
    Recovered,
}

/// How loud the words are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchTone {
    Calm,
    Good,
    Warn,
    Danger,
}

/// The watch of what is live now, if that is watched.
fn of_live<'a>(live: Option<&Live>, watch: Option<&'a WatchState>) -> Option<&'a WatchState> {
    watch.filter(|watch| live.is_some_and(|live| live.deployment == watch.deployment))
}

/// What is known of how the live build does at `now`.
#[must_use]
pub fn evidence_of(
    live: Option<&Live>,
    watch: Option<&WatchState>,
    now: DateTime<Utc>,
) -> LiveEvidence {
    of_live(live, watch).map_or(LiveEvidence::NotWatched, |watch| watch_evidence(watch, now))
}

/// What this watch tells at `now`.
#[must_use]
pub fn watch_evidence(watch: &WatchState, now: DateTime<Utc>) -> LiveEvidence {
    if let Some(ended) = &watch.ended {
        return match ended.end {
            WatchEnd::Good => LiveEvidence::Good,
            WatchEnd::Recovered => LiveEvidence::Recovered,
            WatchEnd::Bad => LiveEvidence::Bad,
            WatchEnd::Unknown | WatchEnd::Replaced => LiveEvidence::Unknown,
        };
    }
    let is = |verdict| watch.judged(verdict).next().is_some();
    if is(SampleVerdict::Bad) {
        return LiveEvidence::Bad;
    }
    if watch.is_silent(now) {
        return LiveEvidence::Unknown;
    }
    let is_new = |check: &CheckState| check.verdict == SampleVerdict::Unknown && !check.is_known();
    let unknown = watch.judged(SampleVerdict::Unknown);
    match unknown
        .fold((false, false), |(new, lost), check| (new || is_new(check), lost || !is_new(check)))
    {
        (_, true) => LiveEvidence::Unknown,
        (true, false) => LiveEvidence::Begun,
        (false, false) => LiveEvidence::GoodSoFar,
    }
}

/// What is said of it behind how long it is live: `watched: errors BAD 40s`, `watched 15m: good` or `not watched`.
#[must_use]
pub fn evidence(live: Option<&Live>, watch: Option<&WatchState>, now: DateTime<Utc>) -> String {
    let watch = of_live(live, watch);
    watch.map_or_else(|| "not watched".to_owned(), |watch| watch_in_words(watch, now))
}

/// What this watch tells at `now`, in words.
#[must_use]
pub fn watch_in_words(watch: &WatchState, now: DateTime<Utc>) -> String {
    let is = watch_evidence(watch, now);
    let ended = watch.ended.as_ref();
    let watched = ended.map_or_else(
        || "watched".to_owned(),
        |ended| format!("watched {}", say(between(watch.began, ended.at))),
    );
    let how = match is {
        LiveEvidence::NotWatched => return "not watched".to_owned(),
        LiveEvidence::Begun => "nothing seen yet".to_owned(),
        LiveEvidence::GoodSoFar => "good so far".to_owned(),
        LiveEvidence::Good => "good".to_owned(),
        LiveEvidence::Recovered => {
            let was = watch.checks.iter().filter(|check| check.turned_bad > 0);
            format!("good again, {} BAD before", names(was))
        }
        LiveEvidence::Bad => named(watch, SampleVerdict::Bad, now),
        LiveEvidence::Unknown if ended.is_none() && watch.is_silent(now) => {
            format!("UNKNOWN, nothing told for {}", say(between(watch.told, now)))
        }
        LiveEvidence::Unknown => named(watch, SampleVerdict::Unknown, now),
    };
    format!("{watched}: {how}")
}

/// The same where there is little room: what is bad or unknown, and nothing else.
#[must_use]
pub fn evidence_short(
    live: Option<&Live>,
    watch: Option<&WatchState>,
    now: DateTime<Utc>,
) -> Option<&'static str> {
    match evidence_of(live, watch, now) {
        LiveEvidence::Bad => Some("WATCH BAD"),
        LiveEvidence::Unknown => Some("WATCH UNKNOWN"),
        _ => None,
    }
}

/// How loud it has to be said.
#[must_use]
pub fn tone(is: LiveEvidence) -> WatchTone {
    match is {
        LiveEvidence::NotWatched | LiveEvidence::Begun => WatchTone::Calm,
        LiveEvidence::GoodSoFar | LiveEvidence::Good => WatchTone::Good,
        LiveEvidence::Unknown | LiveEvidence::Recovered => WatchTone::Warn,
        LiveEvidence::Bad => WatchTone::Danger,
    }
}

/// `errors BAD 40s`, with how many more there are; `UNKNOWN` alone where no check is so at the end.
fn named(watch: &WatchState, verdict: SampleVerdict, now: DateTime<Utc>) -> String {
    let all = || watch.judged(verdict);
    let Some(since) = all().map(|check| check.since).min() else {
        return verdict.as_str().to_owned();
    };
    let name = names(all());
    let lasts = match &watch.ended {
        Some(_) => String::new(),
        None => format!(" {}", say(between(since, now))),
    };
    format!("{name} {}{lasts}", verdict.as_str())
}

/// The first name, and how many more.
fn names<'a>(mut checks: impl Iterator<Item = &'a CheckState>) -> String {
    let first = checks.next().map_or("a check", |check| check.name.as_str());
    match checks.count() {
        0 => first.to_owned(),
        more => format!("{first} +{more}"),
    }
}
