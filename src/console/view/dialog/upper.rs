//! The upper part of a dialog: it is scrolled where it does not fit, and some of it has to be read before the button acts.

use ratatui::text::Line;

use crate::console::actions::action::{DialogAction, KeyAction};
use crate::console::model::Model;
use crate::console::model::dialog::reading::VisibleLines;

#[derive(Default)]
pub struct Upper {
    pub lines: Vec<Line<'static>>,
    /// How many of them, from the first on, have to be on screen before the button acts.
    pub weighty: usize,
}

impl Upper {
    /// They are the first to go where there is no room.
    pub fn drop_empty_lines(&mut self) {
        let is_empty = |line: &Line<'static>| line.width() == 0;
        self.weighty -= self.lines[..self.weighty].iter().filter(|line| is_empty(line)).count();
        self.lines.retain(|line| !is_empty(line));
    }

    /// What is on screen of it when it is scrolled to the line `first`; the last line says what is not.
    pub fn window(&self, height: usize, first: usize) -> VisibleLines {
        let (lines, weighty) = (self.lines.len(), self.weighty);
        let count =
            if lines <= height { lines } else { height.saturating_sub(1).max(height.min(1)) };
        VisibleLines { first: first.min(lines - count), count, lines, weighty }
    }

    pub fn shown(self, model: &Model, height: usize, first: usize) -> Vec<Line<'static>> {
        let window = self.window(height, first);
        let VisibleLines { first, count, lines, .. } = window;
        let mut shown: Vec<_> = self.lines.into_iter().skip(first).take(count).collect();
        if count < height && count < lines {
            let below = lines - first - count;
            let key = |action| model.key(&KeyAction::Dialog(action));
            let (down, up) = (key(DialogAction::PageDown), key(DialogAction::PageUp));
            shown.push(Line::from(match (first, below) {
                (0, _) => format!("  {down}: {below} more lines"),
                (_, 0) => format!("  {up}: {first} lines above"),
                _ => format!("  {down}: {below} more lines, {up}: {first} above"),
            }));
        }
        shown
    }
}
