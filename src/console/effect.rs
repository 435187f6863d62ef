//! What `update` asks the runtime to do, as plain data.

use std::path::PathBuf;

use tokio::time::Instant;

use crate::backend::intents::Intent;
use crate::backend::last_state::LastStates;
use crate::config::appearance::ThemeName;
use crate::console::exit::Error;
use crate::console::model::log::{LogSource, SavedLines};
use crate::console::model::sizes::PaneSizes;
use crate::console::model::ticket::Ticket;
use crate::console::theme::library::{SeenFile, ThemeLibrary};
use crate::domain::command::{Action, Command};
use crate::domain::ids::{DeploymentId, IdempotencyKey, ServiceName};
use crate::domain::log::{FilteredRead, LogFrom, LogSearch};
use crate::domain::snapshot::Version;
use crate::domain::timeline::TimelineRange;

/// Something that the runtime does for the model.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Describe,
    /// Wait for a new snapshot of the fleet, not before `due`; replaces the wait before.
    WatchFleet {
        after: Option<Version>,
        due: Instant,
    },
    /// The same for one service.
    WatchService {
        service: ServiceName,
        after: Option<Version>,
        due: Instant,
    },
    /// Wait for another timeline; replaces the wait before.
    WatchTimeline {
        range: TimelineRange,
        after: Option<Version>,
        due: Instant,
    },
    Plan {
        ticket: Ticket,
        service: ServiceName,
        action: Action,
    },
    /// Note the intent where it outlives this console, then send the command.
    Send {
        ticket: Ticket,
        command: Command,
        intent: Intent,
    },
    /// Note commands in this folder from now on, and find out what became of those that consoles left there.
    Recall(PathBuf),
    /// Keep on disk what is seen from now on.
    Keep(LastStates),
    /// Keep how the panes are sized, once the console ends.
    KeepSizes(LastStates, PaneSizes),
    /// Read the last state from the disk, not before `due`: of a service, or the list of all.
    ReadLast {
        states: LastStates,
        service: Option<ServiceName>,
        due: Instant,
    },
    /// Leave this engine for the one of a profile, or for that of this machine.
    Switch(Option<String>),
    /// Find out what became of a command whose answer got lost. It is never sent again.
    LookUp {
        ticket: Ticket,
        key: IdempotencyKey,
    },
    /// Read deployments of production older than one.
    History {
        service: ServiceName,
        before: DeploymentId,
        limit: usize,
    },
    /// Read the measures of a service.
    Stats(ServiceName),
    /// Replaces the reading before it.
    ReadLog {
        source: LogSource,
        from: LogFrom,
        limit: usize,
        due: Instant,
    },
    /// Look for a line of the log; takes the place of the reading, and the reading its.
    SearchLog {
        source: LogSource,
        search: LogSearch,
        due: Instant,
    },
    /// Read all themes.
    ListThemes(ThemeLibrary),
    /// Read the theme in use again if one of its files has changed.
    LookAtTheme {
        library: ThemeLibrary,
        name: ThemeName,
        files: Vec<SeenFile>,
    },
    /// Write the name of the theme into the user file.
    KeepTheme {
        file: PathBuf,
        name: ThemeName,
    },
    /// Read lines of the log that pass a filter; takes the place of the reading, and the reading its.
    FilterLog {
        source: LogSource,
        read: FilteredRead,
        due: Instant,
    },
    /// Write lines of the log to a file that is not there yet.
    SaveLog {
        source: LogSource,
        lines: SavedLines,
        path: String,
    },
    Outside(Outside),
    Quit,
    /// There is nothing to show and never will be.
    Fail(Error),
}

/// What only the terminal itself can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outside {
    Copy(String),
    Bell,
    Title(String),
    Redraw,
    Suspend,
    /// Take over again what may have changed while the program stood still.
    Resume,
}

impl Outside {
    /// Whether what was drawn may be gone after it.
    #[must_use]
    pub fn spoils_the_screen(&self) -> bool {
        matches!(self, Self::Redraw | Self::Suspend | Self::Resume)
    }
}
