//! The month at a glance, with today and the days that are frozen or warned of marked.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use ratatui::style::Modifier;
use ratatui::text::Line;

use crate::calendar::FreezeState;
use crate::calendar::zone::{Edge, midnight};
use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::parts::row::Row;

/// The columns of a day.
const DAY: usize = 4;

pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let theme = &model.options.theme;
    let today = model.now().with_timezone(&model.zone()).date_naive();
    let Some(first) = today.with_day(1) else { return Vec::new() };
    let names = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
    let names = names
        .iter()
        .fold(Row::new(theme, width).gap(1), |row, name| row.cell(name, DAY, Role::Muted));
    let mut lines = vec![title(model, today, width), names.line()];
    let back = u64::from(first.weekday().num_days_from_monday());
    let mut day = first.checked_sub_days(Days::new(back)).unwrap_or(first);
    while day.month() == first.month() || day < first {
        let mut row = Row::new(theme, width);
        for _ in 0..7 {
            row = cell(model, row, day, day == today, day.month() == first.month());
            day = day.succ_opt().unwrap_or(day);
        }
        lines.push(row.line());
    }
    lines
}

/// The month, what its marks mean, and the zone of every time in the pane.
fn title(model: &Model, today: NaiveDate, width: u16) -> Line<'static> {
    let symbols = &model.options.theme.symbols;
    Row::new(&model.options.theme, width)
        .gap(1)
        .own(today.format("%b %Y").to_string(), Role::Muted)
        .gap(2)
        .own(format!("{}today", symbols.cursor), Role::Text)
        .own(format!(" {}frozen", symbols.frozen), Role::Frozen)
        .own(format!(" {}warn", symbols.warn), Role::Warn)
        .gap(2)
        .own(model.now().with_timezone(&model.zone()).format("%Z").to_string(), Role::Muted)
        .line()
}

fn cell<'t>(model: &'t Model, row: Row<'t>, day: NaiveDate, today: bool, shown: bool) -> Row<'t> {
    if !shown {
        return row.gap(DAY);
    }
    let theme = &model.options.theme;
    let (mark, role) = match state_of(model, day) {
        FreezeState::Open => (" ", Role::Text),
        FreezeState::Warn => (theme.symbols.warn, Role::Warn),
        FreezeState::Frozen => (theme.symbols.frozen, Role::Frozen),
    };
    let style = theme.style(role);
    let style = if today { style.add_modifier(Modifier::REVERSED) } else { style };
    row.own(if today { theme.symbols.cursor } else { " " }, Role::Text)
        .styled(format!("{:>2}", day.day()), style)
        .own(mark, role)
}

/// The most that stands in the way on any part of a local day.
fn state_of(model: &Model, day: NaiveDate) -> FreezeState {
    let Some(next) = day.succ_opt() else { return FreezeState::Open };
    let zone = model.zone();
    let (start, end) = (midnight(zone, day, Edge::Start), midnight(zone, next, Edge::End));
    let overlaps = |from: DateTime<Utc>, until: Option<DateTime<Utc>>| {
        from < end && until.is_none_or(|until| until > start)
    };
    let by_hand = model.freezes();
    let by_hand = by_hand.iter().filter(|freeze| overlaps(freeze.from, freeze.until));
    let by_calendar = model.service.iter().flat_map(|service| &service.calendar);
    let by_calendar = by_calendar.filter(|window| overlaps(window.from, window.until));
    let states = by_calendar.map(|window| FreezeState::from(window.policy));
    states.chain(by_hand.map(|_| FreezeState::Frozen)).max().unwrap_or_default()
}
