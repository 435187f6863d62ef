//! Everything that can happen to the console, as plain data: it can be printed, compared and replayed.

use std::path::PathBuf;

use crossterm::event::Event;
use tokio::time::Instant;

use crate::backend::Answer;
use crate::backend::intents::Intent;
use crate::backend::last_state::LastState;
use crate::config::appearance::ThemeName;
use crate::console::model::log::LogSource;
use crate::console::model::ticket::Ticket;
use crate::console::theme::library::{LoadedTheme, ThemeFailure, ThemeOffer};
use crate::domain::command::Receipt;
use crate::domain::deployment::Deployment;
use crate::domain::ids::{DeploymentId, ServiceName};
use crate::domain::log::{FilteredPage, FilteredRead, LogFind, LogFrom, LogPage, LogSearch};
use crate::domain::plan::Plan;
use crate::domain::snapshot::{Description, FleetSnapshot, ServiceSnapshot};
use crate::domain::stats::DeliveryStats;
use crate::domain::timeline::{TimelinePage, TimelineRange};
use crate::terminal::input::Crowd;

/// Something that happened, and when by the monotonic clock: the only clock that `update` knows.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedMessage {
    pub at: Instant,
    pub message: Message,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// A key, a paste or a new size; the keyboard had none for us at the instant `keys_out`.
    Input {
        event: Event,
        /// What came with it.
        crowd: Crowd,
        keys_out: Instant,
    },
    /// The moment has come that [`crate::console::model::Model::next_wake`] named.
    Wake,
    Described(Answer<Description>),
    Fleet(Answer<Option<Box<FleetSnapshot>>>),
    /// The page of history before a deployment of production.
    History {
        service: ServiceName,
        before: DeploymentId,
        answer: Answer<Vec<Deployment>>,
    },
    Service(ServiceName, Answer<Option<Box<ServiceSnapshot>>>),
    Timeline {
        range: TimelineRange,
        answer: Answer<Option<Box<TimelinePage>>>,
    },
    Stats(ServiceName, Answer<Box<DeliveryStats>>),
    /// The list of services as it was seen last, from the disk.
    LastFleet(Result<Option<LastState<Box<FleetSnapshot>>>, String>),
    /// The same of a service.
    LastService(ServiceName, Result<Option<LastState<Box<ServiceSnapshot>>>, String>),
    Planned {
        ticket: Ticket,
        answer: Answer<Box<Plan>>,
    },
    /// The answer to a command.
    Answered {
        ticket: Ticket,
        answer: Answer<Receipt>,
    },
    /// What a lookup by idempotency key found, after as many tries as it takes or is allowed.
    LookedUp {
        ticket: Ticket,
        answer: Answer<Option<Receipt>>,
    },
    /// A command is being sent, but it could not be noted where it outlives this console.
    NotNoted {
        service: ServiceName,
        what: String,
        why: String,
    },
    /// A command of an earlier console whose answer was not seen.
    Left(Intent),
    /// What became of it.
    Recalled {
        intent: Intent,
        answer: Answer<Option<Receipt>>,
    },
    /// All themes that there are.
    Themes(Vec<ThemeOffer>),
    /// The theme in use, whose files have changed.
    ThemeRead {
        name: ThemeName,
        answer: Result<Box<LoadedTheme>, ThemeFailure>,
    },
    /// The name of a theme was written into this file.
    ThemeKept {
        name: ThemeName,
        answer: Result<PathBuf, String>,
    },
    Log {
        source: LogSource,
        from: LogFrom,
        answer: Answer<LogPage>,
    },
    LogSearched {
        source: LogSource,
        search: LogSearch,
        answer: Answer<LogFind>,
    },
    LogFiltered {
        source: LogSource,
        read: FilteredRead,
        answer: Answer<FilteredPage>,
    },
    /// Where how many lines were saved, or why not.
    LogSaved(Result<String, String>),
}
