//! The history of production, newest first.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::widgets::Paragraph;

use crate::console::actions::action::KeyAction;
use crate::console::age::age;
use crate::console::model::Model;
use crate::console::model::pane::Pane;
use crate::console::theme::Role;
use crate::console::view::parts::frame::ListBorder;
use crate::console::view::parts::lines::draw_empty;
use crate::console::view::parts::row::Row;
use crate::console::view::parts::{frame, progress};
use crate::domain::deployment::DeploymentState;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::Environment;
use crate::domain::snapshot::DeploymentRow;
use crate::domain::target::TargetStanding;
use crate::domain::time::say;
use crate::domain::watch::WatchEnd;

pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let history = model.history();
    let total = model.service.as_ref().map_or(0, |service| service.history_total);
    let height = usize::from(area.height.saturating_sub(2));
    let offset = model.production.offset;
    let (rows, in_window) = model.history_on_screen(height);
    let right = frame::range(offset, in_window, history.len(), total);
    // Of all rows, so that scrolling moves no column, and as wide as any time is.
    let columns = ProductionColumns {
        number: frame::number_width(history.iter().map(|row| row.deployment.request.build)),
        state: 12,
        who: frame::column(history.iter().map(|row| row.deployment.by.to_string()), 14).max(6),
        last: 14,
    };
    let heads = columns.heads(area.width.saturating_sub(2));
    // What is live is the first row, and stays on screen.
    let pinned = usize::from(history.first().is_some_and(|row| is_live(model, row)));
    let border = ListBorder { rows: &right, heads: &heads, newer: offset.saturating_sub(pinned) };
    let inner = frame::list(model, frame, Pane::Production, area, border);
    if history.is_empty() {
        let key = model.key(&KeyAction::Promote);
        let is_unknown = model.service.as_ref().is_some_and(|service| service.live_unknown);
        let what = if is_unknown {
            "what is live is not known (trunkline adopt SHA states it)"
        } else {
            "nothing was deployed to production yet"
        };
        let text = format!("{what}: {key} promotes the selected build");
        return draw_empty(model, frame, inner, Some(Pane::Production), &text);
    }
    for (y, row) in (inner.y..inner.bottom()).zip(rows) {
        let place = Rect { y, height: 1, ..inner };
        frame.render_widget(Paragraph::new(line(model, row, inner.width, &columns).line()), place);
        if model.production.selected == Some(row.deployment.id) {
            frame::select(model, frame, place, Pane::Production);
        }
    }
}

/// The cursor, and what the row is beside its state.
const MARKS: usize = 3;

/// How wide the columns are whose content differs in width; the subject gets the rest.
struct ProductionColumns {
    number: usize,
    state: usize,
    who: usize,
    last: usize,
}

impl ProductionColumns {
    /// Where each column begins in so many columns, and what it is.
    fn heads(&self, width: u16) -> [(usize, &'static str); 4] {
        let (commit, subject) = (MARKS + self.number + self.state + 3, self.subject(width));
        let by = commit + 8 + subject + 1;
        let ended = by + self.who + 1 + self.last - "ended".len();
        [(commit, "commit"), (commit + 8, "change"), (by, "by"), (ended, "ended")]
    }

    fn subject(&self, width: u16) -> usize {
        let Self { number, state, who, last } = *self;
        let taken = MARKS + number + state + 3 + 8 + 1 + who + 1 + last + 1;
        usize::from(width).saturating_sub(taken)
    }
}

fn line<'t>(
    model: &'t Model,
    row: &DeploymentRow,
    width: u16,
    columns: &ProductionColumns,
) -> Row<'t> {
    // That of a commit that no build is of stands where the number of a build does.
    let commit = if row.deployment.unknown_commit().is_some() { "" } else { row.sha.short() };
    let (glyph, word, role) = state(model, row);
    let (last, last_role) = last(model, row);
    let ProductionColumns { number: digits, state: word_width, who, last: end } = *columns;
    let (mark, mark_role) = mark(model, row);
    let bad = bad_mark(model, row);
    let targets = targets_mark(model, row);
    let incident = incident_mark(model, row);
    let marks = incident.len() + bad.len() + targets.len();
    let subject = columns.subject(width).saturating_sub(marks);
    let cursor = model.production.selected == Some(row.deployment.id);
    let symbols = &model.options.theme.symbols;
    Row::new(&model.options.theme, width)
        .own(if cursor { symbols.cursor } else { " " }, Role::Text)
        .cell(mark, MARKS - 1, mark_role)
        .cell(
            row.deployment.deployed(),
            digits,
            if is_live(model, row) { Role::Live } else { Role::Text },
        )
        .cell(format!("{glyph} {word}"), word_width + 3, role)
        .cell(commit, 8, Role::Muted)
        .own(incident, Role::Warn)
        .own(bad, Role::Danger)
        .own(targets, Role::Warn)
        .outside(&row.subject, subject, Role::Text)
        .gap(1)
        .called(&row.deployment.by.to_string(), who, Role::AuthorOther)
        .gap(1)
        .right(progress::within(last, end), end, last_role)
}

/// That it failed and nobody has looked at it, or `R→`: that a rollback goes there.
fn mark(model: &Model, row: &DeploymentRow) -> (String, Role) {
    let (id, symbols) = (row.deployment.id, &model.options.theme.symbols);
    if model.failures.has(id) {
        return (format!(" {}", symbols.warn), Role::Danger);
    }
    if model.way_back_row() != Some(id) {
        return (String::new(), Role::Text);
    }
    let key = model.key(&KeyAction::RollBack);
    let key = if key.len() == 1 { key } else { " ".to_owned() };
    (format!("{key}{}", symbols.arrow), Role::Key)
}

