//! The screen without room for panes: one line of production state, and what size is needed.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::widgets::Paragraph;

use crate::console::actions::action::{DialogAction, KeyAction};
use crate::console::model::Model;
use crate::console::model::areas::SMALLEST;
use crate::console::model::overlay::Overlay;
use crate::console::theme::Role;
use crate::console::view::dialog::emergency;
use crate::console::view::header;
use crate::console::view::parts::row::Row;

pub fn draw(model: &Model, frame: &mut Frame) {
    let area = frame.area();
    let theme = &model.options.theme;
    let row = header::in_brief(model, Row::new(theme, area.width));
    let row = header::freshness(model, row.own(" ", Role::Text));
    let (width, height) = SMALLEST;
    let (quit, close) =
        (model.key(&KeyAction::Quit), model.key(&KeyAction::Dialog(DialogAction::Close)));
    let needs =
        format!("needs {width}x{height}, have {}x{}, {quit} quits", area.width, area.height);
    let below = Row::new(theme, area.width);
    let below = match model.overlays.last() {
        Some(Overlay::Confirm(confirm)) if confirm.dialog.is_emergency() => below
            .own(emergency::title(model, confirm), Role::Danger)
            .own(format!("{close} cancels"), Role::Key),
        _ => below.own(needs, Role::Warn),
    };
    let lines = [row, below];
    for (at, row) in (0..area.height).zip(lines) {
        let place = Rect { y: area.y + at, height: 1, ..area };
        frame.render_widget(Paragraph::new(row.line()), place);
    }
}
