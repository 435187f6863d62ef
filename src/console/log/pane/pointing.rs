//! The line that a person points at, the lines that they select, and their marks.

use crate::console::log::line::Key;
use crate::console::log::pane::{Jump, LogPane, LogPosition};
use crate::console::log::scroll::{Place, beginning, down, places, up};
use crate::domain::log::Direction;

/// Lines that were selected, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedLines {
    pub count: usize,
    pub text: String,
}

impl LogPane {
    /// Whether keys move a pointer from line to line: while lines are selected, and in a filter.
    pub(super) fn has_pointer(&self) -> bool {
        self.filter.is_some() || self.selection.is_some()
    }

    /// The line that is pointed at; while the end is followed, the last one.
    pub(in crate::console::log) fn pointed(&self) -> Option<Key> {
        if !self.has_pointer() {
            return None;
        }
        let last = || self.window.get(self.window.len().checked_sub(1)?).map(|line| line.key);
        self.pointer.or_else(last)
    }

    /// Whether a line is among those that are selected.
    pub(in crate::console::log) fn is_selected(&self, key: Key) -> bool {
        let (Some(from), Some(to)) = (self.selection, self.pointed()) else { return false };
        (from.min(to)..=from.max(to)).contains(&key)
    }

    /// Whether a line has a mark.
    pub(in crate::console::log) fn is_marked(&self, key: Key) -> bool {
        key.is_text && self.marks.contains(&key.cursor)
    }

    /// Whether lines are being selected.
    #[must_use]
    pub fn is_selecting(&self) -> bool {
        self.selection.is_some()
    }

    /// Begins to select lines at the line that is pointed at, or ends it.
    pub(super) fn select(&mut self) {
        if self.selection.take().is_some() {
            return;
        }
        if let Some(key) = self.meant() {
            self.pause();
            (self.selection, self.pointer) = (Some(key), Some(key));
        }
    }

    /// The selected lines; none where nothing is selected.
    ///
    /// # Errors
    /// When they are not all in memory any more.
    pub fn selected(&self) -> Result<Option<SelectedLines>, String> {
        let (Some(from), Some(to)) = (self.selection, self.pointed()) else { return Ok(None) };
        let (first, last) = (from.min(to), from.max(to));
        if !self.window.holds(first) || !self.window.holds(last) {
            return Err("the selection is longer than what is in memory; select fewer lines".into());
        }
        let lines = (self.window.index(first)..=self.window.index(last))
            .filter_map(|at| self.window.get(at));
        let (mut count, mut text) = (0, String::new());
        for line in lines {
            count += 1;
            for row in &line.rows {
                text.push_str(&row.text);
                text.push('\n');
            }
            if line.hidden > 0 {
                let hidden = line.hidden.to_string();
                text.extend(["[", &hidden, " bytes of this line are not here]\n"]);
            }
        }
        Ok(Some(SelectedLines { count, text }))
    }

    /// Ends the innermost of selection and filter; false where there is none.
    pub fn step_back(&mut self) -> bool {
        if self.selection.take().is_some() {
            if self.filter.is_none() {
                self.pointer = None;
            }
            return true;
        }
        self.end_filter()
    }

    /// Ends selection and filter.
    pub fn step_out(&mut self) {
        while self.step_back() {}
    }

    pub(super) fn drop_pointer(&mut self) {
        (self.pointer, self.selection, self.approach) = (None, None, None);
    }

    /// Marks the line that is meant, or takes its mark away.
    pub(super) fn mark(&mut self) {
        if let Some(key) = self.meant()
            && !self.marks.remove(&key.cursor)
        {
            self.marks.insert(key.cursor);
        }
    }

    /// Goes to the next mark, after the last one to the first.
    pub(super) fn go_to_mark(&mut self) {
        let Some(here) = self.meant() else { return };
        let next = self.marks.range(here.cursor + 1..).next().or_else(|| self.marks.first());
        if let Some(&cursor) = next {
            self.go_to(Key { cursor, is_text: true });
        }
    }

