//! The screen as a function of the model: it draws and changes nothing.

mod about;
mod activity;
mod calendar;
mod changes;
mod details;
mod dialog;
mod emergency;
mod findings;
mod fleet;
mod footer;
mod freeze;
mod header;
mod help;
mod log;
mod messages;
mod migrations;
mod pane;
mod plan;
mod production;
mod progress;
mod quality;
mod requests;
mod row;
mod staging;
mod suspects;
mod tiny;
mod troubles;
mod upper;
mod verdict;
mod when;

use ratatui::Frame;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

pub use self::details::height as details_height;
pub use self::freeze::head_height as freeze_head;
use super::confirm::Window;
use super::layout::{is_tiny, layout};
use super::model::{Model, Pane, Screen};
use super::overlay::Overlay;
use crate::fault::{self, Layer};

/// Draws everything.
pub fn view(model: &Model, frame: &mut Frame) {
    let area = frame.area();
    if is_tiny(area) {
        return tiny::draw(model, frame);
    }
    let areas = layout(area, model);
    header::draw(model, frame, areas.header);
    fault::here(Layer::View);
    if let Some(area) = areas.problem {
        header::draw_problem(model, frame, area);
    }
    if let Some(area) = areas.request {
        requests::draw(model, frame, area);
    }
    match model.screen {
        Screen::Fleet => fleet::draw(model, frame, areas.body),
        Screen::Service => {
            for (pane, area) in &areas.panes {
                draw_pane(model, frame, *pane, *area);
            }
        }
    }
    footer::draw(model, frame, &areas);
    if !model.overlays.is_empty() {
        pane::dim(model, frame, areas.body);
    }
    for overlay in &model.overlays {
        draw_overlay(model, frame, overlay, areas.body);
    }
}

fn draw_pane(model: &Model, frame: &mut Frame, pane: Pane, area: ratatui::layout::Rect) {
    match pane {
        Pane::Staging => staging::draw(model, frame, area),
        Pane::Production => production::draw(model, frame, area),
        Pane::Details => details::draw(model, frame, area),
        Pane::Log => log::draw(model, frame, area),
        Pane::Freeze => freeze::draw(model, frame, area),
        Pane::Activity => activity::draw(model, frame, area),
    }
}

fn draw_overlay(model: &Model, frame: &mut Frame, overlay: &Overlay, body: ratatui::layout::Rect) {
    match overlay {
        Overlay::Confirm(confirm) => dialog::draw(model, confirm, frame, body),
        Overlay::Changes(page) => changes::draw(model, page, frame, body),
        Overlay::Help(help) => help::draw(model, help, frame, body),
        Overlay::Messages(scroll) => messages::draw(model, *scroll, frame, body),
    }
}

/// What is on screen of the upper part of the dialog, when one lies on top.
#[must_use]
pub fn window_of_dialog(model: &Model) -> Option<Window> {
    let area = model.area();
    match model.overlays.last() {
        Some(Overlay::Confirm(confirm)) if !is_tiny(area) => {
            Some(dialog::window(model, confirm, layout(area, model).body))
        }
        _ => None,
    }
}

/// How many lines the top overlay has to scroll through.
#[must_use]
pub fn lines_of_overlay(model: &Model) -> usize {
    match model.overlays.last() {
        Some(Overlay::Changes(page)) => changes::lines(model, page, model.size.width).len(),
        Some(Overlay::Messages(_)) => {
            model.notes.len() + 1 + troubles::lines(model, model.size.width).len()
        }
        _ => 0,
    }
}

/// Draws lines from the one at `scroll` on, and never beyond the last.
fn draw_lines(
    frame: &mut Frame,
    area: ratatui::layout::Rect,
    lines: Vec<Line<'static>>,
    scroll: usize,
) {
    let most = lines.len().saturating_sub(usize::from(area.height));
    let shown: Vec<_> =
        lines.into_iter().skip(scroll.min(most)).take(usize::from(area.height)).collect();
    frame.render_widget(Paragraph::new(shown), area);
}

/// Says why a pane has nothing to show.
fn empty(model: &Model, frame: &mut Frame, area: ratatui::layout::Rect, text: &str) {
    let text = match (&model.service, model.filter.text.is_empty()) {
        (None, _) => "loading",
        (Some(_), false) => "nothing passes the filter; Esc shows all",
        (Some(_), true) => text,
    };
    let muted = super::theme::Role::Muted;
    let row = row::Row::new(&model.options.theme, area.width).gap(1).own(text, muted);
    draw_lines(frame, area, vec![row.line()], 0);
}
