//! The answers of every kind of engine, in one form.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::HeaderValue;

use super::client::CallError;
use crate::domain::remote::{RunRef, Waits};

/// What became of a send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SendAnswer {
    Started(RunRef),
    /// It runs, or will, and which run it is has to be looked for.
    Accepted,
    /// It does not run and never will.
    Rejected(String),
    /// It was certainly not sent.
    NotYet {
        why: String,
        again: Duration,
    },
    /// Perhaps it runs.
    Unknown(String),
}

/// What a look for a run found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Run(RunRef),
    /// No run has this key, as far as this look can tell.
    Absent,
    /// It can never be found, for this reason.
    Never(String),
    CannotTell(CallError),
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunState {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl Looked {
    /// When it ended, by the clock of its engine, as far as that tells.
    pub fn ended_there(&self) -> Option<DateTime<Utc>> {
        let jobs = self.jobs.iter().filter_map(|job| job.ended_at).max();
        self.ended_at.or(jobs)
    }

    /// Whether it shows nothing else than another look.
    pub fn is_like(&self, other: &Self) -> bool {
        let untagged = |seen: &Self| Self { tag: None, ..seen.clone() };
        untagged(self) == untagged(other)
    }
}

impl RunState {
    /// Whether a run stays like this.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// What a look at a run saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Looked {
    pub state: RunState,
    /// The engine's own word for the state.
    pub word: String,
    pub says: Option<String>,
    pub run: RunRef,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// Names what was seen, so that the next look waits for something else.
    pub tag: Option<HeaderValue>,
    /// What holds it up.
    pub waits: Option<Waits>,
    /// Its jobs, where it has several.
    pub jobs: Vec<SeenJob>,
}

/// A job of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeenJob {
    pub id: u64,
    pub name: String,
    /// The number of the step that runs, and the words for it.
    pub step: Option<(u64, String)>,
    /// Whether it ran and has ended, so that its text can be read.
    pub has_log: bool,
    pub ended_at: Option<DateTime<Utc>>,
}

/// A piece of a run's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogPiece {
    pub bytes: Vec<u8>,
    /// Whether nothing comes after it.
    pub ended: bool,
}

/// What follows when a run that was sent is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Absence {
    /// So many looks in a row, over so long, have to miss it before it counts as never started.
    pub looks: u32,
    pub lasting: Duration,
    /// Whether it may be sent again then: its key makes a start happen once.
    pub may_send_again: bool,
    /// What is looked for.
    pub what: &'static str,
    /// What else a person should know then.
    pub hint: &'static str,
}