/// The incident that a deployment belongs to, before its subject.
fn incident_mark(model: &Model, row: &DeploymentRow) -> String {
    let standing = model.incident_of(row.deployment.id);
    standing.map_or_else(String::new, |standing| format!("{} ", standing.incident.id))
}

/// The mark before the subject of a build that no rollback should go to.
fn bad_mark(model: &Model, row: &DeploymentRow) -> String {
    let warn = model.options.theme.symbols.warn;
    let is_good = model.flaw(row.deployment.request.build).is_none();
    if is_good { String::new() } else { format!("{warn} BAD ") }
}

/// The most columns of the names of targets before a subject.
const LONGEST_TARGETS: usize = 20;

/// The targets that have the build of this deployment, where they differ: `at eu us: `, `at eu us?: ` where one is in doubt.
fn targets_mark(model: &Model, row: &DeploymentRow) -> String {
    let apart = model.service.as_ref().and_then(|s| s.apart(Environment::Production));
    let has = apart.unwrap_or_default().iter();
    let has = has.filter(|target| target.deployment == Some(row.deployment.id));
    let doubt = |of: &TargetStanding| if of.doubt.is_some() { "?" } else { "" };
    let names: Vec<_> = has.map(|of| format!("{}{}", of.target, doubt(of))).collect();
    let all = names.join(" ");
    match names.as_slice() {
        [] => String::new(),
        _ if all.len() <= LONGEST_TARGETS => format!("at {all}: "),
        [one] => format!("at {}: ", one.get(..LONGEST_TARGETS).unwrap_or(one)),
        more => format!("at {} targets: ", more.len()),
    }
}

fn is_live(model: &Model, row: &DeploymentRow) -> bool {
    let live = model.service.as_ref().and_then(|s| s.live.get(&Environment::Production));
    live.is_some_and(|live| live.deployment == row.deployment.id)
}

/// Glyph, word and role of what became of a deployment.
#[must_use]
pub fn state(model: &Model, row: &DeploymentRow) -> (&'static str, &'static str, Role) {
    let symbols = &model.options.theme.symbols;
    let rollback = row.deployment.request.kind == DeploymentKind::Rollback;
    match row.state {
        DeploymentState::Queued => (symbols.queued, "queued", Role::Running),
        DeploymentState::Running if row.deployment.cancel.is_some() => {
            (symbols.running, "CANCELLING", Role::Warn)
        }
        DeploymentState::Running if row.deployment.waits().is_some() => {
            (symbols.queued, "WAITING", Role::Warn)
        }
        DeploymentState::Running if row.deployment.waiting_wave().is_some() => {
            (symbols.queued, "WAITING", Role::Warn)
        }
        DeploymentState::Running if rollback => (symbols.running, "ROLLING BACK", Role::Warn),
        DeploymentState::Running => (symbols.running, "DEPLOYING", Role::Running),
        DeploymentState::Succeeded if row.deployment.unknown_commit().is_some() => {
            (symbols.warn, "NOT KNOWN", Role::Danger)
        }
        DeploymentState::Succeeded if row.deployment.is_partly() => {
            (symbols.warn, "PARTLY", Role::Danger)
        }
        DeploymentState::Succeeded if is_live(model, row) => (symbols.live, "LIVE", Role::Live),
        DeploymentState::Succeeded if was_rolled_back(model, row) => {
            (symbols.rolled_back, "rolled back", Role::Warn)
        }
        DeploymentState::Succeeded => match row.watch {
            Some(WatchEnd::Good) => (symbols.ok, "was good", Role::Inactive),
            Some(WatchEnd::Bad) => (symbols.failed, "was BAD", Role::Warn),
            _ => (symbols.superseded, "was live", Role::Inactive),
        },
        DeploymentState::Failed => (symbols.failed, "FAILED", Role::Danger),
        DeploymentState::Cancelled => (symbols.superseded, "cancelled", Role::Inactive),
        DeploymentState::Interrupted if row.deployment.is_of_restore() => {
            (symbols.warn, "RESTORED", Role::Danger)
        }
        DeploymentState::Interrupted => (symbols.warn, "INTERRUPTED", Role::Danger),
    }
}

/// Whether the next deployment that succeeded in production was a rollback away from this one.
fn was_rolled_back(model: &Model, row: &DeploymentRow) -> bool {
    let rows = model.service.iter().flat_map(|service| &service.deployments);
    let next = rows
        .filter(|other| other.deployment.request.environment == Environment::Production)
        .take_while(|other| other.deployment.id != row.deployment.id)
        .filter(|other| other.deployment.succeeded())
        .last();
    next.is_some_and(|next| {
        let request = &next.deployment.request;
        // One that came back to this very build took away what failed in between.
        request.kind == DeploymentKind::Rollback && request.build != row.deployment.request.build
    })
}

/// The last column: how far it is, or when it ended and for how long it was live.
fn last(model: &Model, row: &DeploymentRow) -> (String, Role) {
    let Some(ended) = &row.deployment.ended else { return progress::of(model, row) };
    let since = model.since(ended.at);
    match row.live_for {
        Some(time) => {
            let live = if time.as_secs() < 60 { say(time) } else { short(time) };
            (format!("{}, {live} live", short(since)), Role::Muted)
        }
        None => (format!("{} ago", age(since)), Role::Muted),
    }
}

/// A span of time in its largest unit, as a column has little room.
fn short(time: std::time::Duration) -> String {
    let age = age(time);
    age.split_inclusive(['s', 'm', 'h', 'd']).next().unwrap_or_default().to_owned()
}
