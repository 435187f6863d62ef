//! Computes where everything is and how many rows it has; `update` keeps the result in the model, and views read it there.

use ratatui::layout::{Constraint, Layout, Rect};

use crate::console::model::areas::{Areas, is_tiny, is_wide};
use crate::console::model::dialog::reading::VisibleLines;
use crate::console::model::overlay::Overlay;
use crate::console::model::pane::Pane;
use crate::console::model::{Model, Screen};
use crate::console::view::dialog;
use crate::console::view::overlays::{by_hand, changed, changes, line, messages};
use crate::console::view::panes::{activity, details, freeze};

#[must_use]
pub fn layout(model: &Model) -> Areas {
    let screen = model.area();
    let problems = !model.troubles().is_empty();
    let asked = model.screen == Screen::Service && model.open_request().is_some();
    let incident = model.screen == Screen::Service
        && (model.worst_incident().is_some() || model.users_question().is_some());
    let [header, problem, request, told, body, context, hints] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(u16::from(problems)),
        Constraint::Length(u16::from(asked)),
        Constraint::Length(u16::from(incident)),
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(screen);
    let panes = match model.screen {
        Screen::Fleet => Vec::new(),
        Screen::Service if model.zoomed => vec![(model.focus, body)],
        Screen::Service => panes(screen, body, model),
    };
    let problem = problems.then_some(problem);
    let request = asked.then_some(request);
    let incident = incident.then_some(told);
    Areas { screen, header, problem, request, incident, body, panes, context, hints }
}

fn panes(screen: Rect, body: Rect, model: &Model) -> Vec<(Pane, Rect)> {
    match (screen.width, screen.height) {
        _ if is_wide(screen) => wide(body),
        (118.., 30..) => medium(body, model),
        (_, 20..) => narrow(body, model),
        _ => low(body, model),
    }
}

/// Three columns over the log.
fn wide(body: Rect) -> Vec<(Pane, Rect)> {
    let [top, log] =
        Layout::vertical([Constraint::Percentage(64), Constraint::Fill(1)]).areas(body);
    let [lists, middle, right] =
        Layout::horizontal([Constraint::Length(90), Constraint::Fill(1), Constraint::Length(48)])
            .areas(top);
    let mut panes = lists_in(lists);
    let [details, freeze] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(14)]).areas(middle);
    panes.extend([
        (Pane::Details, details),
        (Pane::Log, log),
        (Pane::Freeze, freeze),
        (Pane::Activity, right),
    ]);
    panes
}

/// How wide the column of details is: the month fits, and the lists keep their 74 columns.
const MIDDLE: u16 = 42;

/// How high the pane of freezes is with the month in it, and without.
const MONTH: u16 = 13;
const NO_MONTH: u16 = 6;

/// Two columns over the log; the activity takes the log's place while it is wanted. The details get the lines they
/// need before the month does, unless the freezes have the focus.
fn medium(body: Rect, model: &Model) -> Vec<(Pane, Rect)> {
    let [top, low] =
        Layout::vertical([Constraint::Percentage(64), Constraint::Fill(1)]).areas(body);
    let [lists, right] =
        Layout::horizontal([Constraint::Fill(2), Constraint::Length(MIDDLE)]).areas(top);
    let mut panes = lists_in(lists);
    let needed = u16::try_from(details::needed(model, MIDDLE - 2)).unwrap_or(u16::MAX);
    let wrong = model.service.as_ref().is_some_and(|s| !s.calendar_problems.is_empty());
    let [with_month, without] = [MONTH, NO_MONTH].map(|height| height + u16::from(wrong));
    let month =
        model.focus == Pane::Freeze || needed.saturating_add(2 + with_month) <= right.height;
    let height = if month { with_month } else { without };
    let [details, freeze] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(height)]).areas(right);
    let lowest = if model.bottom == Pane::Activity { Pane::Activity } else { Pane::Log };
    panes.extend([(Pane::Details, details), (lowest, low), (Pane::Freeze, freeze)]);
    panes
}

/// The two lists, and below them whichever other pane is wanted.
fn narrow(body: Rect, model: &Model) -> Vec<(Pane, Rect)> {
    let [staging, production, low] = Layout::vertical([
        Constraint::Percentage(34),
        Constraint::Percentage(25),
        Constraint::Fill(1),
    ])
    .areas(body);
    vec![(Pane::Staging, staging), (Pane::Production, production), (model.bottom, low)]
}

/// Too low for two lists: the one that was used last, and the pane below it.
fn low(body: Rect, model: &Model) -> Vec<(Pane, Rect)> {
    let [list, low] =
        Layout::vertical([Constraint::Percentage(52), Constraint::Fill(1)]).areas(body);
    vec![(model.list, list), (model.bottom, low)]
}

fn lists_in(area: Rect) -> Vec<(Pane, Rect)> {
    let [staging, production] =
        Layout::vertical([Constraint::Percentage(58), Constraint::Fill(1)]).areas(area);
    vec![(Pane::Staging, staging), (Pane::Production, production)]
}

/// How many rows of the freeze pane its list has.
#[must_use]
pub fn freeze_rows(model: &Model, areas: &Areas) -> usize {
    let rows = areas.rows(Pane::Freeze);
    rows.saturating_sub(freeze::head_height(model, rows))
}

/// The visible part of the dialog's text, if a dialog is on top.
#[must_use]
pub fn dialog_window(model: &Model) -> Option<VisibleLines> {
    match model.overlays.last() {
        Some(Overlay::Confirm(confirm)) if !is_tiny(model.areas.screen) => {
            Some(dialog::window(model, confirm, model.areas.body))
        }
        _ => None,
    }
}

/// What a pane without a list of commits shows, as plain text: all of it, or of the log what is on screen.
#[must_use]
pub fn text(model: &Model, pane: Pane) -> String {
    let width = model.areas.of(pane).map_or(0, |area| area.width.saturating_sub(2));
    let lines = match pane {
        Pane::Staging | Pane::Production => Vec::new(),
        Pane::Log => return model.log.pane.text().join("\n"),
        Pane::Details => details::lines(model, width).unwrap_or_default(),
        Pane::Freeze => freeze::lines(model, width),
        Pane::Activity => activity::lines(model, width),
    };
    let text = lines.iter().map(|line| line.to_string().trim_end().to_owned());
    text.collect::<Vec<_>>().join("\n")
}

/// How many entries of what changed have room.
#[must_use]
pub fn changed_rows(model: &Model) -> usize {
    let body = model.areas.body;
    let page = model.overlays.iter().find_map(|overlay| match overlay {
        Overlay::Changed(page) => Some(page),
        _ => None,
    });
    let head = page.map_or(0, |page| changed::head(model, page, body.width).len());
    usize::from(body.height.saturating_sub(2)).saturating_sub(head).max(1)
}

/// How many lines the top overlay has.
#[must_use]
pub fn overlay_lines(model: &Model) -> usize {
    match model.overlays.last() {
        Some(Overlay::Changes(page)) => changes::lines(model, page, model.size.width).len(),
        Some(Overlay::Changed(page)) => changed::whole(model, page, model.areas.body.width).len(),
        Some(Overlay::ByHand(page)) => by_hand::lines(model, page, model.areas.body.width).len(),
        Some(Overlay::Line(page)) => line::lines(model, page, model.size.width).len(),
        Some(Overlay::CommandLines(_)) => model.done.len(),
        Some(Overlay::Messages(_)) => messages::height(model, model.size.width),
        _ => 0,
    }
}
