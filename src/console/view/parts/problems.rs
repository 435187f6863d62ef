//! Everything that is wrong now, in full, each with what to do about it.

use ratatui::text::Line;

use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::parts::row::Row;
use crate::gate;

pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let theme = &model.options.theme;
    let room = usize::from(width).saturating_sub(5);
    let mut lines = Vec::new();
    for trouble in model.troubles() {
        let marks = std::iter::once(theme.symbols.warn).chain(std::iter::repeat(""));
        for (text, mark) in gate::sentence(&trouble.what).wrap(room).iter().zip(marks) {
            let row = Row::new(theme, width).gap(1).cell(mark, 2, Role::Danger);
            lines.push(row.safe(text, Role::Danger).line());
        }
        let marks = std::iter::once(theme.symbols.arrow).chain(std::iter::repeat(""));
        for (text, mark) in gate::sentence(&trouble.remedy).wrap(room).iter().zip(marks) {
            let row = Row::new(theme, width).gap(1).cell(mark, 2, Role::Muted);
            lines.push(row.safe(text, Role::Text).line());
        }
    }
    lines
}