    /// Whether any line has a mark.
    #[must_use]
    pub fn has_marks(&self) -> bool {
        !self.marks.is_empty()
    }

    /// The line that a key means: the one pointed at, the one that was gone to, or the last on screen.
    fn meant(&self) -> Option<Key> {
        let (columns, height) = self.size();
        let top = self.top(columns, height)?;
        let bottom = down(&self.window, columns, top, height.saturating_sub(1));
        let on_screen = |key: &Key| (top.key..=bottom.key).contains(key);
        let hit = self.hit.map(|(key, _)| key).filter(on_screen);
        self.pointed().or(hit).or(Some(bottom.key))
    }

    /// Shows a line of the log, with what led to it above.
    pub(super) fn go_to(&mut self, key: Key) {
        self.forget_search();
        if self.has_pointer() {
            self.pointer = Some(key);
        } else {
            self.hit = Some((key, 0));
        }
        if self.jump.is_none() && self.window.holds(key) {
            return self.reveal(beginning(key), Direction::Newer);
        }
        self.jump = Some(Jump::To(beginning(key)));
        self.approach = Some(key);
    }

    /// After a jump to a line: reads what led to it, then shows it with that above.
    pub(super) fn come_near(&mut self) {
        let Some(key) = self.approach else { return };
        let (columns, height) = self.size();
        let above = self.window.index(key);
        let is_there = above >= height / 3 || self.window.reaches_start();
        let place = beginning(key);
        if is_there {
            self.approach = None;
            let top = up(&self.window, columns, place, height / 3);
            self.pause_at(top, Direction::Newer);
        } else {
            self.pause_at(place, Direction::Older);
        }
    }

    /// Moves the pointer by lines, and the screen with it.
    pub(super) fn move_pointer(&mut self, going: Direction, lines: usize) {
        self.forget_search();
        let Some(from) = self.pointed() else { return };
        let Some(last) = self.window.len().checked_sub(1) else { return };
        let from = self.window.index(from);
        let to = match going {
            Direction::Older => from.saturating_sub(lines),
            Direction::Newer => from.saturating_add(lines),
        };
        if let Some(key) = self.window.get(to.min(last)).map(|line| line.key) {
            self.pointer = Some(key);
            self.keep_on_screen(key, going);
        }
    }

    fn keep_on_screen(&mut self, key: Key, going: Direction) {
        let (columns, height) = self.size();
        let Some(top) = self.top(columns, height) else { return };
        let bottom = down(&self.window, columns, top, height.saturating_sub(1));
        let first = beginning(key);
        let line = self.window.get(self.window.index(key));
        let last = line.and_then(|line| places(line, columns).last()).unwrap_or(first);
        let top = if first < top {
            first
        } else if last > bottom {
            up(&self.window, columns, last, height.saturating_sub(1)).min(first)
        } else {
            top
        };
        self.pause_at(top, going);
    }

    /// At the first or last line there is; a jump may have to bring it.
    pub(super) fn point_at_end(&mut self, end: Direction) {
        let at = match (self.jump, end) {
            (Some(_), _) => None,
            (None, Direction::Older) => self.window.get(0),
            (None, Direction::Newer) => {
                self.window.len().checked_sub(1).and_then(|last| self.window.get(last))
            }
        };
        self.pointer = at.map(|line| line.key);
    }

    /// The line that a jump to an end of the log brought.
    pub(super) fn point_after(&mut self, jump: Jump) {
        if self.has_pointer() && jump == Jump::Start {
            self.pointer = self.window.get(0).map(|line| line.key);
        }
        if self.selection.is_some() && self.reading == LogPosition::Following {
            self.point_at_end(Direction::Newer);
        }
    }
}

/// Whether a place is the first row of its line.
pub(in crate::console::log) fn is_first_row(place: Place) -> bool {
    place.row == 0 && place.byte == 0
}
