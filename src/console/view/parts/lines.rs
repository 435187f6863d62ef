//! Lines of text in a place.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::console::actions::action::KeyAction;
use crate::console::model::Model;
use crate::console::model::pane::Pane;
use crate::console::theme::Role;
use crate::console::view::parts::row::Row;

/// Draws lines from the one at `scroll` on, and never beyond the last.
pub fn draw_lines(frame: &mut Frame, area: Rect, lines: Vec<Line<'static>>, scroll: usize) {
    let most = lines.len().saturating_sub(usize::from(area.height));
    let shown: Vec<_> =
        lines.into_iter().skip(scroll.min(most)).take(usize::from(area.height)).collect();
    frame.render_widget(Paragraph::new(shown), area);
}

/// Says why a pane has nothing to show, which may be a list that a filter left nothing of.
pub fn draw_empty(model: &Model, frame: &mut Frame, area: Rect, list: Option<Pane>, text: &str) {
    let text = match &model.service {
        None => "loading".to_owned(),
        Some(_) if list.is_some() && model.is_filtered(list) => nothing_passes(model),
        Some(_) => text.to_owned(),
    };
    let muted = Role::Muted;
    let row = Row::new(&model.options.theme, area.width).gap(1).own(text, muted);
    draw_lines(frame, area, vec![row.line()], 0);
}

/// What an empty list says while it is filtered.
pub fn nothing_passes(model: &Model) -> String {
    format!("nothing passes the filter; {} shows all", model.key(&KeyAction::Back))
}
