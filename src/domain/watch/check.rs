//! What a service file declares to be looked at after a deployment.

use std::fmt;
use std::time::Duration;

use crate::domain::event::Run;
use crate::domain::ids::Environment;
use crate::domain::live_source::LiveUrl;

/// How often a check looks, if the service file does not say it.
pub const DEFAULT_EVERY: Duration = Duration::from_secs(15);
/// How long a watch lasts, if the service file does not say it.
pub const DEFAULT_FOR: Duration = Duration::from_mins(15);
/// How long one look may take, if the service file does not say it.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The watches of a service by environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceWatches {
    pub staging: EnvironmentWatch,
    pub production: EnvironmentWatch,
}

impl ServiceWatches {
    #[must_use]
    pub fn of(&self, environment: Environment) -> &EnvironmentWatch {
        match environment {
            Environment::Staging => &self.staging,
            Environment::Production => &self.production,
        }
    }
}

/// What is looked at in one environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvironmentWatch {
    pub checks: Vec<WatchCheck>,
    /// Whether a watch that turns bad may roll production back by itself.
    pub auto_rollback: bool,
}

impl EnvironmentWatch {
    /// How long the whole watch lasts: as long as its longest check.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        self.checks.iter().map(|check| check.lasts).max().unwrap_or_default()
    }

    /// The longest pause between two looks of a check.
    #[must_use]
    pub fn slowest(&self) -> Duration {
        self.checks.iter().map(|check| check.every + check.timeout).max().unwrap_or_default()
    }
}

/// One thing to look at again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchCheck {
    pub name: String,
    pub probe: WatchProbe,
    pub every: Duration,
    pub lasts: Duration,
    /// How long one look may take.
    pub timeout: Duration,
}

/// How a check looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchProbe {
    /// A command: exit 0 is good, 1 is bad, all else is unknown.
    Run(Run),
    Http(HttpProbe),
    Prometheus(PrometheusProbe),
}

/// An address that has to answer well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpProbe {
    pub url: LiveUrl,
    /// The status that is good; any of 200 to 299 if it is not said.
    pub status: Option<u16>,
    /// How fast the answer has to be there.
    pub within: Option<Duration>,
    /// A text that the answer has to contain.
    pub body: Option<String>,
}

/// A query at a Prometheus that gives one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrometheusProbe {
    pub url: LiveUrl,
    pub query: String,
    pub bound: ValueBound,
}

/// Which values are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueBound {
    Below(Threshold),
    Above(Threshold),
    /// At most so many times what it was before the deployment. What is below `ignore_below` is good whatever it was.
    AtMostTimesBefore {
        factor: Threshold,
        ignore_below: Threshold,
    },
}

/// A number that a value is held against, in millionths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Threshold(pub i64);

impl Threshold {
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a bound has far fewer digits than that")]
    pub fn value(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value())
    }
}
