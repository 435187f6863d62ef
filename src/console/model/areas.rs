//! Where everything is on the screen.

use ratatui::layout::Rect;

use crate::console::model::pane::Pane;

/// The smallest screen that has room for panes.
pub const SMALLEST: (u16, u16) = (60, 12);

/// The places of a screen; a pane that has no room is not in `panes`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Areas {
    /// All of it.
    pub screen: Rect,
    pub header: Rect,
    /// What is wrong, when something is.
    pub problem: Option<Rect>,
    /// The open request for a promoter, if there is one.
    pub request: Option<Rect>,
    /// The open incident, or what a rollback asks.
    pub incident: Option<Rect>,
    /// Between the header and the last two lines.
    pub body: Rect,
    pub panes: Vec<(Pane, Rect)>,
    /// What the selection is, or the latest note.
    pub context: Rect,
    pub hints: Rect,
}

impl Areas {
    #[must_use]
    pub fn of(&self, pane: Pane) -> Option<Rect> {
        self.panes.iter().find(|(at, _)| *at == pane).map(|(_, area)| *area)
    }

    /// How many rows a pane has inside its border.
    #[must_use]
    pub fn rows(&self, pane: Pane) -> usize {
        self.of(pane).map_or(0, |area| usize::from(area.height.saturating_sub(2)))
    }
}

/// True if the screen has no room for panes.
#[must_use]
pub fn is_tiny(screen: Rect) -> bool {
    screen.width < SMALLEST.0 || screen.height < SMALLEST.1
}

/// True if the activity has a column of its own.
#[must_use]
pub fn is_wide(screen: Rect) -> bool {
    screen.width >= 180 && screen.height >= 30
}
