//! What can go wrong with git, in words that name no credentials.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::time::say;

/// Why git did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("git could not be started: {why}; install git and see that it is on the PATH")]
    NotStarted { why: io::Error },
    /// It ended with an error, and said why.
    #[error("git {what} failed: {}", first_line(said))]
    Failed { what: &'static str, said: String },
    #[error("git {what} was stopped after {}; see that the repository can be reached", say(*after))]
    TimedOut { what: &'static str, after: Duration },
    #[error("git {what} answered more than {limit} bytes, which trunkline does not read")]
    TooMuch { what: &'static str, limit: u64 },
    /// An answer that makes no sense here.
    #[error("git {what} answered something unexpected: {detail:?}")]
    Unexpected { what: &'static str, detail: String },
    #[error(
        "{repository:?} has no branch that could be the trunk; push one, or name it as trunk in trunkline.toml"
    )]
    NoTrunk { repository: String },
    #[error("{} is there and is no checkout of {sha}; move it away", folder.display())]
    Occupied { folder: PathBuf, sha: String },
    #[error("{}: {why}", path.display())]
    File { path: PathBuf, why: io::Error },
}

/// What git says first says what is wrong; what follows is advice for somebody at its prompt.
fn first_line(said: &str) -> &str {
    said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(said)
}
