//! What this console did, as command lines.

use chrono::{DateTime, Utc};

use crate::console::model::ticket::Ticket;
use crate::domain::ids::ServiceName;

/// The most that are kept.
pub const KEPT: usize = 100;

/// A command that this console sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoneCommand {
    pub ticket: Ticket,
    pub at: DateTime<Utc>,
    pub service: ServiceName,
    /// What it does: `the promote of #12`.
    pub what: String,
    /// The same as a command line.
    pub line: String,
    pub outcome: CommandOutcome,
}

/// What became of a command, as far as this console heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandOutcome {
    OnItsWay,
    Recorded,
    NotDone,
    Unknown,
}

/// The list, with the cursor at one of them, counted from the newest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommandLinesPage {
    pub row: usize,
}
