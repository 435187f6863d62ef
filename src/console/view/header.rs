//! The lines that survive at every size: what is live, what stops or threatens it, who you are, how old the data is. Production
//! comes first; staging has a line of its own where the screen is high enough.

mod identity;
mod length;
mod production;
mod staging;
mod way_back;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

pub use self::identity::freshness;
use self::identity::identity;
use self::length::{LEAST_NAME, LENGTHS, LONGEST_NAME, Length, SHORT_NAME};
use self::production::named;
pub use self::production::production;
use self::way_back::way_back;
use crate::calendar::FreezeState;
use crate::console::actions::action::KeyAction;
use crate::console::age::age;
use crate::console::model::link::LinkState;
use crate::console::model::{Model, Screen};
use crate::console::theme::Role;
use crate::console::view::parts::clock::clock;
use crate::console::view::parts::incidents::LONGEST_SEVERITY;
use crate::console::view::parts::row::Row;
use crate::domain::ids::Environment;
use crate::domain::words::counted;
use crate::gate;

/// The most columns of why it is frozen.
const LONGEST_REASON: usize = 24;
/// More columns than any name of a service has.
const WHOLE_NAME: usize = 64;
/// From so many lines on, staging has one of its own.
const HIGH: u16 = 20;

/// How many lines the header has: two on a high screen, and where one has no room for what it must say.
#[must_use]
pub fn height(model: &Model, screen: Rect) -> u16 {
    let is_service = model.screen == Screen::Service;
    let is_high = screen.height >= HIGH;
    let fits = || one_line(model, screen.width).is_some();
    if is_service && (is_high || model.service.is_some() && !fits()) { 2 } else { 1 }
}

pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let lines = match (&model.screen, &model.service) {
        (Screen::Service, Some(_)) if area.height > 1 => two_lines(model, area.width).into(),
        (Screen::Service, Some(_)) => one_line(model, area.width).into_iter().collect(),
        _ => vec![without_service(model, area.width)],
    };
    frame.render_widget(Paragraph::new(lines), area);
}

/// The list of services, or a service that is not read yet.
fn without_service(model: &Model, width: u16) -> Line<'static> {
    let row = || Row::new(&model.options.theme, width);
    let left = if model.screen == Screen::Fleet {
        row().own(" trunkline ", Role::Accent).own(fleet_count(model), Role::Muted)
    } else {
        let name = model.services.selected.as_ref().map_or("", |name| name.as_str());
        row().own(" PROD ", Role::EnvProduction).own(name, Role::Text).own(" loading", Role::Muted)
    };
    left.then_right(identity(model, row(), Length::Full, LONGEST_NAME), width).line()
}

/// A row that is as long as it wants to be, to see whether it fits.
fn endless(model: &Model) -> Row<'_> {
    Row::new(&model.options.theme, u16::MAX)
}

/// What is live in production, what stops a promote, and how a rollback would go.
fn of_production(model: &Model, length: Length, name: usize) -> Row<'_> {
    let row = stopped(model, named(model, endless(model), length, name), length);
    way_back(model, row, length)
}

/// How long a name is, foreign text, never decides what else stands here: it only takes what is left.
fn joined(model: &Model, left: Row<'_>, length: Length, width: u16) -> Line<'static> {
    let right = |most| identity(model, endless(model), length, most);
    let fits = |most: &usize| left.taken() + right(*most).taken() <= usize::from(width);
    let most = (LEAST_NAME..=LONGEST_NAME).rev().find(fits).unwrap_or(LEAST_NAME);
    left.then_right(right(most), width).line()
}

/// The longest form that fits, and the columns for the name of the service.
fn longest(fits: impl Fn(Length, usize) -> bool) -> Option<(Length, usize)> {
    let length = LENGTHS.into_iter().find(|length| fits(*length, SHORT_NAME));
    let Some(length) = length else {
        let name = (1..SHORT_NAME).rev().find(|name| fits(Length::Least, *name))?;
        return Some((Length::Least, name));
    };
    let whole = length == Length::Full && fits(length, WHOLE_NAME);
    Some((length, if whole { WHOLE_NAME } else { SHORT_NAME }))
}

/// Production, staging and who you are on one line; `None` where it has no room for what it must say.
fn one_line(model: &Model, width: u16) -> Option<Line<'static>> {
    let at = |length, name| staging::short(model, of_production(model, length, name), length);
    let right = |length| identity(model, endless(model), length, LEAST_NAME).taken();
    let fits = |length, name| at(length, name).taken() + right(length) <= usize::from(width);
    let (length, name) = longest(fits)?;
    Some(joined(model, at(length, name), length, width))
}

/// Production above staging. Who you are stands beside production, unless that would take more away than it tells.
fn two_lines(model: &Model, width: u16) -> [Line<'static>; 2] {
    let room = usize::from(width);
    let at = |length, name| of_production(model, length, name);
    let right = |length| identity(model, endless(model), length, LEAST_NAME).taken();
    let beside = longest(|length, name| at(length, name).taken() + right(length) <= room);
    if let Some((length, name)) = beside.filter(|(length, _)| *length < Length::NoEnd) {
        let staging = staging::line(model, &endless(model), room);
        return [joined(model, at(length, name), length, width), staging.line()];
    }
    let alone = longest(|length, name| at(length, name).taken() <= room);
    let (length, name) = alone.unwrap_or((Length::Least, 1));
    let production = at(length, name).then_right(endless(model), width).line();
    let staging =
        |length| staging::line(model, &endless(model), room.saturating_sub(right(length)));
    let fits = |length: &Length| staging(*length).taken() + right(*length) <= room;
    let length = LENGTHS.into_iter().find(fits).unwrap_or(Length::Least);
    [production, joined(model, staging(length), length, width)]
}

