//! Whether production is open, frozen or on hold, the windows to come, and the month at a glance.

use chrono::{DateTime, Utc};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::row::Row;
use super::when::clock;
use super::{calendar, draw_lines, pane};
use crate::console::model::{Model, Pane};
use crate::console::theme::Role;
use crate::domain::freeze::{FreezeState, FreezeWindow, turns};
use crate::domain::ids::Environment;
use crate::domain::policy::FreezeMode;
use crate::domain::stops::Freeze;

/// How many lines stand above the list of windows.
pub const HEAD: usize = 2;

pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let by_hand = model.freezes();
    let windows = coming(model);
    let count = by_hand.len() + windows.len();
    let right = if count == 0 { String::new() } else { count.to_string() };
    let inner = pane::frame(model, frame, Pane::Freeze, area, &right);
    draw_lines(frame, inner, head(model, inner.width), 0);
    let below = u16::try_from(HEAD).unwrap_or(u16::MAX).min(inner.height);
    let shown = Rect { y: inner.y + below, height: inner.height - below, ..inner };
    // The month stands below what was set by hand; the windows get what is left, for the month shows them too.
    let calendar = calendar::lines(model, inner.width);
    let month = u16::try_from(calendar.len()).unwrap_or(u16::MAX);
    let listed = u16::try_from(by_hand.len()).unwrap_or(u16::MAX);
    let has_month = shown.height >= listed.saturating_add(month);
    let month = if has_month { month } else { 0 };
    let list = Rect { height: shown.height - month, ..shown };
    for (y, freeze) in (list.y..list.bottom()).zip(by_hand.iter().skip(model.freezes.offset)) {
        let place = Rect { y, height: 1, ..list };
        frame.render_widget(Paragraph::new(set_by_hand(model, freeze, inner.width)), place);
        if model.freezes.selected == Some(freeze.id) {
            pane::select(model, frame, place, Pane::Freeze);
        }
    }
    let taken = listed.min(list.height);
    let rest = Rect { y: list.y + taken, height: list.height - taken, ..list };
    draw_lines(frame, rest, planned(model, &windows, rest), 0);
    if has_month {
        draw_lines(frame, Rect { y: list.bottom(), height: month, ..shown }, calendar, 0);
    }
}

/// The windows by calendar that last or are to come.
fn coming(model: &Model) -> Vec<&FreezeWindow> {
    let now = model.now();
    let windows = model.service.iter().flat_map(|service| &service.calendar);
    windows.filter(|window| window.until.is_none_or(|until| until > now)).collect()
}

/// What holds now: two lines.
fn head(model: &Model, width: u16) -> Vec<Line<'static>> {
    let theme = &model.options.theme;
    let row = || Row::new(theme, width).gap(1);
    let hold = model.service.as_ref().and_then(|s| s.holds.get(&Environment::Production));
    let hold = match hold {
        Some(hold) => row()
            .own(format!("{} ON HOLD by {}: ", theme.symbols.held, hold.by), Role::Frozen)
            .name(&hold.reason, Role::Text),
        None => row().own("no hold", Role::Muted),
    };
    vec![now(model, row()).line(), hold.line()]
}

/// `OPEN  closes Wed 00:00, opens Fri 05:00`: what comes next stands first.
fn now<'t>(model: &'t Model, row: Row<'t>) -> Row<'t> {
    let symbols = &model.options.theme.symbols;
    let row = match model.standing().state {
        FreezeState::Open => row.own("OPEN", Role::Ok),
        FreezeState::Warn => row.own(format!("{} WARN", symbols.warn), Role::Warn),
        FreezeState::Frozen => row.own(format!("{} FROZEN", symbols.frozen), Role::Frozen),
    };
    let Some(service) = &model.service else { return row };
    let turns = turns(&service.calendar, &service.freezes, model.now());
    let closes = turns.closes.map(|at| (at, format!("closes {}", clock(model, at))));
    let opens = turns.opens.map(|at| (at, format!("opens {}", clock(model, at))));
    let mut both: Vec<_> = closes.into_iter().chain(opens).collect();
    both.sort();
    if both.is_empty() && turns.frozen {
        return row.own("  until somebody lifts it", Role::Text);
    }
    let both: Vec<_> = both.into_iter().map(|(_, text)| text).collect();
    row.gap(1).own(both.join(", "), Role::Text)
}

/// The windows by calendar in so many lines; how many more there are is said.
fn planned(model: &Model, windows: &[&FreezeWindow], area: Rect) -> Vec<Line<'static>> {
    let row = || Row::new(&model.options.theme, area.width).gap(1);
    if windows.is_empty() && model.freezes().is_empty() {
        return vec![row().own("no freeze is planned", Role::Muted).line()];
    }
    let height = usize::from(area.height);
    let shown = if windows.len() > height { height.saturating_sub(1) } else { windows.len() };
    let mut lines: Vec<_> =
        windows.iter().take(shown).map(|window| by_calendar(model, window, area.width)).collect();
    let more = windows.len() - shown;
    if more > 0 {
        lines.push(row().own(format!("  and {more} more by calendar"), Role::Muted).line());
    }
    lines
}

/// From when until when; the day is said once when it begins and ends on the same.
fn span(model: &Model, from: DateTime<Utc>, until: Option<DateTime<Utc>>) -> String {
    let arrow = model.options.theme.symbols.arrow;
    let until = match until {
        None => "until lifted".into(),
        Some(until) => {
            let zone = model.zone();
            let (begins, ends) = (from.with_timezone(&zone), until.with_timezone(&zone));
            if begins.date_naive() == ends.date_naive() {
                ends.format("%H:%M").to_string()
            } else {
                clock(model, until)
            }
        }
    };
    format!("{} {arrow} {until}  ", clock(model, from))
}

fn set_by_hand(model: &Model, freeze: &Freeze, width: u16) -> Line<'static> {
    let theme = &model.options.theme;
    let cursor = model.freezes.selected == Some(freeze.id);
    let role = if freeze.covers(model.now()) { Role::Frozen } else { Role::Text };
    // F lifts the selected one, and needs the focus here to mean it.
    let lift = if cursor && model.focus == Pane::Freeze { ", F lifts" } else { "" };
    let owner = format!(" ({}{lift})", freeze.by);
    Row::new(theme, width)
        .cell(if cursor { theme.symbols.cursor } else { " " }, 2, Role::Text)
        .own(span(model, freeze.from, freeze.until), role)
        .name(&freeze.reason, Role::Text)
        .own(owner, Role::Muted)
        .line()
}

fn by_calendar(model: &Model, window: &FreezeWindow, width: u16) -> Line<'static> {
    let theme = &model.options.theme;
    let (mark, role) = match window.policy {
        FreezeMode::Override => (theme.symbols.frozen, Role::Frozen),
        FreezeMode::Warn => (theme.symbols.warn, Role::Warn),
    };
    let words = if window.covers(model.now()) { role } else { Role::Text };
    Row::new(theme, width)
        .cell(mark, 2, role)
        .own(span(model, window.from, window.until), words)
        .name(&window.why, Role::Muted)
        .line()
}
