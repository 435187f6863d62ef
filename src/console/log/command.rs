//! What keys do to the log pane.

/// What a person does to the pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogCommand {
    Up(usize),
    Down(usize),
    PageUp,
    PageDown,
    HalfPageUp,
    HalfPageDown,
    Top,
    Bottom,
    /// Follow the end, or stop following it.
    Follow,
    Wrap,
    Time,
    /// Nothing but the text, to select with the mouse.
    Plain,
    NextError,
    PreviousError,
    /// Look for this text; nothing to look for ends the search.
    Search(String),
    NextMatch,
    PreviousMatch,
    /// Give up a search that is under way.
    GiveUp,
    /// In a filter, more or fewer lines around each that passes.
    MoreAround,
    LessAround,
    /// Ask for the text of a filter.
    AskFilter,
    /// Ask where to save the log, or the lines that are selected.
    AskSave,
    /// Show what is left or right of lines that are cut.
    Left,
    Right,
    /// Begin to select lines, or end it.
    Select,
    /// Mark a line, or take its mark away.
    Mark,
    NextMark,
}
