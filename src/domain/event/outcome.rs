//! How steps and deployments end.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    Succeeded,
    /// Ended with an exit code other than 0.
    Exited(i32),
    /// Ended by a signal that trunkline did not send.
    Signalled(i32),
    TimedOut,
    Cancelled,
    /// The process could not be started, with the reason.
    NotStarted(String),
    /// Its supervisor is gone and left no result. How far it came is unknown.
    Lost,
    /// It did not succeed at another engine, as a sentence.
    Concluded(String),
    /// What became of it at another engine is not known, as a sentence. It may have changed something, or still do.
    Unfound(String),
}

/// `exit 1`, `timed out`.
impl fmt::Display for StepOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::Exited(code) => write!(f, "exit {code}"),
            Self::Signalled(signal) => write!(f, "killed by signal {signal}"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::NotStarted(why) => write!(f, "not started: {why}"),
            Self::Lost => f.write_str("lost: its supervisor is gone and left no result"),
            Self::Concluded(how) => f.write_str(how),
            Self::Unfound(why) => write!(f, "not known: {why}"),
        }
    }
}

/// How a deployment ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Succeeded,
    /// Which step failed and how, as a sentence.
    Failed(String),
    Cancelled,
    /// How far it came is unknown. A person decides.
    Interrupted(String),
}

/// `succeeded`, `failed: step release: exit 1`.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Interrupted(why) => write!(f, "interrupted: {why}"),
        }
    }
}
