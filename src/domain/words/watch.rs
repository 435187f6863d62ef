//! A watch in lines of text: each check with what it said last, and an end that nobody saw.

use chrono::{DateTime, Utc};

use super::{ago, counted};
use crate::domain::ids::Environment;
use crate::domain::snapshot::ServiceSnapshot;
use crate::domain::time::{between, say};
use crate::domain::watch::{CheckState, WatchState};

/// The lines of the watch of what production runs; one that is over and was seen says no more than the word for what is live.
#[must_use]
pub fn lines(snapshot: &ServiceSnapshot) -> Vec<(&'static str, String)> {
    let Some(watch) = of_live(snapshot) else { return Vec::new() };
    let mut lines = Vec::new();
    lines.extend(unseen(watch, snapshot.at).map(|text| ("watch", text)));
    if watch.is_open() || watch.checks.iter().any(|check| !check.verdict.is_good()) {
        let checks = watch.checks.iter().map(|check| ("watch", check_line(check, snapshot.at)));
        lines.extend(checks);
    }
    lines
}

/// The watch of what production runs now.
#[must_use]
pub fn of_live(snapshot: &ServiceSnapshot) -> Option<&WatchState> {
    let production = Environment::Production;
    let live = snapshot.live.get(&production)?;
    snapshot.watches.get(&production).filter(|watch| watch.deployment == live.deployment)
}

/// That nobody saw how a watch ended: `watch of #21 ended good 12m ago, not seen by anyone`.
#[must_use]
pub fn unseen(watch: &WatchState, now: DateTime<Utc>) -> Option<String> {
    let ended = watch.ended.as_ref().filter(|_| watch.seen.is_none())?;
    let (build, how, since) = (watch.build, ended.end.as_str(), ago(ended.at, now));
    Some(format!("watch of {build} {how} {since}, not seen by anyone"))
}

/// `errors BAD for 40s: 0.12; has to be below 0.01 (3 of 40 samples bad)`.
#[must_use]
pub fn check_line(check: &CheckState, now: DateTime<Utc>) -> String {
    let CheckState { name, verdict, since, good, bad, unknown, says, .. } = check;
    let Some(says) = says else { return format!("{name}: nothing seen yet") };
    let lasts = say(between(*since, now));
    let all = good + bad + unknown;
    let mut counts = Vec::new();
    if *bad > 0 {
        counts.push(format!("{bad} bad"));
    }
    if *unknown > 0 {
        counts.push(format!("{unknown} unknown"));
    }
    let samples = counted(usize::try_from(all).unwrap_or(usize::MAX), "sample");
    let counts = match counts.as_slice() {
        [] if all == 1 => format!("{samples} good"),
        [] => format!("all {samples} good"),
        counts => format!("{} of {samples}", counts.join(", ")),
    };
    format!("{name} {} for {lasts}: {says} ({counts})", verdict.as_str())
}
