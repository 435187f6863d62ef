//! What a key is about: the groups of the help.

use crate::console::actions::action::KeyAction;
use crate::console::actions::context::InputContext;
use crate::console::actions::tables::Entry;

/// What a key is about, in the order of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyGroup {
    Acts,
    Looks,
    Moves,
    Log,
    Console,
    Texts,
    Pages,
    Dialogs,
}

impl KeyGroup {
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        match entry.context {
            InputContext::Log => Self::Log,
            InputContext::Lists | InputContext::Everywhere | InputContext::Tiny => {
                of_panes(&entry.action)
            }
            InputContext::Text | InputContext::Filter | InputContext::Search => Self::Texts,
            InputContext::Help
            | InputContext::Palette
            | InputContext::Menu
            | InputContext::Choice
            | InputContext::Page
            | InputContext::Changed
            | InputContext::Checklist => Self::Pages,
            InputContext::Dialog
            | InputContext::Buttons
            | InputContext::Field
            | InputContext::Commits
            | InputContext::Picks => Self::Dialogs,
        }
    }

    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Acts => "Acts: a dialog or a countdown comes first",
            Self::Looks => "Looks: changes nothing",
            Self::Moves => "Moves",
            Self::Log => "Log",
            Self::Console => "Console",
            Self::Texts => "Texts",
            Self::Pages => "Pages",
            Self::Dialogs => "Dialogs",
        }
    }
}

fn of_panes(action: &KeyAction) -> KeyGroup {
    match action {
        _ if action.changes_something() => KeyGroup::Acts,
        KeyAction::Take | KeyAction::Withdraw | KeyAction::NotRollBack => KeyGroup::Acts,
        KeyAction::Move(_)
        | KeyAction::Focus(_)
        | KeyAction::NextPane
        | KeyAction::PreviousPane
        | KeyAction::Zoom
        | KeyAction::Grow
        | KeyAction::Shrink
        | KeyAction::Back => KeyGroup::Moves,
        KeyAction::LatestLog | KeyAction::NextStep | KeyAction::PreviousStep => KeyGroup::Log,
        KeyAction::Engines
        | KeyAction::Refresh
        | KeyAction::Pause
        | KeyAction::Messages
        | KeyAction::CommandLines
        | KeyAction::RowMenu
        | KeyAction::Palette
        | KeyAction::Help
        | KeyAction::Redraw
        | KeyAction::Suspend
        | KeyAction::Quit
        | KeyAction::Interrupt => KeyGroup::Console,
        _ => KeyGroup::Looks,
    }
}
