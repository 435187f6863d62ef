//! Git errors; their texts contain no credentials.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::time::say;

/// Why git did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("git could not be started: {why}; install git and put it on the PATH")]
    NotStarted { why: io::Error },
    /// It ended with an error, and said why.
    #[error("git {what} failed: {}", first_line(said))]
    Failed { what: &'static str, said: String },
    #[error("git {what} was stopped after {}; check that the repository can be reached", say(*after))]
    TimedOut { what: &'static str, after: Duration },
    #[error("git {what} returned more than {limit} bytes, the most that trunkline reads")]
    TooMuch { what: &'static str, limit: u64 },
    /// Output that was not expected.
    #[error("git {what} returned something unexpected: {detail:?}")]
    Unexpected { what: &'static str, detail: String },
    #[error("{repository:?} has no trunk branch; push one, or set trunk in trunkline.toml")]
    NoTrunk { repository: String },
    #[error("{}: {why}", path.display())]
    File { path: PathBuf, why: io::Error },
}

/// The first line says what is wrong; the rest is advice for an interactive user.
fn first_line(said: &str) -> &str {
    said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(said)
}
