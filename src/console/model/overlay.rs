//! What is over the panes: one dialog, one page of changes, the help, or the messages.

use std::path::PathBuf;

use crate::console::log::LongLine;
use crate::console::model::changed::ChangedPage;
use crate::console::model::checklist::ChecklistPage;
use crate::console::model::command_lines::CommandLinesPage;
use crate::console::model::dialog::Confirm;
use crate::console::model::palette::{CommandPalette, RowMenuPage};
use crate::console::model::text_input::TextInput;
use crate::console::model::ticket::Ticket;
use crate::domain::plan::Plan;

#[derive(Debug, Clone, PartialEq)]
pub enum Overlay {
    Confirm(Box<Confirm>),
    Changes(ChangesPage),
    /// What changed in all services.
    Changed(Box<ChangedPage>),
    /// What a rollback left behind.
    Checklist(ChecklistPage),
    /// A line of the log, all of it.
    Line(LinePage),
    Help(Help),
    /// Every action by its name.
    Palette(Box<CommandPalette>),
    /// What can be done with the selected row.
    Menu(Box<RowMenuPage>),
    /// What this console did, as command lines.
    CommandLines(CommandLinesPage),
    ByHand(HandPage),
    /// The engines to switch to.
    Engines(EnginesPage),
    /// The list of messages, scrolled up by so many lines.
    Messages(usize),
}

/// What a promote of the selected build would change, or a rollback take away.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangesPage {
    pub ticket: Ticket,
    pub plan: Loading<Box<Plan>>,
    pub scroll: usize,
}

/// A line of the log that was too long for its pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinePage {
    pub line: LongLine,
    pub scroll: usize,
}

impl LinePage {
    #[must_use]
    pub fn of(line: LongLine) -> Self {
        Self { line, scroll: 0 }
    }
}

/// How to roll back without trunkline, as it was known when the page was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandPage {
    /// A script, line by line.
    pub script: Vec<String>,
    /// Where the same is on disk, if it is.
    pub file: Option<PathBuf>,
    pub scroll: usize,
}

/// The list of engines, narrowed by a search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnginesPage {
    pub search: TextInput,
    pub row: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Loading<T> {
    Waiting,
    There(T),
    Failed(String),
}

/// The action table, narrowed by a search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Help {
    pub search: TextInput,
    pub row: usize,
}
