//! The cursor of a list: it holds the id of a row, never its number. It follows the list's own row, as the newest or what
//! is live, until a person moves it; from then on nothing moves under it.

use tokio::time::Instant;

use crate::console::model::seen::Seen;

/// What moves the rows of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovedBy {
    Key,
    News,
}

/// Where the cursor is and which row is the first on screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<Id> {
    pub selected: Option<Id>,
    /// The number of rows above the screen.
    pub offset: usize,
    /// A person put the cursor where it is.
    held: bool,
    /// The row that came under the cursor last, while nobody moved it.
    came: Option<(Id, Seen)>,
}

impl<Id> Default for List<Id> {
    fn default() -> Self {
        Self { selected: None, offset: 0, held: false, came: None }
    }
}

impl<Id: Clone + PartialEq> List<Id> {
    /// A list whose cursor stands on this row once it is there.
    #[must_use]
    pub fn at(selected: Option<Id>) -> Self {
        Self { held: selected.is_some(), selected, offset: 0, came: None }
    }

    /// The row number of the cursor among the rows there are now.
    #[must_use]
    pub fn row(&self, ids: &[Id]) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        ids.iter().position(|id| id == selected)
    }

    /// Whether a person put the cursor where it is.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// The row that came under the cursor by itself, so late that who pressed a `key` at that instant may have meant the
    /// one before it.
    #[must_use]
    pub fn came_before(&self, key: Instant) -> Option<&Id> {
        self.came.as_ref().filter(|(_, seen)| !seen.before(key)).map(|(id, _)| id)
    }

    /// From when on a key is about the row that came.
    #[must_use]
    pub fn counts_at(&self) -> Option<Instant> {
        self.came.as_ref()?.1.counts_at()
    }

    /// The rows are drawn, and `shown` if nothing covers them.
    pub fn drawn(&mut self, at: Instant, shown: bool) {
        if let Some((_, seen)) = self.came.as_mut().filter(|_| shown) {
            seen.drawn(at);
        }
    }

    /// Puts the cursor on a row, for a person.
    pub fn select(&mut self, id: Id) {
        self.selected = Some(id);
        self.held = true;
    }

    /// The row that the cursor is on is the one that a person wants.
    pub fn hold(&mut self) {
        self.held = self.selected.is_some();
    }

    /// The cursor follows the list's own row again.
    pub fn release(&mut self) {
        self.held = false;
    }

    /// Moves by rows, staying within them. Who goes to the first row, and finds the list's own there, follows it again.
    pub fn step(&mut self, ids: &[Id], own: Option<&Id>, by: isize) {
        let row = self.row(ids).unwrap_or(0).saturating_add_signed(by);
        self.selected = ids.get(row.min(ids.len().saturating_sub(1))).cloned();
        self.held = by != isize::MIN || self.selected.as_ref() != own.or(ids.first());
    }

    /// Fits the cursor and the window to the rows. A cursor that nobody put anywhere is on the list's `own` row, and the
    /// window at the top; the own row is always on screen.
    pub fn settle(&mut self, ids: &[Id], own: Option<&Id>, height: usize, by: MovedBy) {
        let own_row = own.and_then(|own| ids.iter().position(|id| id == own));
        self.held &= self.row(ids).is_some();
        if !self.held {
            let own = ids.get(own_row.unwrap_or(0)).cloned();
            let moves = by == MovedBy::News && self.selected.is_some() && self.selected != own;
            let came = own.clone().filter(|_| moves);
            self.came = came.map(|id| (id, Seen::default())).or(self.came.take());
            self.selected = own;
            self.offset = 0;
            return;
        }
        self.show_cursor(ids, height);
        if own_row.is_some_and(|own| self.pin(own, height) != Pin::None) {
            self.show_cursor(ids, height - 1);
        }
    }

    /// The numbers of the rows on screen from top to bottom. The list's `own` row keeps its place at the edge behind
    /// which it would be.
    #[must_use]
    pub fn shown(&self, ids: &[Id], own: Option<&Id>, height: usize) -> Vec<usize> {
        let window = |height: usize| self.offset..ids.len().min(self.offset + height);
        let own = own.and_then(|own| ids.iter().position(|id| id == own));
        match own.map(|own| (own, self.pin(own, height))) {
            Some((own, Pin::Above)) => std::iter::once(own).chain(window(height - 1)).collect(),
            Some((own, Pin::Below)) => window(height - 1).chain([own]).collect(),
            _ => window(height).collect(),
        }
    }

    /// How many of so many rows are left for the window beside an own row that is pinned to its edge.
    #[must_use]
    pub fn window_rows(&self, ids: &[Id], own: Option<&Id>, height: usize) -> usize {
        let own = own.and_then(|own| ids.iter().position(|id| id == own));
        let pinned = own.is_some_and(|own| self.pin(own, height) != Pin::None);
        height - usize::from(pinned)
    }

    fn show_cursor(&mut self, ids: &[Id], height: usize) {
        let row = self.row(ids).unwrap_or(0);
        let height = height.max(1);
        self.offset = self.offset.clamp((row + 1).saturating_sub(height), row);
        self.offset = self.offset.min(ids.len().saturating_sub(height));
    }

    /// Where a row is drawn that may be outside of the window.
    fn pin(&self, row: usize, height: usize) -> Pin {
        match row {
            _ if height < 2 => Pin::None,
            row if row < self.offset => Pin::Above,
            row if row >= self.offset + height => Pin::Below,
            _ => Pin::None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pin {
    None,
    Above,
    Below,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten rows, newest first.
    const IDS: [u32; 10] = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0];

    #[test]
    fn the_cursor_follows_the_own_row_until_a_person_moves_it() {
        let mut list = List::default();
        list.settle(&IDS[2..], None, 4, MovedBy::News);
        assert_eq!(list.selected, Some(7));
        list.settle(&IDS, None, 4, MovedBy::News);
        assert_eq!((list.selected, list.offset), (Some(9), 0));
        list.step(&IDS, None, 1);
        list.settle(&IDS, None, 4, MovedBy::News);
        assert_eq!((list.selected, list.offset), (Some(8), 0));
        list.step(&IDS, None, -1);
        assert!(list.is_held(), "who steps onto the first row chose that one");
        list.step(&IDS, None, isize::MIN);
        assert!(!list.is_held(), "who goes to the top follows it");
    }

    #[test]
    fn a_row_that_came_by_itself_is_not_seen_before_it_was_on_screen_for_a_moment() {
        let at = Instant::now();
        let later = |millis| at + std::time::Duration::from_millis(millis);
        let mut list = List::default();
        list.settle(&IDS[2..], None, 4, MovedBy::News);
        assert_eq!(list.came_before(at), None, "there was none before it");
        list.settle(&IDS[1..], None, 4, MovedBy::Key);
        assert_eq!(list.came_before(at), None, "a key moved it");
        list.settle(&IDS, None, 4, MovedBy::News);
        list.drawn(at, false);
        assert_eq!(list.came_before(later(9_000)), Some(&9), "it is covered");
        list.drawn(later(9_000), true);
        assert_eq!(list.came_before(later(9_399)), Some(&9));
        list.step(&IDS, None, 1);
        assert_eq!(list.came_before(later(9_399)), Some(&9), "whoever moved on meant other rows");
        assert_eq!(list.came_before(later(9_400)), None);
    }

    #[test]
    fn a_row_that_is_gone_is_held_no_more() {
        let mut list = List::at(Some(3));
        list.settle(&IDS[..4], Some(&7), 4, MovedBy::News);
        assert_eq!((list.selected, list.is_held()), (Some(7), false));
        list.settle(&[], None, 4, MovedBy::News);
        assert_eq!(list.selected, None);
    }

    #[test]
    fn the_own_row_stays_on_screen_wherever_the_cursor_is() {
        for height in 2..12 {
            for own in IDS {
                for at in IDS {
                    for offset in 0..10 {
                        let mut list = List { offset, ..List::at(Some(at)) };
                        list.settle(&IDS, Some(&own), height, MovedBy::News);
                        let shown = list.shown(&IDS, Some(&own), height);
                        let ids: Vec<_> = shown.iter().map(|row| IDS[*row]).collect();
                        assert!(ids.contains(&own) && ids.contains(&at), "{list:?} {own} {ids:?}");
                        assert_eq!(ids.len(), height.min(IDS.len()));
                        assert!(shown.is_sorted(), "{shown:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_list_that_nobody_moved_shows_its_top_and_its_own_row() {
        let mut list = List::default();
        list.settle(&IDS, Some(&1), 4, MovedBy::News);
        assert_eq!((list.selected, list.shown(&IDS, Some(&1), 4)), (Some(1), vec![0, 1, 2, 8]));
    }
}
