//! The next seven days, a line each: open, or when it is frozen and why.

use chrono::{DateTime, NaiveDate, Utc};
use ratatui::text::Line;

use crate::calendar::FreezeState;
use crate::calendar::zone::{Edge, midnight};
use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::parts::row::Row;

const DAYS: usize = 7;
/// How many lines there are.
pub const HEIGHT: usize = DAYS + 1;

/// A time in which a promote is warned of or needs an override.
struct FrozenSpan<'m> {
    from: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
    state: FreezeState,
    reason: &'m str,
}

pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let title = Row::new(&model.options.theme, width).gap(1).own("next seven days", Role::Muted);
    let today = model.now().with_timezone(&model.zone()).date_naive();
    let spans = spans(model);
    let days = today.iter_days().take(DAYS);
    let days = days.map(|day| of_day(model, day, day == today, &spans, width));
    std::iter::once(title.line()).chain(days).collect()
}

fn spans(model: &Model) -> Vec<FrozenSpan<'_>> {
    let by_hand = model.freezes().into_iter().map(|freeze| FrozenSpan {
        from: freeze.from,
        until: freeze.until,
        state: FreezeState::Frozen,
        reason: &freeze.reason,
    });
    let by_calendar = model.service.iter().flat_map(|service| &service.calendar);
    let by_calendar = by_calendar.map(|window| FrozenSpan {
        from: window.from,
        until: window.until,
        state: FreezeState::from(window.policy),
        reason: &window.reason,
    });
    by_hand.chain(by_calendar).collect()
}

/// ` Thu 26 ◆ frozen from 16:00 Thanksgiving`.
fn of_day(
    model: &Model,
    day: NaiveDate,
    is_today: bool,
    spans: &[FrozenSpan<'_>],
    width: u16,
) -> Line<'static> {
    let (theme, zone) = (&model.options.theme, model.zone());
    let next = day.succ_opt().unwrap_or(day);
    let (start, end) = (midnight(zone, day, Edge::Start), midnight(zone, next, Edge::End));
    // What is over by now says nothing of the rest of today.
    let start = start.max(if is_today { model.now() } else { start });
    let overlaps =
        |span: &&FrozenSpan<'_>| span.from < end && span.until.is_none_or(|until| until > start);
    let of_day: Vec<_> = spans.iter().filter(overlaps).collect();
    let row =
        Row::new(theme, width).own(if is_today { theme.symbols.cursor } else { " " }, Role::Text);
    let row = row.own(format!("{} ", day.format("%a %e")), Role::Text);
    let Some(worst) = of_day.iter().max_by_key(|span| span.state) else {
        return row.gap(2).own("open", Role::Muted).line();
    };
    let (mark, word, role) = match worst.state {
        FreezeState::Frozen => (theme.symbols.frozen, "frozen", Role::Frozen),
        _ => (theme.symbols.warn, "warn", Role::Warn),
    };
    let clock = |at: DateTime<Utc>| at.with_timezone(&zone).format("%H:%M").to_string();
    let from = (worst.from > start).then(|| clock(worst.from));
    let until = worst.until.filter(|until| *until < end).map(clock);
    let when = match (from, until) {
        (None, None) => " all day".to_owned(),
        (Some(from), None) => format!(" from {from}"),
        (None, Some(until)) => format!(" to {until}"),
        (Some(from), Some(until)) => format!(" {from} {} {until}", theme.symbols.arrow),
    };
    let more = of_day.len() - 1;
    let more = if more == 0 { String::new() } else { format!(" +{more}") };
    row.own(format!("{mark} {word}"), role)
        .own(format!("{when}{more} "), Role::Text)
        .name(worst.reason, Role::Muted)
        .line()
}
