//! What a key can do, by the place that it is pressed in.

use crate::console::log::LogCommand;
use crate::console::model::pane::Pane;

/// Something that a key can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyAction {
    Promote,
    RollBack,
    Emergency,
    Verify,
    Hold,
    Freeze,
    Cancel,
    /// The next wave of what waits between two.
    Continue,
    Retry,
    /// Opens an incident, adds to the open one or ends it, and answers what a rollback asks.
    Incident,
    Take,
    Withdraw,
    NotRollBack,
    Changes,
    /// What changed in all services.
    Changed,
    ByHand,
    /// What a rollback left behind.
    Checklist,
    Preview,
    Open,
    Back,
    Quit,
    NextPane,
    PreviousPane,
    Focus(Pane),
    Zoom,
    /// Make the focused pane larger.
    Grow,
    Shrink,
    /// The next order of the list of services.
    Sort,
    LatestLog,
    NextStep,
    PreviousStep,
    Filter,
    Services,
    Engines,
    /// The list of themes.
    Themes,
    Refresh,
    Pause,
    Messages,
    CopyCommit,
    CopyLink,
    ShowLink,
    Help,
    /// Every action by its name.
    Palette,
    /// What can be done with the selected row.
    RowMenu,
    /// What this console did, as command lines.
    CommandLines,
    Redraw,
    Suspend,
    Interrupt,
    Log(LogCommand),
    /// In lists, pages and the help.
    Move(Move),
    /// In every text that is typed.
    Edit(Edit),
    /// In the filter, and in the text to search the log for.
    Input(InputAction),
    InHelp(HelpAction),
    InPalette(PaletteAction),
    InMenu(MenuAction),
    /// In the list of engines.
    Choice(ChoiceAction),
    Page(PageAction),
    InChanged(ChangedAction),
    InChecklist(ChecklistAction),
    Dialog(DialogAction),
}

impl KeyAction {
    /// Whether it changes something for everybody, once its dialog or countdown is through.
    #[must_use]
    pub fn changes_something(&self) -> bool {
        matches!(
            self,
            Self::Promote
                | Self::RollBack
                | Self::Emergency
                | Self::Verify
                | Self::Hold
                | Self::Freeze
                | Self::Cancel
                | Self::Continue
                | Self::Retry
                | Self::Incident
        )
    }

    /// Whether it reaches beyond what this console shows, or begins to. A key that came with others does not.
    #[must_use]
    pub fn acts(&self) -> bool {
        !matches!(
            self,
            Self::NotRollBack
                | Self::Changes
                | Self::Changed
                | Self::InChanged(_)
                | Self::ByHand
                | Self::Checklist
                | Self::Preview
                | Self::Open
                | Self::Back
                | Self::NextPane
                | Self::PreviousPane
                | Self::Focus(_)
                | Self::Zoom
                | Self::Grow
                | Self::Shrink
                | Self::Sort
                | Self::LatestLog
                | Self::NextStep
                | Self::PreviousStep
                | Self::Filter
                | Self::Services
                | Self::Refresh
                | Self::Messages
                | Self::Help
                | Self::Palette
                | Self::RowMenu
                | Self::CommandLines
                | Self::Redraw
                // It asks for a second press, and has to work whatever a terminal sends.
                | Self::Interrupt
                | Self::Log(_)
                | Self::Move(_)
                | Self::Edit(_)
                | Self::Input(_)
                | Self::InHelp(_)
                | Self::InPalette(_)
                | Self::InMenu(_)
                | Self::Choice(_)
                | Self::Page(_)
                | Self::Dialog(_)
        )
    }
}

/// A move of a cursor or a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
}

impl Move {
    /// Where it leads from a row, with so many rows on a page and `most` as the last one.
    #[must_use]
    pub fn lead(self, from: usize, page: usize, most: usize) -> usize {
        let to = match self {
            Self::Up => from.saturating_sub(1),
            Self::Down => from + 1,
            Self::PageUp => from.saturating_sub(page),
            Self::PageDown => from + page,
            Self::Top => 0,
            Self::Bottom => most,
        };
        to.min(most)
    }
}

/// A change of a text that is typed, or of the place of its cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    Left,
    Right,
    Start,
    End,
    /// Deletes the character before the cursor.
    Backspace,
    /// Deletes the character at the cursor.
    Delete,
    /// Deletes the word before the cursor.
    DeleteWord,
    Clear,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputAction {
    Accept,
    Cancel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelpAction {
    Run,
    Close,
    /// Closes the help while nothing is searched for; else the key is part of the text.
    CloseIfEmpty,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaletteAction {
    Run,
    /// Types what the cursor is on, to choose what it is done with.
    Complete,
    /// What was run before.
    Earlier,
    Later,
    Close,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MenuAction {
    Run,
    Close,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageAction {
    Close,
    /// Copies what the page has to be copied.
    Copy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangedAction {
    /// Further back.
    Wider,
    Narrower,
    /// Shows all of an entry, or the list again.
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecklistAction {
    /// Ticks the item at the cursor, or takes its tick back.
    Tick,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChoiceAction {
    /// Goes on with the one under the cursor.
    Switch,
    Close,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialogAction {
    /// Closes at once.
    Close,
    /// The same as the button that closes: it works once the button does.
    PressClose,
    /// Presses the focused button; in a field or list it goes on to the next stop.
    Press,
    Next,
    Previous,
    PageUp,
    PageDown,
    NextCommit,
    PreviousCommit,
    Mark,
    /// Picks the next option of a row.
    PickNext,
    PickPrevious,
    Changes,
    ByHand,
    /// After a rollback that failed, the good build before instead.
    BuildBefore,
    /// The rollback steps of the trunk instead of those of the build.
    TrunkSteps,
}
