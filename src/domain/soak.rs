//! For how long a build ran in staging.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::ids::{BuildNumber, Environment};
use super::service::{Live, ServiceState};
use super::time::between;

/// The time that a build ran in staging. Time after it was replaced does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Soak {
    pub total: Duration,
    /// The build that replaced it, or was about to. `None` while it runs there.
    pub replaced_by: Option<BuildNumber>,
}

impl ServiceState {
    /// `None` if the build was never in staging.
    #[must_use]
    pub fn soak(&self, build: BuildNumber, now: DateTime<Utc>) -> Option<Soak> {
        let live = self.live.get(&Environment::Staging)?;
        let mut soak = None;
        for live in live.iter().filter(|live| live.build == build) {
            let end = self.end_in_staging(live);
            let time = between(live.since, end.map_or(now, |(at, _)| at));
            let before = soak.map_or(Duration::ZERO, |soak: Soak| soak.total);
            soak = Some(Soak { total: before + time, replaced_by: end.map(|(_, by)| by) });
        }
        soak
    }

    /// When the next deployment of another build began in staging. A failed one counts too: what ran there after it is not
    /// known.
    fn end_in_staging(&self, live: &Live) -> Option<(DateTime<Utc>, BuildNumber)> {
        let later = self.deployments.range(live.deployment..).map(|(_, deployment)| deployment);
        later
            .filter(|d| d.request.environment == Environment::Staging)
            .filter(|d| d.request.build != live.build)
            .find_map(|d| Some((d.started_at?, d.request.build)))
    }
}
