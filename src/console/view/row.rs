//! One line of the screen, put together from cells of a fixed width; text from outside passes the gate here.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use crate::console::theme::{Role, Theme};
use crate::terminal::gate;

/// A line in the making and the columns that are left.
#[derive(Debug, Clone)]
pub struct Row<'t> {
    theme: &'t Theme,
    spans: Vec<Span<'static>>,
    left: usize,
}

impl<'t> Row<'t> {
    #[must_use]
    pub fn new(theme: &'t Theme, width: u16) -> Self {
        Self { theme, spans: Vec::new(), left: usize::from(width) }
    }

    /// Text of ours, as wide as it is. It passes the gate too: it may quote a name.
    #[must_use]
    pub fn own(self, text: impl AsRef<str>, role: Role) -> Self {
        let style = self.theme.style(role);
        self.styled(text, style)
    }

    /// The same in a style that is not one role's.
    #[must_use]
    pub fn styled(mut self, text: impl AsRef<str>, style: Style) -> Self {
        let safe = gate::line(text.as_ref());
        let text = self.clip(&safe, self.left);
        self.push(text, style);
        self
    }

    /// Text of ours in a cell: cut or filled up to the width.
    #[must_use]
    pub fn cell(mut self, text: impl AsRef<str>, width: usize, role: Role) -> Self {
        let safe = gate::line(text.as_ref());
        let text = self.clip(&safe, width.min(self.left));
        let used = text.width();
        self.push(text, self.theme.style(role));
        self.gap(width - used.min(width))
    }

    /// The same, against the right edge of the cell.
    #[must_use]
    pub fn right(mut self, text: impl AsRef<str>, width: usize, role: Role) -> Self {
        let safe = gate::line(text.as_ref());
        let text = self.clip(&safe, width.min(self.left));
        let used = text.width();
        self = self.gap(width - used.min(width));
        self.push(text, self.theme.style(role));
        self
    }

    /// Text from outside, in a cell; what the gate had to escape looks like it.
    #[must_use]
    pub fn outside(mut self, text: &str, width: usize, role: Role) -> Self {
        let width = width.min(self.left);
        let safe = gate::field(text).clip(width, self.theme.symbols.ellipsis);
        for (run, escape) in safe.runs() {
            let style = self.theme.style(if escape { Role::Escape } else { role });
            self.push(run.to_owned(), style);
        }
        self.gap(width.saturating_sub(safe.width()))
    }

    /// Text from outside, as wide as it is, at most what is left.
    #[must_use]
    pub fn name(self, text: &str, role: Role) -> Self {
        let width = gate::field(text).width().min(self.left);
        self.outside(text, width, role)
    }

    #[must_use]
    pub fn gap(mut self, columns: usize) -> Self {
        let columns = columns.min(self.left);
        if columns > 0 {
            self.push(" ".repeat(columns), Style::default());
        }
        self
    }

    /// Puts another row against the right edge, over what does not fit.
    #[must_use]
    pub fn then_right(mut self, right: Row<'t>, width: u16) -> Self {
        let used: usize = right.spans.iter().map(Span::width).sum();
        let room = usize::from(width).saturating_sub(used);
        let taken: usize = self.spans.iter().map(Span::width).sum();
        self = if taken > room { self.shortened(room) } else { self.gap(room - taken) };
        self.spans.extend(right.spans);
        self
    }

    /// The columns that are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left
    }

    #[must_use]
    pub fn line(self) -> Line<'static> {
        Line::from(self.spans)
    }

    fn shortened(mut self, width: usize) -> Self {
        let spans = std::mem::take(&mut self.spans);
        self.left = width;
        for span in spans {
            let text = self.clip(&span.content, self.left);
            self.push(text, span.style);
        }
        let rest = self.left;
        self.gap(rest)
    }

    fn clip(&self, text: &str, width: usize) -> String {
        clip(text, width, self.theme.symbols.ellipsis)
    }

    fn push(&mut self, text: String, style: Style) {
        self.left = self.left.saturating_sub(text.width());
        self.spans.push(Span::styled(text, style));
    }
}

/// The text, or as much of it as fits with the mark of what was cut.
fn clip(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for letter in text.chars() {
        kept.push(letter);
        if kept.width() + ellipsis.width() > width {
            kept.pop();
            break;
        }
    }
    if width == 0 { String::new() } else { kept + ellipsis }
}

/// Breaks text of ours at spaces into lines of at most so many columns.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in gate::line(text).split_whitespace() {
        let line = lines.last_mut().expect("there is always one line");
        let space = usize::from(!line.is_empty());
        if line.width() + space + word.width() <= width || line.is_empty() {
            if space == 1 {
                line.push(' ');
            }
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}