pub fn draw_problem(model: &Model, frame: &mut Frame, area: Rect) {
    let troubles = model.troubles();
    let Some(problem) = troubles.first() else { return };
    let symbols = &model.options.theme.symbols;
    let more = match troubles.len() {
        1 => String::new(),
        count => {
            format!("1 of {count}, {} shows all: ", model.key(&KeyAction::Messages))
        }
    };
    // Before all else, as a long reason leaves no room after it.
    let is_away = model.from_disk().is_some() || matches!(model.link.state, LinkState::Down { .. });
    let by_hand = model
        .by_hand()
        .filter(|_| is_away)
        .map_or_else(String::new, |_| format!("{}: by hand  ", model.key(&KeyAction::ByHand)));
    let row = Row::new(&model.options.theme, area.width)
        .own(format!(" {} ", symbols.warn), Role::Danger)
        .own(by_hand, Role::Key)
        .own(more, Role::Muted)
        .own(format!("{} ", problem.what), Role::Danger)
        .own(format!("{} {}", symbols.arrow, problem.remedy), Role::Text);
    frame.render_widget(Paragraph::new(row.line()), area);
}

fn fleet_count(model: &Model) -> String {
    let count = model.fleet.as_ref().map(|fleet| fleet.services.len());
    count.map_or_else(String::new, |count| counted(count, "service"))
}

/// What is live, what stops a promote, and the open incident, where there is room for nothing else but how old that is.
pub fn in_brief<'t>(model: &'t Model, row: Row<'t>) -> Row<'t> {
    let of = |row, length| stopped(model, named(model, row, length, SHORT_NAME), length);
    if model.worst_incident().is_none() {
        return stopped(model, production(model, row), Length::NoReason);
    }
    let with = |row, length| incident(model, of(row, length), length);
    let wide = || Row::new(&model.options.theme, u16::MAX);
    let room = row.left().saturating_sub(freshness(model, wide()).taken() + 1);
    let length = LENGTHS.into_iter().find(|length| with(wide(), *length).taken() <= room);
    with(row, length.unwrap_or(Length::Bare))
}

fn stopped<'t>(model: &Model, row: Row<'t>, length: Length) -> Row<'t> {
    let Some(service) = &model.service else { return row };
    let (row, standing) = (apart(row, length), model.standing());
    if let Some(hold) = service.holds.get(&Environment::Production) {
        let row = row.own("ON HOLD", Role::Hold);
        let row = if length < Length::NoEnd {
            let by = hold.by.to_string();
            row.own(" by ", Role::Muted).called_within(&by, LONGEST_NAME, Role::Muted)
        } else {
            row
        };
        // After a release the freeze still applies.
        let frozen = standing.state == FreezeState::Frozen && length < Length::NoArrow;
        return if frozen { row.own(", FROZEN", Role::Frozen) } else { row };
    }
    let (word, role, without_end) = match standing.state {
        FreezeState::Open => return row.own("OPEN", Role::Ok),
        FreezeState::Warn => ("WARN", Role::Warn, ""),
        FreezeState::Frozen => ("FROZEN", Role::Frozen, " until lifted"),
    };
    let row = row.own(word, role);
    if length >= Length::NoEnd {
        return row;
    }
    let row = match standing.lasts_until {
        Some(until) => row.own(format!(" to {}", clock(model, until)), role),
        // Only what was set by hand can be lifted.
        None if model.frozen().is_some() => row.own(without_end, role),
        None => row,
    };
    match standing.longest() {
        Some(found) if length < Length::NoReason => {
            let wide = gate::field(&found.reason).width().min(LONGEST_REASON);
            row.gap(1).outside(&found.reason, wide, Role::Muted)
        }
        _ => row,
    }
}

/// `SEV-1 i123 open 12m`: where there is no line of its own for it.
fn incident<'t>(model: &Model, row: Row<'t>, length: Length) -> Row<'t> {
    let Some(standing) = model.worst_incident() else { return row };
    let incident = &standing.incident;
    let (id, since) = (incident.id, age(model.since(incident.opened_at)));
    let row = apart(row, length).called_within(&incident.severity, LONGEST_SEVERITY, Role::Danger);
    let row = match length {
        _ if length < Length::NoEnd => row.own(format!(" {id} open {since}"), Role::Danger),
        _ if length < Length::Bare => row.own(format!(" {id} {since}"), Role::Danger),
        _ => row.own(format!(" {id}"), Role::Danger),
    };
    let others = model.open_incidents().count() - 1;
    let row = if others == 0 { row } else { row.own(format!(" +{others}"), Role::Danger) };
    let is_due = standing.is_update_due(model.now()) && length < Length::NoTook;
    if is_due { row.own(", UPDATE DUE", Role::Danger) } else { row }
}

/// Space between two things that are told.
fn apart(row: Row<'_>, length: Length) -> Row<'_> {
    match length {
        _ if length < Length::NoArrow => between(row),
        _ if length < Length::Bare => row.gap(2),
        _ => row.gap(1),
    }
}

fn between(row: Row<'_>) -> Row<'_> {
    row.gap(3)
}
