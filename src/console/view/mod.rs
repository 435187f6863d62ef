//! The screen as a function of the model: it draws and changes nothing.

pub mod dialog;
mod footer;
pub mod header;
pub mod overlays;
pub mod panes;
mod parts;
mod tiny;

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::console::model::areas::is_tiny;
use crate::console::model::overlay::Overlay;
use crate::console::model::pane::Pane;
use crate::console::model::{Model, Screen};
use crate::console::view::overlays::{
    by_hand, changed, changes, checklist, command_lines, engines, help, line, messages, palette,
    row_menu, themes,
};
use crate::console::view::panes::{activity, details, fleet, freeze, log, production, staging};
use crate::console::view::parts::{frame, incidents, requests};
use crate::fault::{self, Layer};

/// Draws everything. A screen of another size than the model's is left empty: the new layout comes first.
pub fn view(model: &Model, frame: &mut Frame) {
    let areas = &model.areas;
    if frame.area() != areas.screen {
        return;
    }
    draw(model, frame);
    model.options.theme.paint(frame.buffer_mut());
}

fn draw(model: &Model, frame: &mut Frame) {
    let areas = &model.areas;
    if is_tiny(areas.screen) {
        return tiny::draw(model, frame);
    }
    fault::here(Layer::View);
    if model.is_plain() && model.overlays.is_empty() {
        return log::draw_plain(model, frame);
    }
    header::draw(model, frame, areas.header);
    if let Some(area) = areas.problem {
        header::draw_problem(model, frame, area);
    }
    if let Some(area) = areas.request {
        requests::draw(model, frame, area);
    }
    if let Some(area) = areas.incident {
        incidents::draw(model, frame, area);
    }
    match model.screen {
        Screen::Fleet => fleet::draw(model, frame, areas.body),
        Screen::Service => {
            for (pane, area) in &areas.panes {
                draw_pane(model, frame, *pane, *area);
            }
        }
    }
    footer::draw(model, frame, areas);
    // Whoever chooses a theme has to see it.
    let tries_themes = matches!(model.overlays.last(), Some(Overlay::Themes(_)));
    if !model.overlays.is_empty() && !tries_themes {
        frame::dim(model, frame, areas.body);
    }
    for overlay in &model.overlays {
        draw_overlay(model, frame, overlay, areas.body);
    }
}

fn draw_pane(model: &Model, frame: &mut Frame, pane: Pane, area: Rect) {
    match pane {
        Pane::Staging => staging::draw(model, frame, area),
        Pane::Production => production::draw(model, frame, area),
        Pane::Details => details::draw(model, frame, area),
        Pane::Log => log::draw(model, frame, area),
        Pane::Freeze => freeze::draw(model, frame, area),
        Pane::Activity => activity::draw(model, frame, area),
    }
}

fn draw_overlay(model: &Model, frame: &mut Frame, overlay: &Overlay, body: Rect) {
    match overlay {
        Overlay::Confirm(confirm) => dialog::draw(model, confirm, frame, body),
        Overlay::ByHand(page) => by_hand::draw(model, page, frame, body),
        Overlay::Changed(page) => changed::draw(model, page, frame, body),
        Overlay::Changes(page) => changes::draw(model, page, frame, body),
        Overlay::Checklist(page) => checklist::draw(model, page, frame, body),
        Overlay::Engines(page) => engines::draw(model, page, frame, body),
        Overlay::Line(page) => line::draw(model, page, frame, body),
        Overlay::Palette(page) => palette::draw(model, page, frame, body),
        Overlay::Menu(page) => row_menu::draw(model, page, frame, body),
        Overlay::CommandLines(page) => command_lines::draw(model, *page, frame, body),
        Overlay::Themes(page) => themes::draw(model, page, frame, body),
        Overlay::Help(help) => help::draw(model, help, frame, body),
        Overlay::Messages(scroll) => messages::draw(model, *scroll, frame, body),
    }
}
