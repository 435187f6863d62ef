//! Which log is on screen, and how much of it was read.

use tokio::time::Instant;

use crate::calendar::Tz;
use crate::console::log::{LogPane, Want};
use crate::console::model::text_input::TextInput;
use crate::domain::ids::{DeploymentId, ServiceName};

/// A step whose log can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSource {
    pub service: ServiceName,
    pub deployment: DeploymentId,
    pub step: usize,
}

/// The log on screen and what is read of it.
#[derive(Debug, Clone)]
pub struct LogView {
    pub pane: LogPane,
    pub choice: LogChoice,
    pub source: Option<LogSource>,
    /// The part that is being read or searched.
    pub asked: Option<Want>,
    /// How many readings in a row failed.
    pub failures: u32,
    /// When lines came that were all there were: more are not asked for within the same frame.
    pub caught_up: Option<Instant>,
    /// The text to look for, while it is typed.
    pub search: Option<TextInput>,
}

impl LogView {
    #[must_use]
    pub fn new(zone: Tz) -> Self {
        Self {
            pane: LogPane::new(zone),
            choice: LogChoice::Running,
            source: None,
            asked: None,
            failures: 0,
            caught_up: None,
            search: None,
        }
    }
}

/// Which log is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogChoice {
    /// What runs now, else the selection.
    Running,
    /// The deployment of the selection.
    Selection,
    /// This step, chosen by hand.
    Step(DeploymentId, usize),
}
