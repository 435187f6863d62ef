//! One line of the screen, put together from cells of a fixed width; text from outside passes the gate here.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::console::theme::{Role, Theme};
use crate::gate::{self, Safe, columns};

/// Stands after a name that is not plain ASCII.
const BADGE: &str = "*";

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
        self.push_clipped(&gate::sentence(text.as_ref()), self.left, style);
        self
    }

    /// What has passed the gate already, as wide as it is.
    #[must_use]
    pub fn safe(mut self, text: &Safe, role: Role) -> Self {
        self.push_clipped(text, self.left, self.theme.style(role));
        self
    }

    /// Text of ours in a cell: cut or filled up to the width.
    #[must_use]
    pub fn cell(self, text: impl AsRef<str>, width: usize, role: Role) -> Self {
        self.filled(&gate::sentence(text.as_ref()), width, role)
    }

    /// The same, against the right edge of the cell.
    #[must_use]
    pub fn right(mut self, text: impl AsRef<str>, width: usize, role: Role) -> Self {
        let safe = gate::sentence(text.as_ref());
        self = self.gap(width.saturating_sub(safe.width()));
        self.push_clipped(&safe, width, self.theme.style(role));
        self
    }

    /// Text from outside, in a cell; what the gate had to escape looks like it.
    #[must_use]
    pub fn outside(self, text: &str, width: usize, role: Role) -> Self {
        self.filled(&gate::field(text), width, role)
    }

    /// Text from outside, as wide as it is, at most what is left.
    #[must_use]
    pub fn name(self, text: &str, role: Role) -> Self {
        self.safe(&gate::field(text), role)
    }

    /// What somebody or something is called, in a cell. A name that is not plain ASCII says so by a badge: it may not
    /// be the name that it looks like.
    #[must_use]
    pub fn called(mut self, name: &str, width: usize, role: Role) -> Self {
        let safe = gate::field(name);
        if safe.is_plain_ascii() {
            return self.filled(&safe, width, role);
        }
        let width = width.min(self.left);
        let wide = width.min(called_width(name));
        self.push_clipped(&safe, wide.saturating_sub(1), self.theme.style(role));
        self.push(BADGE.repeat(wide.min(1)), self.theme.style(Role::Escape));
        self.gap(width - wide)
    }

    /// The same as wide as it is, at most so much: a long name must not push away what is beside it.
    #[must_use]
    pub fn called_within(self, name: &str, most: usize, role: Role) -> Self {
        let width = called_width(name).min(most);
        self.called(name, width, role)
    }

    /// What has passed the gate already, in a cell; these characters of it are marked as found.
    #[must_use]
    pub fn marked(mut self, text: &Safe, marks: &[u32], width: usize, role: Role) -> Self {
        let width = width.min(self.left);
        let end = self.left - width;
        let clipped = text.clip(width, self.theme.symbols.ellipsis);
        let mut at = 0;
        for (run, escape) in clipped.runs() {
            for character in run.graphemes(true) {
                let role = match (escape, marks.contains(&at)) {
                    (true, _) => Role::Escape,
                    (false, true) => Role::Search,
                    (false, false) => role,
                };
                self.push_on(character, self.theme.style(role));
                at += 1;
            }
        }
        let rest = self.left.saturating_sub(end);
        self.gap(rest)
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
        let columns = |spans: &[Span]| spans.iter().map(|s| columns::width(&s.content)).sum();
        let used: usize = columns(&right.spans);
        let room = usize::from(width).saturating_sub(used);
        let taken: usize = columns(&self.spans);
        self = if taken > room { self.shortened(room) } else { self.gap(room - taken) };
        self.spans.extend(right.spans);
        self
    }

    /// The columns that are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left
    }

    /// The columns that are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.spans.iter().map(|span| columns::width(&span.content)).sum()
    }

    #[must_use]
    pub fn line(self) -> Line<'static> {
        Line::from(self.spans)
    }

    fn shortened(mut self, width: usize) -> Self {
        let spans = std::mem::take(&mut self.spans);
        self.left = width;
        for span in spans {
            let text = clip(&span.content, self.left, self.theme.symbols.ellipsis);
            self.push(text, span.style);
        }
        let rest = self.left;
        self.gap(rest)
    }

    fn filled(mut self, text: &Safe, width: usize, role: Role) -> Self {
        let width = width.min(self.left);
        let end = self.left - width;
        self.push_clipped(text, width, self.theme.style(role));
        let rest = self.left.saturating_sub(end);
        self.gap(rest)
    }

    /// At most `width` columns of it. What the gate had to escape looks as nothing else does.
    fn push_clipped(&mut self, text: &Safe, width: usize, style: Style) {
        let clipped = text.clip(width.min(self.left), self.theme.symbols.ellipsis);
        for (run, escape) in clipped.runs() {
            let style = if escape { self.theme.style(Role::Escape) } else { style };
            self.push(run.to_owned(), style);
        }
    }

    /// Goes on with the last text where it looks the same.
    fn push_on(&mut self, text: &str, style: Style) {
        match self.spans.last_mut().filter(|last| last.style == style) {
            Some(last) => {
                self.left = self.left.saturating_sub(columns::width(text));
                last.content.to_mut().push_str(text);
            }
            None => self.push(text.to_owned(), style),
        }
    }

    fn push(&mut self, text: String, style: Style) {
        self.left = self.left.saturating_sub(columns::width(&text));
        self.spans.push(Span::styled(text, style));
    }
}

/// How wide a name is with its badge, if it needs one.
#[must_use]
pub fn called_width(name: &str) -> usize {
    let safe = gate::field(name);
    safe.width() + usize::from(!safe.is_plain_ascii())
}

/// The text, or as much of it as fits with the mark of what was cut.
fn clip(text: &str, width: usize, ellipsis: &str) -> String {
    if columns::width(text) <= width {
        return text.to_owned();
    }
    match width.checked_sub(columns::width(ellipsis)) {
        Some(room) => format!("{}{ellipsis}", &text[..columns::fit(text, room)]),
        None => String::new(),
    }
}
