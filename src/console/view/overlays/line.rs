//! A line of the log that was too long for its pane.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::model::Model;
use crate::console::model::overlay::LinePage;
use crate::console::theme::Role;
use crate::console::view::parts::clock::clock;
use crate::console::view::parts::frame;
use crate::console::view::parts::lines::draw_lines;
use crate::console::view::parts::row::Row;
use crate::gate;

pub fn draw(model: &Model, page: &LinePage, frame: &mut Frame, body: Rect) {
    let at = page.line.at.map_or_else(String::new, |at| format!("of {} ", clock(model, at)));
    let title = format!(" Line {at}");
    let title = Line::from(Span::styled(title, model.options.theme.style(Role::Accent)));
    let inner = frame::overlay(model, frame, body, Role::BorderFocus, title, &frame::closes(model));
    draw_lines(frame, inner, lines(model, page, inner.width), page.scroll);
}

pub fn lines(model: &Model, page: &LinePage, width: u16) -> Vec<Line<'static>> {
    let row = || Row::new(&model.options.theme, width);
    let parts = page.line.wrapped(usize::from(width));
    let mut lines: Vec<_> =
        parts.iter().map(|part| row().safe(&gate::sentence(part), Role::LogInfo).line()).collect();
    if page.line.hidden > 0 {
        let more = format!("and {} bytes more that the console does not keep", page.line.hidden);
        lines.push(row().own(more, Role::Muted).line());
    }
    lines
}
