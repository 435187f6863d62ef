//! What is recorded of a watch.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::ids::{BuildNumber, DeploymentId, Environment};
use crate::domain::time::{Milliseconds, millis};

/// The watch of a deployment begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WatchBegan {
    pub deployment: DeploymentId,
    pub environment: Environment,
    pub build: BuildNumber,
    /// The names of its checks.
    pub checks: Vec<String>,
    pub until: DateTime<Utc>,
    /// The longest pause between two looks of one check.
    #[serde(with = "millis")]
    #[schema(value_type = Milliseconds)]
    pub every: Duration,
    /// The wave after which it looks, where the deployment waits between two; absent at the watch after its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<u32>,
}

/// What was seen since the summary before. One is recorded each minute and whenever a check turns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WatchSampled {
    pub deployment: DeploymentId,
    pub checks: Vec<CheckSummary>,
}

/// The samples of one check since the summary before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckSummary {
    pub check: String,
    pub good: u32,
    pub bad: u32,
    pub unknown: u32,
    /// The last one.
    pub last: SampleVerdict,
    /// What the last one said: `0.12 (below 0.01)`.
    pub says: String,
    /// The number of the last one, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// What a look at something finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SampleVerdict {
    Good,
    Unknown,
    Bad,
}

impl SampleVerdict {
    #[must_use]
    pub fn is_good(self) -> bool {
        self == Self::Good
    }

    /// In one word; loud where it does not reassure.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Unknown => "UNKNOWN",
            Self::Bad => "BAD",
        }
    }
}

/// A check is judged in another way than before, by the rule for several samples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WatchTurned {
    pub deployment: DeploymentId,
    pub check: String,
    pub to: SampleVerdict,
    /// What the sample said that decided it.
    pub says: String,
    /// What it said last is `value`, if that is a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// The watch of a deployment ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WatchEnded {
    pub deployment: DeploymentId,
    pub end: WatchEnd,
}

/// How a watch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WatchEnd {
    /// Every check was good all the time, and most of its samples could be taken.
    Good,
    /// Every check was good at the end, and one was bad before.
    Recovered,
    Bad,
    /// What it saw is too little to say how it is.
    Unknown,
    /// Another deployment took its place before its end.
    Replaced,
}

impl WatchEnd {
    /// In words: `ended good`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ended good",
            Self::Recovered => "ended good again after it was BAD",
            Self::Bad => "ended BAD",
            Self::Unknown => "ended UNKNOWN",
            Self::Replaced => "ended early: something else was deployed",
        }
    }
}

/// A console showed the end of a watch to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WatchSeen {
    pub deployment: DeploymentId,
}
