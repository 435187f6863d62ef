//! Git errors; their texts contain no credentials.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::time::say;

/// Why a run of git failed.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("cannot start git: {why}; install git and put it on the PATH")]
    NotStarted { why: io::Error },
    /// Git ended with an error. `message` is its error output.
    #[error("git {what} failed: {}", first_line(message))]
    Failed { what: &'static str, message: String },
    #[error("git {what} was stopped after {}; check that the repository can be reached", say(*after))]
    TimedOut { what: &'static str, after: Duration },
    #[error("git {what} returned more than {limit} bytes, the most that trunkline reads")]
    TooMuch { what: &'static str, limit: u64 },
    /// Output that cannot be parsed.
    #[error("git {what} returned something unexpected: {detail:?}")]
    Unexpected { what: &'static str, detail: String },
    #[error("{repository:?} has no trunk branch; push one, or set trunk in trunkline.toml")]
    NoTrunk { repository: String },
    #[error("{}: {why}", path.display())]
    File { path: PathBuf, why: io::Error },
    /// A checkout that was kept cannot be used, and a new one could not be made.
    #[error("the checkout that was kept {flaw}, and making it again failed: {why}")]
    NotRenewed { flaw: String, why: Box<GitError> },
}

/// The first line of git's error output. The other lines are advice for an interactive user.
fn first_line(message: &str) -> &str {
    message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(message)
}
