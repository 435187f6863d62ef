//! The cursor of a list: it holds the id of a row, never its number, so that nothing moves under it.

/// Where the cursor is and which row is the first on screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<Id> {
    pub selected: Option<Id>,
    /// The number of rows above the screen.
    pub offset: usize,
}

impl<Id> Default for List<Id> {
    fn default() -> Self {
        Self { selected: None, offset: 0 }
    }
}

impl<Id: Clone + PartialEq> List<Id> {
    /// The row number of the cursor among the rows there are now.
    #[must_use]
    pub fn row(&self, ids: &[Id]) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        ids.iter().position(|id| id == selected)
    }

    /// Moves by rows, staying within them.
    pub fn step(&mut self, ids: &[Id], by: isize, height: usize) {
        let row = self.row(ids).unwrap_or(0).saturating_add_signed(by);
        self.selected = ids.get(row.min(ids.len().saturating_sub(1))).cloned();
        self.settle(ids, height);
    }

    /// Fits the cursor and the window to the rows: the cursor stays on its id as long as there is one.
    pub fn settle(&mut self, ids: &[Id], height: usize) {
        if self.row(ids).is_none() {
            self.selected = ids.first().cloned();
        }
        let row = self.row(ids).unwrap_or(0);
        let height = height.max(1);
        self.offset = self.offset.clamp((row + 1).saturating_sub(height), row);
        self.offset = self.offset.min(ids.len().saturating_sub(height));
    }
}
