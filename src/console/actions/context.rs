//! Where keys are pressed: each place has a table of its own.

/// A place that keys are pressed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InputContext {
    /// Works everywhere.
    Everywhere,
    /// The lists and panes.
    Lists,
    /// The log, while it has the focus.
    Log,
    /// Any text that is typed.
    Text,
    /// The filter of the lists.
    Filter,
    /// The text to search the log for.
    Search,
    Help,
    /// The palette of commands.
    Palette,
    /// What can be done with a row.
    Menu,
    /// The list of servers to switch to.
    Choice,
    /// The page of changes, and the messages.
    Page,
    /// What changed in all services.
    Changed,
    /// What a rollback left behind.
    Checklist,
    /// All of a dialog.
    Dialog,
    /// The buttons of a dialog.
    Buttons,
    /// A text field of a dialog.
    Field,
    /// The list of commits in a dialog.
    Commits,
    /// A row of options in a dialog.
    Picks,
    /// A screen without room for panes.
    Tiny,
}

impl InputContext {
    pub const ALL: [Self; 19] = [
        Self::Everywhere,
        Self::Lists,
        Self::Log,
        Self::Text,
        Self::Filter,
        Self::Search,
        Self::Help,
        Self::Palette,
        Self::Menu,
        Self::Choice,
        Self::Page,
        Self::Changed,
        Self::Checklist,
        Self::Dialog,
        Self::Buttons,
        Self::Field,
        Self::Commits,
        Self::Picks,
        Self::Tiny,
    ];

    /// The tables that a key is looked up in, one after the other.
    #[must_use]
    pub fn tables(self) -> &'static [Self] {
        match self {
            Self::Log => &[Self::Log, Self::Lists],
            Self::Filter => &[Self::Filter, Self::Text],
            Self::Search => &[Self::Search, Self::Text],
            Self::Help => &[Self::Help, Self::Text],
            Self::Palette => &[Self::Palette, Self::Text],
            Self::Choice => &[Self::Choice, Self::Text],
            Self::Changed => &[Self::Changed, Self::Page],
            Self::Checklist => &[Self::Checklist, Self::Page],
            Self::Buttons => &[Self::Buttons, Self::Dialog],
            Self::Field => &[Self::Field, Self::Text, Self::Dialog],
            Self::Commits => &[Self::Commits, Self::Buttons, Self::Dialog],
            Self::Picks => &[Self::Picks, Self::Dialog],
            Self::Everywhere => &[Self::Everywhere],
            Self::Lists => &[Self::Lists],
            Self::Text => &[Self::Text],
            Self::Page => &[Self::Page],
            Self::Menu => &[Self::Menu],
            Self::Dialog => &[Self::Dialog],
            Self::Tiny => &[Self::Tiny],
        }
    }

    /// Its name in a keymap file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::Lists => "lists",
            Self::Log => "log",
            Self::Text => "text",
            Self::Filter => "filter",
            Self::Search => "search",
            Self::Help => "help",
            Self::Palette => "palette",
            Self::Menu => "menu",
            Self::Choice => "servers",
            Self::Page => "page",
            Self::Changed => "changed",
            Self::Checklist => "checklist",
            Self::Dialog => "dialog",
            Self::Buttons => "buttons",
            Self::Field => "field",
            Self::Commits => "commits",
            Self::Picks => "options",
            Self::Tiny => "tiny",
        }
    }
}
