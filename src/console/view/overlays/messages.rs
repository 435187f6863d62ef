//! The message history, newest first.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::model::Model;
use crate::console::model::notes::Tone;
use crate::console::theme::Role;
use crate::console::view::parts::clock::clock;
use crate::console::view::parts::lines::draw_lines;
use crate::console::view::parts::row::Row;
use crate::console::view::parts::{frame, problems};

pub fn draw(model: &Model, scroll: usize, frame: &mut Frame, body: Rect) {
    let theme = &model.options.theme;
    let area = frame::centred(body, 100, body.height);
    let title = Line::from(Span::styled(" Messages ", theme.style(Role::Accent)));
    let inner = frame::overlay(model, frame, area, Role::BorderFocus, title, &frame::closes(model));
    let mut lines = problems::lines(model, inner.width);
    if !lines.is_empty() {
        lines.push(Line::default());
    }
    let notes: Vec<_> = model
        .notes
        .newest_first()
        .map(|note| {
            let role = match note.tone {
                Tone::Good => Role::Ok,
                Tone::Plain => Role::Text,
                Tone::Bad => Role::Danger,
            };
            let time = note.at.map_or_else(String::new, |at| clock(model, at));
            Row::new(theme, inner.width)
                .gap(1)
                .cell(time, 13, Role::Muted)
                .own(model.words(note), role)
                .line()
        })
        .collect();
    lines.extend(notes);
    if lines.is_empty() {
        lines.push(Row::new(theme, inner.width).gap(1).own("no messages yet", Role::Muted).line());
    }
    draw_lines(frame, inner, lines, scroll);
}

/// How many lines there are.
#[must_use]
pub fn height(model: &Model, width: u16) -> usize {
    model.notes.len() + 1 + problems::lines(model, width).len()
}
