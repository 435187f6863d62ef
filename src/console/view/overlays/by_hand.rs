//! The commands that do a rollback without trunkline, as a text to read and to copy.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::actions::action::{KeyAction, PageAction};
use crate::console::model::Model;
use crate::console::model::overlay::HandPage;
use crate::console::theme::Role;
use crate::console::view::parts::frame;
use crate::console::view::parts::lines::draw_lines;
use crate::console::view::parts::row::Row;
use crate::gate;

pub fn draw(model: &Model, page: &HandPage, frame: &mut Frame, body: Rect) {
    let title = " Roll back by hand ";
    let title = Line::from(Span::styled(title, model.options.theme.style(Role::Accent)));
    let copy = model.key(&KeyAction::Page(PageAction::Copy));
    let right = format!("{copy} copies all  {}", frame::closes(model));
    let inner = frame::overlay(model, frame, body, Role::BorderFocus, title, &right);
    draw_lines(frame, inner, lines(model, page, inner.width), page.scroll);
}

pub fn lines(model: &Model, page: &HandPage, width: u16) -> Vec<Line<'static>> {
    let row = || Row::new(&model.options.theme, width);
    let room = usize::from(width).saturating_sub(1);
    let wrapped = |text: &str, role| -> Vec<Line<'static>> {
        let parts = gate::sentence(text).wrap(room);
        parts.iter().map(|part| row().safe(part, role).line()).collect()
    };
    let mut lines = Vec::new();
    if let Some(file) = &page.file {
        lines.extend(wrapped(&format!("This text is also in {}", file.display()), Role::Accent));
        lines.push(Line::default());
    }
    for line in &page.script {
        let role = if line.starts_with('#') { Role::Muted } else { Role::Text };
        lines.extend(wrapped(line, role));
    }
    lines
}
