//! Whether production is open, frozen or on hold, the windows to come, and the month at a glance.

use chrono::{DateTime, Utc};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::calendar::{FreezeState, FreezeWindow};
use crate::console::actions::action::KeyAction;
use crate::console::model::Model;
use crate::console::model::pane::Pane;
use crate::console::theme::Role;
use crate::console::view::panes::{calendar, week};
use crate::console::view::parts::clock::clock;
use crate::console::view::parts::lines::draw_lines;
use crate::console::view::parts::row::Row;
use crate::console::view::parts::{frame, incidents};
use crate::domain::ids::Environment;
use crate::domain::leftovers::Leftovers;
use crate::domain::policy::FreezeMode;
use crate::domain::stops::{Freeze, Hold, freeze_outlook};

/// How many lines say what holds.
const HEAD: usize = 2;
/// From so many rows on there is room for several problems beside the month, and for how many.
const ROOMY: usize = 18;
const PROBLEMS: usize = 5;
/// The text for a freeze without an end: only one that was set by hand can be lifted.
const LIFTED: &str = "until lifted";
const UNKNOWN: &str = "no known end";

/// How many lines are above the list of windows, in a pane with so many rows inside.
pub fn head_height(model: &Model, rows: usize) -> usize {
    let most = if rows < ROOMY { 1 } else { PROBLEMS };
    HEAD + problems(model).len().min(most)
}

pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let by_hand = model.freezes();
    let windows = coming(model);
    let rows = usize::from(area.height).saturating_sub(2);
    let above = head_height(model, rows);
    let inside = rows.saturating_sub(above);
    let calendar = calendar::lines(model, area.width.saturating_sub(2));
    // The month shows the windows too, so it comes before their list, but after what can be lifted here.
    let least = by_hand.len().max(1);
    let has_month = inside >= least + calendar.len();
    let has_week = inside > least + calendar.len() + week::HEIGHT;
    let week = if has_week { week::HEIGHT + 1 } else { 0 };
    let listed = if has_month { inside - calendar.len() - week } else { inside };
    let (count, shown) = (by_hand.len() + windows.len(), listed.min(by_hand.len() + windows.len()));
    let right = match count {
        0 => String::new(),
        count if shown < count => format!("{shown} of {count}"),
        count => count.to_string(),
    };
    let inner = frame::pane(model, frame, Pane::Freeze, area, &right);
    let mut lines = head(model, inner.width);
    lines.extend(wrong(model, above - HEAD, inner.width));
    draw_lines(frame, inner, lines, 0);
    let below = u16::try_from(above).unwrap_or(u16::MAX).min(inner.height);
    let listed = u16::try_from(listed).unwrap_or(u16::MAX).min(inner.height - below);
    let list = Rect { y: inner.y + below, height: listed, ..inner };
    draw_list(model, frame, list, &windows);
    if has_week {
        let y = list.bottom();
        let height = u16::try_from(week::HEIGHT).unwrap_or(u16::MAX);
        let place = Rect { y, height, ..inner };
        draw_lines(frame, place.intersection(inner), week::lines(model, inner.width), 0);
    }
    if has_month {
        let list = Rect { height: list.height + u16::try_from(week).unwrap_or(0), ..list };
        let height = inner.bottom().saturating_sub(list.bottom());
        draw_lines(frame, Rect { y: list.bottom(), height, ..inner }, calendar, 0);
    }
}

/// All that there is to say of freezes, without the month.
pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let mut lines = head(model, width);
    lines.extend(wrong(model, problems(model).len(), width));
    lines.extend(model.freezes().iter().map(|freeze| set_by_hand(model, freeze, width)));
    lines.extend(coming(model).iter().map(|window| by_calendar(model, window, width)));
    lines
}

/// What was set by hand, which can be selected and lifted, and below it the windows by calendar.
fn draw_list(model: &Model, frame: &mut Frame, list: Rect, windows: &[&FreezeWindow]) {
    let by_hand = model.freezes();
    let mut y = list.y;
    for freeze in by_hand.iter().skip(model.freezes.offset).take(usize::from(list.height)) {
        let place = Rect { y, height: 1, ..list };
        frame.render_widget(Paragraph::new(set_by_hand(model, freeze, list.width)), place);
        if model.freezes.selected == Some(freeze.id) {
            frame::select(model, frame, place, Pane::Freeze);
        }
        y += 1;
    }
    let rest = Rect { y, height: list.bottom().saturating_sub(y), ..list };
    let mut lines: Vec<_> =
        windows.iter().map(|window| by_calendar(model, window, list.width)).collect();
    if lines.is_empty() && by_hand.is_empty() {
        let row = Row::new(&model.options.theme, list.width).gap(1);
        lines.push(row.own("no freeze is planned", Role::Muted).line());
    }
    lines.truncate(usize::from(rest.height));
    draw_lines(frame, rest, lines, 0);
}

/// The windows by calendar that last or are to come.
fn coming(model: &Model) -> Vec<&FreezeWindow> {
    let now = model.now();
    let windows = model.service.iter().flat_map(|service| &service.calendar);
    windows.filter(|window| window.until.is_none_or(|until| until > now)).collect()
}

