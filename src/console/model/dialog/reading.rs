//! How far the upper part of a dialog was read.

/// Where the upper part is scrolled to, and what of it was on screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadProgress {
    /// The line at the top.
    pub first: usize,
    /// How many lines, from the first one on, were on screen.
    seen: usize,
    /// How many lines that have to be read were not.
    unseen: usize,
}

/// A part of some lines that is on screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisibleLines {
    pub first: usize,
    pub count: usize,
    /// How many there are.
    pub lines: usize,
    /// How many of them, from the first on, have to be read.
    pub weighty: usize,
}

impl ReadProgress {
    /// This is on screen now.
    pub fn shows(&mut self, window: VisibleLines) {
        if window.first <= self.seen {
            self.seen = self.seen.max(window.first + window.count);
        }
        self.unseen = window.weighty.saturating_sub(self.seen);
    }

    /// Moves by whole windows, so that no line is left out.
    pub fn turn(&mut self, window: VisibleLines, pages: isize) {
        let by = pages.saturating_mul(isize::try_from(window.count).unwrap_or(isize::MAX));
        self.first = window.first.saturating_add_signed(by).min(window.lines - window.count);
    }

    /// Whether all that has to be read was on screen.
    ///
    /// # Errors
    /// How much is left, and the `key` that shows it.
    pub fn is_done(&self, key: &str) -> Result<(), String> {
        match self.unseen {
            0 => Ok(()),
            1 => Err(format!("{key}: 1 line of overrides not seen yet")),
            lines => Err(format!("{key}: {lines} lines of overrides not seen yet")),
        }
    }
}
