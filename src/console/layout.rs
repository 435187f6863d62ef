//! Computes where everything is and how many rows it has; `update` keeps the result in the model, and views read it there.

use std::ops::RangeInclusive;

use ratatui::layout::{Constraint, Layout, Rect};

use crate::console::model::areas::{Areas, is_tiny, is_wide};
use crate::console::model::dialog::reading::VisibleLines;
use crate::console::model::overlay::Overlay;
use crate::console::model::pane::Pane;
use crate::console::model::{Model, Screen};
use crate::console::view::overlays::{by_hand, changed, changes, line, messages};
use crate::console::view::panes::{activity, details, freeze};
use crate::console::view::{dialog, header};

#[must_use]
pub fn layout(model: &Model) -> Areas {
    let screen = model.area();
    let problems = !model.troubles().is_empty();
    let asked = model.screen == Screen::Service && model.open_request().is_some();
    let incident = model.screen == Screen::Service
        && (model.worst_incident().is_some() || model.users_question().is_some());
    let [header, problem, request, told, body, context, hints] = Layout::vertical([
        Constraint::Length(header::height(model, screen)),
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

/// Where there is less room, panes fold in this order: the column of Activity and Freeze, then that of Details, then the
/// second list, and last the pane below the lists.
fn panes(screen: Rect, body: Rect, model: &Model) -> Vec<(Pane, Rect)> {
    match (screen.width, screen.height) {
        _ if is_wide(screen) => wide(body, model),
        (118.., 30..) => medium(body, model),
        (WIDE_LOW.., _) => beside(body, model),
        (_, 20..) => narrow(body, model),
        _ => low(body, model),
    }
}

/// The least and the most columns of the lists, of which no row is torn apart.
const LISTS: RangeInclusive<u16> = 74..=104;
/// The least columns of the log and of the details above it.
const LEAST_MIDDLE: u16 = 48;
/// The columns of the activity and the freezes.
const RIGHT: RangeInclusive<u16> = 44..=60;
/// The columns that a step of [`PaneSizes`](crate::console::model::sizes::PaneSizes) gives a pane.
const COLUMNS: i32 = 4;

fn moved(columns: u16, by: i32) -> u16 {
    u16::try_from(i32::from(columns) + by).unwrap_or(0)
}

/// Three columns, each as high as the screen: the lists, the details over the log, what happened over the freezes.
fn wide(body: Rect, model: &Model) -> Vec<(Pane, Rect)> {
    let sizes = model.sizes;
    let wider =
        |panes: [Pane; 2]| panes.map(|pane| COLUMNS * sizes.steps(pane)).iter().sum::<i32>();
    let middle = wider([Pane::Details, Pane::Log]) / 2;
    let of = |percent: u32| u16::try_from(u32::from(body.width) * percent / 100).unwrap_or(0);
    let left = of(42).clamp(*LISTS.start(), *LISTS.end());
    let right = of(22).clamp(*RIGHT.start(), *RIGHT.end());
    let left = moved(left, wider([Pane::Staging, Pane::Production]) - middle);
    let right = moved(right, wider([Pane::Activity, Pane::Freeze]) - middle);
    let rest = body.width.saturating_sub(LEAST_MIDDLE);
    let left = left.clamp(*LISTS.start(), rest.saturating_sub(MIDDLE - 4));
    let right = right.clamp(MIDDLE - 4, rest.saturating_sub(left));
    let columns = [Constraint::Length(left), Constraint::Fill(1), Constraint::Length(right)];
    let [lists, middle, right] = Layout::horizontal(columns).areas(body);
    let mut panes = lists_in(lists, model);
    let percent = |lines: usize| {
        u16::try_from((lines * 100).div_ceil(usize::from(body.height).max(1))).unwrap_or(u16::MAX)
    };
    let whole =
        details::lines(model, middle.width.saturating_sub(2)).map_or(0, |lines| lines.len());
    let details = percent(whole + 2).clamp(30, 60);
    let [details, log] =
        stacked(middle, model, [(Pane::Details, details), (Pane::Log, 100 - details)]);
    let freezes = percent(WEEK_AND_MONTH).clamp(30, 55);
    let right_panes = [(Pane::Activity, 100 - freezes), (Pane::Freeze, freezes)];
    let [activity, freeze] = stacked(right, model, right_panes);
    panes.extend([
        (Pane::Details, details),
        (Pane::Log, log),
        (Pane::Freeze, freeze),
        (Pane::Activity, activity),
    ]);
    panes
}

/// How high the pane of freezes is with a week and the month in it.
const WEEK_AND_MONTH: usize = 23;

/// The least lines of a pane: its border and one row.
const LEAST_LINES: u16 = 3;

/// Panes above each other, by what each usually gets of a hundred and how a person changed that. None goes away.
fn stacked<const N: usize>(area: Rect, model: &Model, usual: [(Pane, u16); N]) -> [Rect; N] {
    let weights = usual.map(|(pane, usual)| u32::from(model.sizes.weight(pane, usual)));
    let all = weights.iter().sum::<u32>().max(1);
    let share =
        |weight: u32| u16::try_from((u32::from(area.height) * weight + all / 2) / all).unwrap_or(0);
    let mut heights = weights.map(|weight| share(weight).max(LEAST_LINES));
    let (largest, _) =
        heights.iter().enumerate().max_by_key(|(_, height)| **height).unwrap_or((0, &0));
    let others: u16 =
        heights.iter().enumerate().filter(|(at, _)| *at != largest).map(|(_, h)| h).sum();
    heights[largest] = area.height.saturating_sub(others);
    Layout::vertical(heights.map(Constraint::Length)).areas(area)
}

/// How wide the column of details is: the month fits, and the lists keep their 74 columns.
const MIDDLE: u16 = 42;
const WIDEST_MIDDLE: u16 = 66;

/// How high the pane of freezes is with the month in it, and without.
const MONTH: u16 = 13;
const NO_MONTH: u16 = 6;

/// Two columns over the log; the activity takes the log's place while it is wanted. The details get the lines they
/// need before the month does, unless the freezes have the focus.
fn medium(body: Rect, model: &Model) -> Vec<(Pane, Rect)> {
    let sizes = model.sizes;
    let lowest = if model.bottom == Pane::Activity { Pane::Activity } else { Pane::Log };
    let weights = [Constraint::Fill(64), Constraint::Fill(sizes.weight(lowest, 36))];
    let [top, low] = Layout::vertical(weights).areas(body);
    let wider = sizes.steps(Pane::Details) + sizes.steps(Pane::Freeze);
    let wider = wider - sizes.steps(Pane::Staging) - sizes.steps(Pane::Production);
    let usual = body.width.saturating_sub(110).clamp(MIDDLE, WIDEST_MIDDLE);
    let most = body.width.saturating_sub(*LISTS.start());
    let width = moved(usual, COLUMNS * wider).clamp((MIDDLE - 4).min(most), most);
    let [lists, right] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(width)]).areas(top);
    let mut panes = lists_in(lists, model);
    let needed = u16::try_from(details::needed(model, width - 2)).unwrap_or(u16::MAX);
    let wrong = model.service.as_ref().is_some_and(|s| !s.calendar_problems.is_empty());
    let [with_month, without] = [MONTH, NO_MONTH].map(|height| height + u16::from(wrong));
    let month =
        model.focus == Pane::Freeze || needed.saturating_add(2 + with_month) <= right.height;
    let height = if month { with_month } else { without };
    let higher = sizes.steps(Pane::Freeze) - sizes.steps(Pane::Details);
    let height = moved(height, higher).clamp(4, right.height.saturating_sub(4).max(4));
    let [details, freeze] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(height)]).areas(right);
    panes.extend([(Pane::Details, details), (lowest, low), (Pane::Freeze, freeze)]);
    panes
}

