//! A command whose output is watched: what it prints else than before is a change.

use std::time::Duration;

use super::event::{NoteKind, Run};

/// One `[[observe]]` of a service file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedCommand {
    pub name: String,
    pub kind: NoteKind,
    pub run: Run,
    pub every: Duration,
    pub timeout: Duration,
    /// How to undo a change of it.
    pub undo: Option<String>,
}
