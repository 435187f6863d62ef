//! The builds on their way through staging, newest first.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::widgets::Paragraph;

use crate::console::age::age;
use crate::console::model::Model;
use crate::console::model::pane::Pane;
use crate::console::theme::Role;
use crate::console::view::parts::frame::ListBorder;
use crate::console::view::parts::lines::draw_empty;
use crate::console::view::parts::row::Row;
use crate::console::view::parts::{frame, progress};
use crate::domain::build::BuildState;
use crate::domain::ids::Environment;
use crate::domain::snapshot::BuildRow;

pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let builds = model.builds();
    let total = model.service.as_ref().map_or(0, |service| service.builds_total);
    let height = usize::from(area.height.saturating_sub(2));
    let offset = model.staging.offset;
    let right = frame::range(offset, height, builds.len(), total);
    // Of all rows, so that scrolling moves no column, and as wide as any time is.
    let columns = StagingColumns {
        number: frame::number_width(builds.iter().map(|row| row.build.number)),
        who: frame::column(builds.iter().map(|row| writers(model, row)), 14).max(6),
        last: if frame::is_wide_list(area) { 15 } else { 10 },
    };
    let heads = columns.heads(area.width.saturating_sub(2));
    let border = ListBorder { rows: &right, heads: &heads, newer: offset };
    let inner = frame::list(model, frame, Pane::Staging, area, border);
    if builds.is_empty() {
        return draw_empty(
            model,
            frame,
            inner,
            Some(Pane::Staging),
            "no builds yet: the next merge to the trunk makes one",
        );
    }
    for (y, build) in (inner.y..inner.bottom()).zip(builds.iter().skip(offset)) {
        let place = Rect { y, height: 1, ..inner };
        frame
            .render_widget(Paragraph::new(line(model, build, inner.width, &columns).line()), place);
        if model.staging.selected == Some(build.build.number) {
            frame::select(model, frame, place, Pane::Staging);
        }
    }
}

/// How wide the columns are whose content differs in width; the subject gets the rest.
struct StagingColumns {
    number: usize,
    who: usize,
    last: usize,
}

impl StagingColumns {
    /// Where each column begins in so many columns, and what it is.
    fn heads(&self, width: u16) -> [(usize, &'static str); 4] {
        let (commit, subject) = (2 + self.number + 13, self.subject(width));
        let by = commit + 8 + subject + 1;
        let since = by + self.who + 1 + self.last - "since".len();
        [(commit, "commit"), (commit + 8, "change"), (by, "by"), (since, "since")]
    }

    fn subject(&self, width: u16) -> usize {
        let Self { number, who, last } = *self;
        usize::from(width).saturating_sub(2 + number + 13 + 8 + 1 + who + 1 + last + 1)
    }
}

fn line<'t>(model: &'t Model, row: &BuildRow, width: u16, columns: &StagingColumns) -> Row<'t> {
    let theme = &model.options.theme;
    let build = &row.build;
    let (glyph, word, role) = state(model, row);
    let (last, last_role) = last(model, row);
    let number = build.number.to_string();
    let StagingColumns { number: digits, who, last: end } = *columns;
    let subject = columns.subject(width);
    let (bad, mark) = (bad_mark(model, row), mark(model, row));
    let subject = subject.saturating_sub(bad.len());
    Row::new(theme, width)
        .own(cursor(model, row), Role::Text)
        .own(mark.0, mark.1)
        .cell(number, digits, if is_live(model, row) { Role::Live } else { Role::Text })
        .cell(format!("{glyph} {word}"), 13, role)
        .cell(build.sha.short(), 8, Role::Muted)
        .own(bad, Role::Danger)
        .outside(build.subject(), subject, Role::Text)
        .gap(1)
        .called(&writers(model, row), who, writer_role(model, row))
        .gap(1)
        .right(progress::within(last, end), end, last_role)
}

fn is_live(model: &Model, row: &BuildRow) -> bool {
    let live = model.service.as_ref().and_then(|s| s.live.get(&Environment::Production));
    live.is_some_and(|live| live.build == row.build.number)
}

fn cursor(model: &Model, row: &BuildRow) -> &'static str {
    let is_selected = model.staging.selected == Some(row.build.number);
    if is_selected { model.options.theme.symbols.cursor } else { " " }
}

/// That it failed and nobody has looked at it, else that it is live in production.
fn mark(model: &Model, row: &BuildRow) -> (&'static str, Role) {
    let symbols = &model.options.theme.symbols;
    match row.build.staging {
        Some(id) if model.failures.has(id) => (symbols.warn, Role::Danger),
        _ if is_live(model, row) => (symbols.live, Role::Live),
        _ => (" ", Role::Text),
    }
}

/// The mark before the subject of a build that has a bad commit.
pub fn bad_mark(model: &Model, row: &BuildRow) -> String {
    let warn = model.options.theme.symbols.warn;
    if row.bad.is_empty() { String::new() } else { format!("{warn} BAD ") }
}

/// Glyph, word and role of a build's state.
#[must_use]
pub fn state(model: &Model, row: &BuildRow) -> (&'static str, &'static str, Role) {
    let symbols = &model.options.theme.symbols;
    match row.state {
        BuildState::Queued => (symbols.queued, "queued", Role::Muted),
        BuildState::Deploying => (symbols.running, "DEPLOYING", Role::Running),
        BuildState::InStaging => (symbols.live, "staging", Role::EnvStaging),
        BuildState::Verified => (symbols.verified, "verified", Role::Ok),
        BuildState::Failed => (symbols.failed, "FAILED", Role::Danger),
        BuildState::Cancelled => (symbols.superseded, "cancelled", Role::Inactive),
        BuildState::Interrupted => (symbols.warn, "INTERRUPTED", Role::Danger),
        BuildState::Broken => (symbols.failed, "BROKEN", Role::Danger),
        BuildState::Superseded => (symbols.superseded, "superseded", Role::Inactive),
        BuildState::NotStaged => (symbols.superseded, "not staged", Role::Inactive),
    }
}

/// The last column: how far it is, where it failed, what overtook it, or for how long it has been there.
fn last(model: &Model, row: &BuildRow) -> (String, Role) {
    let build = &row.build;
    let staging = build.staging.and_then(|id| model.deployment(id));
    match (row.state, staging, build.superseded_by) {
        (BuildState::Deploying, Some(deployment), _) => progress::of(model, deployment),
        (BuildState::Failed, Some(deployment), _) => {
            let step = deployment.deployment.failed_step();
            (step.unwrap_or(deployment.state.as_str()).to_owned(), Role::Danger)
        }
        (BuildState::Broken, ..) => ("trunkline.toml".to_owned(), Role::Danger),
        (BuildState::Superseded, _, Some(by)) => (format!("by {by}"), Role::Inactive),
        (BuildState::NotStaged, ..) if row.staging_note.is_some() => {
            ("not by CI".to_owned(), Role::Warn)
        }
        _ => {
            let since = build.in_staging_since.unwrap_or(build.found_at);
            (age(model.since(since)), Role::Muted)
        }
    }
}

/// `sam`, or `sam +2` when others wrote in it too.
fn writers(model: &Model, row: &BuildRow) -> String {
    match model.writers(row).as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first, others @ ..] => format!("{first} +{}", others.len()),
    }
}

fn writer_role(model: &Model, row: &BuildRow) -> Role {
    let me = model.service.as_ref().map(|service| service.me.actor.to_string());
    let mine = me.is_some_and(|me| model.writers(row).contains(&me.as_str()));
    if mine { Role::AuthorMe } else { Role::AuthorOther }
}
