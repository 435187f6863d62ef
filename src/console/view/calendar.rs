//! The month at a glance, with today and the frozen days marked.

use chrono::{Datelike, Days, NaiveDate, TimeDelta, TimeZone, Utc};
use ratatui::style::Modifier;
use ratatui::text::Line;

use super::row::Row;
use crate::console::model::Model;
use crate::console::theme::Role;
use crate::domain::freeze::FreezeWindow;
use crate::domain::policy::FreezeMode;

/// The columns of a day.
const DAY: usize = 4;

pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let theme = &model.options.theme;
    let today = model.now().with_timezone(&model.zone()).date_naive();
    let Some(first) = today.with_day(1) else { return Vec::new() };
    let title = Row::new(theme, width).gap(1).own(today.format("%B %Y").to_string(), Role::Muted);
    let names = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
    let names = names
        .iter()
        .fold(Row::new(theme, width).gap(1), |row, name| row.cell(name, DAY, Role::Muted));
    let mut lines = vec![title.line(), names.line()];
    let back = u64::from(first.weekday().num_days_from_monday());
    let mut day = first.checked_sub_days(Days::new(back)).unwrap_or(first);
    while day.month() == first.month() || day < first {
        let mut row = Row::new(theme, width).gap(1);
        for _ in 0..7 {
            row = cell(model, row, day, day == today, day.month() == first.month());
            day = day.succ_opt().unwrap_or(day);
        }
        lines.push(row.line());
    }
    lines
}

fn cell<'t>(model: &'t Model, row: Row<'t>, day: NaiveDate, today: bool, shown: bool) -> Row<'t> {
    if !shown {
        return row.gap(DAY);
    }
    let theme = &model.options.theme;
    let frozen = is_frozen(model, day);
    let role = if frozen { Role::Frozen } else { Role::Text };
    let style = theme.style(role);
    let style = if today { style.add_modifier(Modifier::REVERSED) } else { style };
    let mark = if frozen { theme.symbols.frozen } else { " " };
    row.styled(format!("{:>2}", day.day()), style).own(mark, role).gap(1)
}

/// Whether a freeze covers any part of a local day.
fn is_frozen(model: &Model, day: NaiveDate) -> bool {
    let midnight = day.and_time(chrono::NaiveTime::MIN);
    let Some(start) = model.zone().from_local_datetime(&midnight).single() else { return false };
    let start = start.with_timezone(&Utc);
    let end = start + TimeDelta::days(1);
    let overlaps = |from, until: Option<_>| from < end && until.is_none_or(|until| until > start);
    let by_calendar = model.service.iter().flat_map(|service| &service.calendar);
    let blocks = |window: &&FreezeWindow| window.policy == FreezeMode::Override;
    model.freezes().iter().any(|freeze| overlaps(freeze.from, freeze.until))
        || by_calendar.filter(blocks).any(|window| overlaps(window.from, window.until))
}