/// A wide screen that is not high: the lists, and beside them whichever other pane is wanted.
fn beside(body: Rect, model: &Model) -> Vec<(Pane, Rect)> {
    let wider = model.sizes.steps(Pane::Staging) + model.sizes.steps(Pane::Production);
    let wider = COLUMNS * (wider - model.sizes.steps(model.bottom));
    let most = body.width.saturating_sub(LEAST_MIDDLE);
    let left = moved((body.width / 2).min(*LISTS.end()), wider).clamp(*LISTS.start(), most);
    let [lists, right] =
        Layout::horizontal([Constraint::Length(left), Constraint::Fill(1)]).areas(body);
    let mut panes = if is_low(body) { vec![(model.list, lists)] } else { lists_in(lists, model) };
    panes.push((model.bottom, right));
    panes
}

/// True if there is no room for one list above the other.
fn is_low(body: Rect) -> bool {
    body.height < 2 * LEAST_FOR_TWO
}

/// The two lists, and below them whichever other pane is wanted.
fn narrow(body: Rect, model: &Model) -> Vec<(Pane, Rect)> {
    let usual = [(Pane::Staging, 34), (Pane::Production, 25), (model.bottom, 41)];
    let areas = stacked(body, model, usual);
    usual.into_iter().map(|(pane, _)| pane).zip(areas).collect()
}

/// From so many columns on, a list and another pane stand side by side on a screen that is not high.
const WIDE_LOW: u16 = 150;
/// The least lines for a list and a pane below it.
const LEAST_FOR_TWO: u16 = 8;

/// Too low for two lists: the one that was used last, and the pane below it, as long as there is room for both.
fn low(body: Rect, model: &Model) -> Vec<(Pane, Rect)> {
    let usual = [(model.list, 52), (model.bottom, 48)];
    if body.height < LEAST_FOR_TWO {
        return vec![(model.focus, body)];
    }
    let areas = stacked(body, model, usual);
    usual.into_iter().map(|(pane, _)| pane).zip(areas).collect()
}

fn lists_in(area: Rect, model: &Model) -> Vec<(Pane, Rect)> {
    let [staging, production] = stacked(area, model, [(Pane::Staging, 58), (Pane::Production, 42)]);
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
