//! Requests for a promoter: the line that is shown while one is open, and the list of the last ones.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::console::actions::action::KeyAction;
use crate::console::age::age;
use crate::console::model::Model;
use crate::console::model::requests::LISTED;
use crate::console::theme::Role;
use crate::console::view::parts::row::Row;
use crate::domain::request::{Request, RequestState};
use crate::gate;

/// The most columns of a name; the build is beside it.
const LONGEST_NAME: usize = 20;
/// The most lines of one request in the list.
const MOST_LINES: usize = 3;

/// `ASKED #1290 by kim 2m ago, 18m left: note`, and the key that answers it.
pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let Some(request) = model.open_request() else { return };
    let theme = &model.options.theme;
    let (action, does) = if model.is_me(&request.by) {
        (KeyAction::Withdraw, " withdraws it")
    } else {
        (KeyAction::Take, " takes it")
    };
    let right = Row::new(theme, area.width)
        .gap(2)
        .own(model.key(&action), Role::Key)
        .own(does, Role::Muted)
        .gap(1);
    let left = Row::new(theme, area.width)
        .own(format!(" {} ", theme.symbols.warn), Role::Warn)
        .own(format!("ASKED {}", request.build), Role::Warn);
    let left = standing(model, by(model, left, request), request);
    frame.render_widget(Paragraph::new(left.then_right(right, area.width).line()), area);
}

fn by<'t>(model: &Model, row: Row<'t>, request: &Request) -> Row<'t> {
    let row = row.own(" by ", Role::Muted);
    if model.is_me(&request.by) {
        return row.own("you", Role::AuthorMe);
    }
    row.called_within(&request.by.to_string(), LONGEST_NAME, Role::AuthorOther)
}

/// ` 2m ago, 18m left: note`.
fn standing<'t>(model: &Model, row: Row<'t>, request: &Request) -> Row<'t> {
    let row = lasts(model, row, request);
    if request.note.is_empty() {
        return row;
    }
    row.own(": ", Role::Muted).name(&request.note, Role::Text)
}

fn lasts<'t>(model: &Model, row: Row<'t>, request: &Request) -> Row<'t> {
    let (ago, left) = (age(model.since(request.at)), model.minutes_left(request));
    row.own(format!(" {ago} ago, {left}m left"), Role::Muted)
}

/// The last requests, newest first, each with what became of it; nothing where there never was one.
pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let requests = model.service.as_ref().map_or(&[][..], |service| &service.requests);
    if requests.is_empty() {
        return Vec::new();
    }
    let theme = &model.options.theme;
    let mut lines = vec![Row::new(theme, width).gap(1).own("requests", Role::Muted).line()];
    lines.extend(requests.iter().take(LISTED).flat_map(|request| listed(model, request, width)));
    lines
}

fn listed(model: &Model, request: &Request, width: u16) -> Vec<Line<'static>> {
    let theme = &model.options.theme;
    let row = Row::new(theme, width).gap(1).own(format!("{} ", request.build), Role::Accent);
    let head = by(model, row, request);
    let state = request.state(model.now());
    let (head, below, role) = if state == RequestState::Open {
        let head = lasts(model, head.own(" OPEN", Role::Warn), request);
        (head, gate::field(&request.note), Role::Text)
    } else {
        let head = head.own(format!(" {} ago", age(model.since(request.at))), Role::Muted);
        let role = if state == RequestState::Taken { Role::Ok } else { Role::Inactive };
        (head, gate::sentence(&request.became(model.now())), role)
    };
    let below = below.wrap(usize::from(width).saturating_sub(4));
    let below = below.iter().filter(|line| !line.as_str().is_empty()).take(MOST_LINES);
    let below = below.map(|line| Row::new(theme, width).gap(3).safe(line, role));
    std::iter::once(head).chain(below).map(Row::line).collect()
}
