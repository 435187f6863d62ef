//! How long runs at other engines are waited for.

use std::time::Duration;

/// The times by which runs at GitHub are followed. The defaults are those of the product; tests shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteTimes {
    /// The pause between two looks.
    pub pace: Duration,
    /// The pause between two looks at a repository in which nothing runs; without one, half again that between looks at a trunk.
    pub calm: Option<Duration>,
    /// How long a run that was sent may be missing from the list before it counts as never started.
    pub settling: Duration,
    /// How long a run that was asked to end may take before it is forced.
    pub grace: Duration,
    /// How long the log of a job is waited for once its run has ended.
    pub log: Duration,
    /// The longest pause between two looks for a run that was given up, and how long it is looked for.
    pub late: Duration,
    pub late_within: Duration,
    /// The pause between two questions to a service what it runs.
    pub live: Duration,
    /// How long after its merge CI may take until it counts as not deployed.
    pub undeployed: Duration,
}

impl Default for RemoteTimes {
    fn default() -> Self {
        Self {
            pace: Duration::from_secs(3),
            calm: None,
            settling: Duration::from_secs(90),
            grace: Duration::from_mins(1),
            log: Duration::from_secs(30),
            late: Duration::from_secs(30),
            late_within: Duration::from_hours(1),
            live: Duration::from_secs(30),
            undeployed: Duration::from_mins(10),
        }
    }
}
