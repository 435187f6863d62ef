//! Builds one row of a log that is safe to draw.

use std::fmt::{Display, Write as _};

use ratatui_core::style::Style;

use super::classes::{is_blank, is_emoji, is_hidden, is_joining_letter, is_mark};
use super::escape::Escape;
use crate::columns;

/// The most combining marks on one character of a log.
const MARKS: usize = 8;

const TAB: usize = 8;
const NON_JOINER: char = '\u{200C}';
const JOINER: char = '\u{200D}';
const TEXT_SELECTOR: char = '\u{FE0E}';
const EMOJI_SELECTOR: char = '\u{FE0F}';
const KEYCAP: char = '\u{20E3}';

/// A row of a log. Its text has no byte that a terminal acts on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogRow {
    pub text: String,
    /// Runs of `text`, in order and without gaps.
    pub spans: Vec<Span>,
    /// How many cosmetic sequences were removed from it.
    pub removed: usize,
}

/// A run of a row with one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The end of the run in the row's text. The run starts at the end of the one before.
    pub end: usize,
    pub ink: Ink,
}

/// The look of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// The log's own colours and attributes.
    Plain(Style),
    /// An escape of the gate. Draw it in a style that no log text can have: [`Ink::Plain`] never has both `DIM` and
    /// `REVERSED`.
    Escape,
}

impl LogRow {
    /// The runs of the row with their looks.
    pub fn runs(&self) -> impl Iterator<Item = (&str, Ink)> {
        let mut from = 0;
        self.spans.iter().map(move |span| {
            let start = std::mem::replace(&mut from, span.end);
            (&self.text[start..span.end], span.ink)
        })
    }
}

/// A row that is being written.
#[derive(Debug, Clone, Default)]
pub struct RowBuilder {
    row: LogRow,
    /// The character that marks are drawn on; `None` at the start and after an escape.
    base: Option<char>,
    marks: usize,
    /// True if `base` has a variation selector. A second one would be invisible.
    selected: bool,
    /// A joiner that is kept only if the right character follows.
    held: Option<char>,
    /// The position up to which the columns are counted, and their number.
    counted: (usize, usize),
}

impl RowBuilder {
    /// Adds a character that is not part of a sequence, a row end or a tab.
    pub fn char(&mut self, c: char, style: Style) {
        self.settle_held(Some(c), style);
        if is_mark(c) && self.base.is_some() {
            return self.mark(c, style);
        }
        self.end_marks();
        match c {
            NON_JOINER | JOINER | EMOJI_SELECTOR | TEXT_SELECTOR => self.joiner(c, style),
            _ if is_hidden(c) || is_mark(c) || is_blank(c) => self.show(Escape::Char(c)),
            _ => {
                self.append(style, |text| text.push(c));
                self.base = Some(c);
                self.selected = false;
            }
        }
    }

    /// Adds printable ASCII.
    pub fn plain(&mut self, text: &str, style: Style) {
        let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else {
            return;
        };
        self.settle_held(Some(first), style);
        self.end_marks();
        self.append(style, |row| row.push_str(text));
        self.base = Some(last);
        self.selected = false;
    }

    pub fn len(&self) -> usize {
        self.row.text.len()
    }

    /// True if the row does not depend on the next character.
    pub fn is_settled(&self) -> bool {
        self.held.is_none() && self.marks == 0
    }

    /// Adds spaces up to the next multiple of eight columns.
    pub fn tab(&mut self, style: Style) {
        self.settle();
        let (at, before) = self.counted;
        let column = before + columns::width(&self.row.text[at..]);
        let spaces = TAB - column % TAB;
        self.append(style, |text| text.extend(std::iter::repeat_n(' ', spaces)));
        self.counted = (self.row.text.len(), column + spaces);
        self.base = Some(' ');
    }

    /// Adds an escape for refused input.
    pub fn escape(&mut self, escape: impl Display) {
        self.settle();
        self.show(escape);
    }

    /// Counts a removed cosmetic sequence.
    pub fn remove(&mut self) {
        self.row.removed += 1;
    }

    /// Ends the row and returns it.
    pub fn finish(&mut self) -> LogRow {
        self.settle();
        std::mem::take(self).row
    }

    fn mark(&mut self, c: char, style: Style) {
        self.marks += 1;
        if self.marks <= MARKS {
            let of_base = match self.row.spans.last() {
                Some(Span { ink: Ink::Plain(style), .. }) => *style,
                _ => style,
            };
            self.append(of_base, |text| text.push(c));
        }
    }

    fn end_marks(&mut self) {
        let more = std::mem::take(&mut self.marks).saturating_sub(MARKS);
        if more > 0 {
            self.show(Escape::Marks(more));
        }
    }

    /// Adds a variation selector or a joiner. A selector may follow an emoji; the others depend on the next character.
    fn joiner(&mut self, c: char, style: Style) {
        let selects = matches!(c, EMOJI_SELECTOR | TEXT_SELECTOR);
        match self.base {
            Some(_) if selects && self.selected => self.show(Escape::Char(c)),
            Some(base) if selects && is_emoji(base) => {
                self.selected = true;
                self.append(style, |text| text.push(c));
            }
            Some(base) if may_join(base, c) => self.held = Some(c),
            _ => self.show(Escape::Char(c)),
        }
    }

    fn settle_held(&mut self, next: Option<char>, style: Style) {
        let Some(held) = self.held.take() else { return };
        match next {
            Some(next) if joins(held, next) => {
                self.selected |= held == EMOJI_SELECTOR;
                self.append(style, |text| text.push(held));
            }
            _ => self.show(Escape::Char(held)),
        }
    }

    fn settle(&mut self) {
        self.settle_held(None, Style::new());
        self.end_marks();
    }

    fn show(&mut self, escape: impl Display) {
        // Writing to a string cannot fail.
        let _written = write!(self.row.text, "{escape}");
        self.close_span(Ink::Escape);
        self.base = None;
    }

    fn append(&mut self, style: Style, write: impl FnOnce(&mut String)) {
        write(&mut self.row.text);
        self.close_span(Ink::Plain(style));
    }

    fn close_span(&mut self, ink: Ink) {
        let end = self.row.text.len();
        match self.row.spans.last_mut() {
            Some(span) if span.ink == ink => span.end = end,
            _ => self.row.spans.push(Span { end, ink }),
        }
    }
}

/// True if the joiner may follow `base`, depending on the next character.
fn may_join(base: char, joiner: char) -> bool {
    match joiner {
        EMOJI_SELECTOR => base.is_ascii_digit() || matches!(base, '#' | '*'),
        JOINER => is_emoji(base) || is_joining_letter(base),
        NON_JOINER => is_joining_letter(base),
        _ => false,
    }
}

fn joins(joiner: char, next: char) -> bool {
    match joiner {
        EMOJI_SELECTOR => next == KEYCAP,
        JOINER => is_emoji(next) || is_joining_letter(next),
        _ => is_joining_letter(next),
    }
}
