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
    let samples = samples(*good, *bad, *unknown);
    format!("{name} {} for {lasts}: {says} ({samples})", verdict.as_str())
}

/// `1 sample good`, `all 40 samples good`, `3 bad of 40 samples`.
fn samples(good: u32, bad: u32, unknown: u32) -> String {
    let all = good + bad + unknown;
    let not_good = [(bad, "bad"), (unknown, "unknown")].into_iter().filter(|(count, _)| *count > 0);
    let not_good: Vec<_> = not_good.map(|(count, what)| format!("{count} {what}")).collect();
    let samples = counted(usize::try_from(all).unwrap_or(usize::MAX), "sample");
    match not_good.as_slice() {
        [] if all == 1 => format!("{samples} good"),
        [] => format!("all {samples} good"),
        not_good => format!("{} of {samples}", not_good.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sample_is_no_several() {
        assert_eq!(samples(1, 0, 0), "1 sample good");
        assert_eq!(samples(2, 0, 0), "all 2 samples good");
        assert_eq!(samples(0, 1, 0), "1 bad of 1 sample");
        assert_eq!(samples(3, 2, 1), "2 bad, 1 unknown of 6 samples");
    }
}
