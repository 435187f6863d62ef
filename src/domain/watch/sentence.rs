//! The facts of a watch as sentences.

use super::fact::{CheckSummary, SampleVerdict, WatchBegan, WatchEnded, WatchSampled, WatchTurned};
use crate::domain::instant;

impl WatchBegan {
    /// `watch of #21 in production begins until 14:20Z: errors, latency`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { build, environment, checks, until, wave, .. } = self;
        let (until, checks) = (instant::in_utc(*until), checks.join(", "));
        let of = wave.map_or_else(String::new, |wave| format!("wave {wave} of "));
        format!("watch of {of}{build} in {environment} begins, until {until}: {checks}")
    }
}

impl WatchSampled {
    /// `watch of d57: errors 4 good, last 0; has to be below 0.01`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let checks: Vec<_> = self.checks.iter().map(CheckSummary::sentence).collect();
        format!("watch of {}: {}", self.deployment, checks.join("; "))
    }
}

impl CheckSummary {
    fn sentence(&self) -> String {
        let Self { check, good, bad, unknown, says, .. } = self;
        let all = [(*good, "good"), (*bad, "bad"), (*unknown, "unknown")];
        let all = all.iter().filter(|(count, _)| *count > 0);
        let all: Vec<_> = all.map(|(count, word)| format!("{count} {word}")).collect();
        format!("{check} {}, last {says}", all.join(" "))
    }
}

impl WatchTurned {
    /// `watch of d57: errors is BAD: 0.12; has to be below 0.01`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { deployment, check, to, says, .. } = self;
        let is = match to {
            SampleVerdict::Good => "is good",
            SampleVerdict::Unknown => "is UNKNOWN",
            SampleVerdict::Bad => "is BAD",
        };
        format!("watch of {deployment}: {check} {is}: {says}")
    }
}

impl WatchEnded {
    /// `watch of d57 ended good`.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("watch of {} {}", self.deployment, self.end.as_str())
    }
}
