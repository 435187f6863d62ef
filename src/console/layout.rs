//! Where everything is: a pure function of the screen's size and the model, used by `update` and `view` alike.

use ratatui::layout::{Constraint, Layout, Rect};

use super::model::{Model, Pane, Screen};
use super::view::details_height;

/// The smallest screen that has room for panes.
pub const SMALLEST: (u16, u16) = (60, 12);

/// The places of a screen; a pane that has no room is not in `panes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Areas {
    pub header: Rect,
    /// What is wrong, when something is.
    pub problem: Option<Rect>,
    /// Who asks for a promoter, while somebody does.
    pub request: Option<Rect>,
    /// Between the header and the last two lines.
    pub body: Rect,
    pub panes: Vec<(Pane, Rect)>,
    /// What the selection is, or the latest note.
    pub context: Rect,
    pub hints: Rect,
}

impl Areas {
    #[must_use]
    pub fn of(&self, pane: Pane) -> Option<Rect> {
        self.panes.iter().find(|(at, _)| *at == pane).map(|(_, area)| *area)
    }

    /// How many rows a pane has inside its border.
    #[must_use]
    pub fn rows(&self, pane: Pane) -> usize {
        self.of(pane).map_or(0, |area| usize::from(area.height.saturating_sub(2)))
    }
}

/// Whether the screen has no room for panes.
#[must_use]
pub fn is_tiny(area: Rect) -> bool {
    area.width < SMALLEST.0 || area.height < SMALLEST.1
}

#[must_use]
pub fn layout(area: Rect, model: &Model) -> Areas {
    let problems = !model.troubles().is_empty();
    let asked = model.screen == Screen::Service && model.open_request().is_some();
    let [header, problem, request, body, context, hints] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(u16::from(problems)),
        Constraint::Length(u16::from(asked)),
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(area);
    let panes = match model.screen {
        Screen::Fleet => Vec::new(),
        Screen::Service if model.zoomed => vec![(model.focus, body)],
        Screen::Service => panes(area, body, model),
    };
    let problem = problems.then_some(problem);
    let request = asked.then_some(request);
    Areas { header, problem, request, body, panes, context, hints }
}

/// Whether the activity has a column of its own.
#[must_use]
pub fn is_wide(area: Rect) -> bool {
    area.width >= 180 && area.height >= 45
}

fn panes(area: Rect, body: Rect, model: &Model) -> Vec<(Pane, Rect)> {
    match (area.width, area.height) {
        _ if is_wide(area) => wide(body),
        (118.., 30..) => medium(body, model),
        (_, 20..) => narrow(body, model),
        _ => low(body, model),
    }
}

/// Three columns over the log.
fn wide(body: Rect) -> Vec<(Pane, Rect)> {
    let [top, log] =
        Layout::vertical([Constraint::Percentage(58), Constraint::Fill(1)]).areas(body);
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
/// need before the month does, unless somebody looks at the freezes.
fn medium(body: Rect, model: &Model) -> Vec<(Pane, Rect)> {
    let [top, low] =
        Layout::vertical([Constraint::Percentage(64), Constraint::Fill(1)]).areas(body);
    let [lists, right] =
        Layout::horizontal([Constraint::Fill(2), Constraint::Length(MIDDLE)]).areas(top);
    let mut panes = lists_in(lists);
    let needed = u16::try_from(details_height(model, MIDDLE - 2)).unwrap_or(u16::MAX);
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