/// The state now, until when and why; below it the hold, or else the next freeze.
fn head(model: &Model, width: u16) -> Vec<Line<'static>> {
    let theme = &model.options.theme;
    let row = || Row::new(theme, width).gap(1);
    let (now, next) = turning(model, row());
    let hold = model.service.as_ref().and_then(|s| s.holds.get(&Environment::Production));
    // How much of what its rollback left behind is not ticked, and its incident.
    let open = |hold: &Hold| {
        let count = hold.left.as_deref().and_then(Leftovers::count);
        let key = model.key(&KeyAction::Checklist);
        let left = count.map_or_else(String::new, |count| format!(", {count} ({key})"));
        let of = incidents::of_hold(model, hold.rollback);
        of.map_or(left.clone(), |of| format!("{left}, {of}"))
    };
    let below = match (hold, next) {
        (Some(hold), _) => row()
            .own(
                format!("{} ON HOLD by {}{}: ", theme.symbols.held, hold.by, open(hold)),
                Role::Hold,
            )
            .name(&hold.reason, Role::Text),
        (None, Some(next)) => row().own(format!("next freeze {next}"), Role::Text),
        (None, None) => row().own("not on hold", Role::Muted),
    };
    vec![now.line(), below.line()]
}

/// What is wrong with the files, the feeds and the tables, or will be soon.
fn problems(model: &Model) -> &[String] {
    model.service.as_ref().map_or(&[], |service| &service.calendar_problems)
}

/// The first so many problems, and with the last of them how many more there are.
fn wrong(model: &Model, most: usize, width: u16) -> Vec<Line<'static>> {
    let theme = &model.options.theme;
    let all = problems(model);
    let line = |(at, problem): (usize, &String)| {
        let row = Row::new(theme, width)
            .cell(theme.symbols.warn, 2, Role::Warn)
            .name(problem, Role::Warn);
        let more = all.len() - most;
        let is_last = at + 1 == most && more > 0;
        let count =
            is_last.then(|| Row::new(theme, width).own(format!(" +{more} more"), Role::Warn));
        match count {
            Some(count) => row.then_right(count, width).line(),
            None => row.line(),
        }
    };
    all.iter().take(most).enumerate().map(line).collect()
}

/// `FROZEN to Fri 05:00 Thanksgiving`, and when the next freeze is.
fn turning<'t>(model: &'t Model, row: Row<'t>) -> (Row<'t>, Option<String>) {
    let Some(service) = &model.service else { return (row, None) };
    let symbols = &model.options.theme.symbols;
    let (standing, outlook) =
        (model.standing(), freeze_outlook(&service.calendar, &service.freezes, model.now()));
    let to = |at: Option<DateTime<Utc>>| at.map(|at| format!(" to {}", clock(model, at)));
    let starts = outlook.next_start.map(|at| clock(model, at));
    let whole = outlook.next_start.map(|at| span(model, at, outlook.ends, UNKNOWN));
    let whole = whole.map(|span| span.trim_end().to_owned());
    let (word, role, end, next) = match standing.state {
        FreezeState::Open => ("OPEN".to_owned(), Role::Ok, to(outlook.next_start), whole),
        FreezeState::Warn => {
            (format!("{} WARN", symbols.warn), Role::Warn, to(standing.lasts_until), starts)
        }
        FreezeState::Frozen => {
            let end = to(outlook.ends).unwrap_or_else(|| match model.frozen() {
                Some(_) => format!(" {LIFTED}"),
                None => format!(", {UNKNOWN}"),
            });
            let end = Some(end);
            (format!("{} FROZEN", symbols.frozen), Role::Frozen, end, starts)
        }
    };
    let row = row.own(word, role).own(end.unwrap_or_default(), Role::Text);
    let row = match standing.longest() {
        Some(found) => row.gap(1).name(&found.reason, Role::Muted),
        None => row,
    };
    (row, next)
}

/// From when until when; the day is said once when it begins and ends on the same.
fn span(model: &Model, from: DateTime<Utc>, until: Option<DateTime<Utc>>, endless: &str) -> String {
    let arrow = model.options.theme.symbols.arrow;
    let until = match until {
        None => endless.to_owned(),
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
    // What nobody could read holds from before all time.
    let from = if from > DateTime::UNIX_EPOCH { clock(model, from) } else { String::new() };
    format!("{from} {arrow} {until}  ")
}

fn set_by_hand(model: &Model, freeze: &Freeze, width: u16) -> Line<'static> {
    let theme = &model.options.theme;
    let cursor = model.freezes.selected == Some(freeze.id);
    let role = if freeze.covers(model.now()) { Role::Frozen } else { Role::Text };
    // F lifts the selected one, and needs the focus here to mean it.
    let lifts = cursor && model.focus == Pane::Freeze;
    let lift = format!(", {} lifts", model.key(&KeyAction::Freeze));
    let lift = if lifts { lift.as_str() } else { "" };
    let owner = format!(" ({}{lift})", freeze.by);
    Row::new(theme, width)
        .cell(if cursor { theme.symbols.cursor } else { " " }, 2, Role::Text)
        .own(span(model, freeze.from, freeze.until, LIFTED), role)
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
    let row = Row::new(theme, width)
        .cell(mark, 2, role)
        .own(span(model, window.from, window.until, UNKNOWN), words);
    // A window of its own says its reason as its why.
    let row = if window.why.contains(&window.reason) {
        row
    } else {
        row.name(&window.reason, Role::Text).gap(2)
    };
    row.name(&window.why, Role::Muted).line()
}
