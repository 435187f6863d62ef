//! Which log is on screen, and how much of it was read.

use tokio::time::Instant;

use crate::calendar::Tz;
use crate::console::log::{LogPane, SelectedLines, Want};
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
    choice: LogChoice,
    /// A person asked for the log of the choice, and it was not shown since.
    asked_for: bool,
    /// Another log that would be shown, if this one were not being read.
    pub waiting: Option<LogSource>,
    pub source: Option<LogSource>,
    /// The part that is being read or searched.
    pub asked: Option<Want>,
    /// How many readings in a row failed.
    pub failures: u32,
    /// When lines came that were all there were: more are not asked for within the same frame.
    pub caught_up: Option<Instant>,
    /// The text to look for, to filter by or to save to, while it is typed.
    pub search: Option<TextInput>,
    /// What that text is for.
    pub question: LogQuestion,
}

/// What is typed under the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogQuestion {
    #[default]
    Search,
    Filter,
    /// The file for the whole log, or for the lines that are selected.
    SaveAll,
    SaveSelection,
}

impl LogQuestion {
    /// In front of what is typed.
    #[must_use]
    pub fn prompt(self) -> &'static str {
        match self {
            Self::Search => "search the log ",
            Self::Filter => "only lines with (text, /regex/, !not) ",
            Self::SaveAll => "save the whole log to the new file ",
            Self::SaveSelection => "save the selected lines to the new file ",
        }
    }
}

/// Which lines are saved to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SavedLines {
    /// All that the log has.
    Whole,
    These(SelectedLines),
}

impl LogView {
    #[must_use]
    pub fn new(zone: Tz) -> Self {
        Self {
            pane: LogPane::new(zone),
            choice: LogChoice::Running,
            asked_for: false,
            waiting: None,
            source: None,
            asked: None,
            failures: 0,
            caught_up: None,
            search: None,
            question: LogQuestion::default(),
        }
    }

    /// Begins to type the answer to a question.
    pub fn ask(&mut self, question: LogQuestion, text: &str) {
        let mut input = TextInput::default();
        input.insert(text);
        (self.search, self.question) = (Some(input), question);
    }

    #[must_use]
    pub fn choice(&self) -> LogChoice {
        self.choice
    }

    /// Shows the log that a person asks for, whatever is read in the one on screen.
    pub fn choose(&mut self, choice: LogChoice) {
        self.choice = choice;
        self.asked_for = true;
    }

    /// Follows another choice once the log on screen is not being read.
    pub fn turn_to(&mut self, choice: LogChoice) {
        self.choice = choice;
    }

    /// Takes a request of a person, which is there once.
    pub fn take_request(&mut self) -> bool {
        std::mem::take(&mut self.asked_for)
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
