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
use crate::domain::ids::Environment;
use crate::domain::stops::Freeze;

/// How many lines stand above the list of windows.
pub const HEAD: usize = 2;

pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let freezes = model.freezes();
    let right = if freezes.is_empty() { String::new() } else { freezes.len().to_string() };
    let inner = pane::frame(model, frame, Pane::Freeze, area, &right);
    draw_lines(frame, inner, head(model, inner.width), 0);
    let listed = u16::try_from(freezes.len().max(1)).unwrap_or(u16::MAX);
    let shown =
        Rect { y: inner.y + 2.min(inner.height), height: inner.height.saturating_sub(2), ..inner };
    let calendar = calendar::lines(model, inner.width);
    let month = u16::try_from(calendar.len()).unwrap_or(u16::MAX);
    if freezes.is_empty() {
        let text = Row::new(&model.options.theme, inner.width)
            .gap(1)
            .own("no freeze is planned", Role::Muted);
        draw_lines(frame, shown, vec![text.line()], 0);
    }
    for (y, freeze) in (shown.y..shown.bottom()).zip(freezes.iter().skip(model.freezes.offset)) {
        let place = Rect { y, height: 1, ..shown };
        frame.render_widget(Paragraph::new(window(model, freeze, inner.width)), place);
        if model.freezes.selected == Some(freeze.id) {
            pane::select(model, frame, place, Pane::Freeze);
        }
    }
    if shown.height >= listed.saturating_add(month) {
        let place = Rect { y: shown.bottom() - month, height: month, ..shown };
        draw_lines(frame, place, calendar, 0);
    }
}

/// What holds now: two lines.
fn head(model: &Model, width: u16) -> Vec<Line<'static>> {
    let theme = &model.options.theme;
    let row = || Row::new(theme, width).gap(1);
    let freeze = match (model.frozen(), next(model)) {
        (Some(freeze), _) => {
            let until = freeze.until.map_or("somebody lifts it".into(), |u| clock(model, u));
            row().own(format!("{} FROZEN until {until}", theme.symbols.frozen), Role::Frozen)
        }
        (None, Some(next)) => row()
            .own("OPEN", Role::Ok)
            .own(format!(" until {}", clock(model, next.from)), Role::Muted),
        (None, None) => row().own("OPEN", Role::Ok),
    };
    let hold = model.service.as_ref().and_then(|s| s.holds.get(&Environment::Production));
    let hold = match hold {
        Some(hold) => row()
            .own(format!("{} ON HOLD by {}: ", theme.symbols.held, hold.by), Role::Frozen)
            .name(&hold.reason, Role::Text),
        None => row().own("no hold", Role::Muted),
    };
    vec![freeze.line(), hold.line()]
}

fn next(model: &Model) -> Option<&Freeze> {
    let now = model.now();
    model.freezes().into_iter().find(|freeze| freeze.from > now)
}

/// When a window ends; the day is said once when it begins and ends on the same.
fn end(model: &Model, from: DateTime<Utc>, until: DateTime<Utc>) -> String {
    let (from, local) = (from.with_timezone(&model.zone()), until.with_timezone(&model.zone()));
    if from.date_naive() == local.date_naive() {
        local.format("%H:%M").to_string()
    } else {
        clock(model, until)
    }
}

fn window(model: &Model, freeze: &Freeze, width: u16) -> Line<'static> {
    let theme = &model.options.theme;
    let cursor = model.freezes.selected == Some(freeze.id);
    let until = freeze.until.map_or("until lifted".into(), |until| end(model, freeze.from, until));
    let role = if freeze.covers(model.now()) { Role::Frozen } else { Role::Text };
    Row::new(theme, width)
        .cell(if cursor { theme.symbols.cursor } else { " " }, 2, Role::Text)
        .own(format!("{} {} {until}  ", clock(model, freeze.from), theme.symbols.arrow), role)
        .name(&freeze.reason, Role::Text)
        .own(format!(" ({})", freeze.by), Role::Muted)
        .line()
}
