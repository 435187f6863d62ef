//! What a promote ships or a rollback takes away: its commits, authors and files.

use std::collections::{BTreeMap, BTreeSet};

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::console::model::Model;
use crate::console::model::overlay::{ChangesPage, Loading};
use crate::console::theme::Role;
use crate::console::view::overlays::migrations;
use crate::console::view::panes::staging;
use crate::console::view::parts::clock::clock;
use crate::console::view::parts::frame;
use crate::console::view::parts::lines::draw_lines;
use crate::console::view::parts::row::Row;
use crate::domain::commit::{Commit, writers};
use crate::domain::event::DeploymentKind;
use crate::domain::people::People;
use crate::domain::plan::Plan;
use crate::gate;

pub fn draw(model: &Model, page: &ChangesPage, frame: &mut Frame, body: Rect) {
    let theme = &model.options.theme;
    let area = frame::centred(body, 120, body.height);
    let title = match &page.plan {
        Loading::There(plan) => title(plan),
        _ => " Changes ".into(),
    };
    let title = Line::from(Span::styled(title, theme.style(Role::Accent)));
    let inner = frame::overlay(model, frame, area, Role::BorderFocus, title, &frame::closes(model));
    draw_lines(frame, inner, lines(model, page, inner.width), page.scroll);
}

fn title(plan: &Plan) -> String {
    let none = if plan.live_unknown { "what is live (not known)" } else { "nothing" };
    let live = plan.live.as_ref().map_or(none.into(), |live| live.build.to_string());
    match plan.kind {
        DeploymentKind::Rollback => {
            let from = plan.from().map_or(live, |from| from.to_string());
            format!(" Removed by the rollback {from} to {} ", plan.target.build)
        }
        DeploymentKind::Retry if plan.goes_back() => {
            format!(" Removed from staging, {live} to {} ", plan.target.build)
        }
        _ => format!(" Changes from {live} to {} ", plan.target.build),
    }
}

pub fn lines(model: &Model, page: &ChangesPage, width: u16) -> Vec<Line<'static>> {
    let row = || Row::new(&model.options.theme, width).gap(1);
    match &page.plan {
        Loading::Waiting => vec![row().own("making the plan", Role::Muted).line()],
        Loading::Failed(why) => vec![row().own(why, Role::Danger).line()],
        Loading::There(plan) => of_plan(model, plan, width),
    }
}

fn of_plan(model: &Model, plan: &Plan, width: u16) -> Vec<Line<'static>> {
    let row = || Row::new(&model.options.theme, width).gap(1);
    let mut lines = vec![row().own(summary(model, plan), Role::Text).line()];
    let sections = [
        migrations::lines(model, plan, width),
        commits(model, plan, width),
        beside(model, plan, width),
        lost(model, plan, width),
        files(model, plan, width),
        not_in_this_build(model, plan, width),
    ];
    for section in sections.into_iter().filter(|section| !section.is_empty()) {
        lines.push(Line::default());
        lines.extend(section);
    }
    lines
}

fn commits(model: &Model, plan: &Plan, width: u16) -> Vec<Line<'static>> {
    let mut lines: Vec<_> =
        plan.range.own().flat_map(|commit| of_commit(model, commit, width)).collect();
    lines.extend(more(model, plan.range.more.saturating_sub(plan.range.more_beside), width));
    lines
}

/// The commits that change nothing of the service's own paths. Their changes are in the same tree.
fn beside(model: &Model, plan: &Plan, width: u16) -> Vec<Line<'static>> {
    if plan.range.beside_len() == 0 {
        return Vec::new();
    }
    let title = "outside of the service's paths, in the same tree:";
    let row = Row::new(&model.options.theme, width).gap(1);
    let mut lines = vec![row.own(title, Role::Warn).line()];
    lines.extend(plan.range.beside().flat_map(|commit| of_commit(model, commit, width)));
    lines.extend(more(model, plan.range.more_beside, width));
    lines
}

fn more(model: &Model, count: u32, width: u16) -> Option<Line<'static>> {
    let more = format!("and {count} more commits that are not listed");
    let row = Row::new(&model.options.theme, width).gap(1);
    (count > 0).then(|| row.own(more, Role::Muted).line())
}

fn lost(model: &Model, plan: &Plan, width: u16) -> Vec<Line<'static>> {
    if plan.range.lost.is_empty() {
        return Vec::new();
    }
    let text = format!("live commits that {} does not have:", plan.target.build);
    let row = Row::new(&model.options.theme, width).gap(1);
    let mut lines = vec![row.own(text, Role::Warn).line()];
    lines.extend(plan.range.lost.iter().flat_map(|commit| of_commit(model, commit, width)));
    lines
}

fn files(model: &Model, plan: &Plan, width: u16) -> Vec<Line<'static>> {
    let row = || Row::new(&model.options.theme, width).gap(1);
    let touched = touched(plan);
    if touched.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![row().own("files", Role::Muted).line()];
    for (file, times) in touched {
        let often = if times > 1 { format!("  in {times} commits") } else { String::new() };
        lines.push(row().name(file, Role::Text).own(often, Role::Muted).line());
    }
    lines
}

/// The merges on the trunk that are newer than what a promote would put into production.
fn not_in_this_build(model: &Model, plan: &Plan, width: u16) -> Vec<Line<'static>> {
    let target = plan.target.build;
    let builds = model.service.iter().flat_map(|service| &service.builds);
    let newer: Vec<_> =
        builds.filter(|row| row.build.number > target && !row.build.off_trunk).collect();
    if newer.is_empty() || plan.kind == DeploymentKind::Rollback {
        return Vec::new();
    }
    let row = || Row::new(&model.options.theme, width).gap(1);
    let title = format!("newer builds, not in {target}");
    let mut lines = vec![row().own(title, Role::Muted).line()];
    for other in newer {
        let build = &other.build;
        let (glyph, word, role) = staging::state(model, other);
        let row = row().own(build.number.to_string(), Role::Text).gap(1);
        let row = row.cell(format!("{glyph} {word}"), 13, role);
        let row = row.cell(build.sha.short(), 8, Role::Muted);
        let row = row.own(staging::bad_mark(model, other), Role::Danger);
        let left = row.left();
        lines.push(row.outside(build.subject(), left, Role::Text).line());
    }
    lines
}

/// `3 commits by sam and moira, 4 files`, and how many more there are outside of the service's paths.
#[must_use]
pub fn summary(model: &Model, plan: &Plan) -> String {
    let count = |number: usize, noun: &str| match number {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
    };
    let by = |beside: bool| {
        let commits = plan.range.commits.iter().filter(|commit| commit.beside == beside);
        let people = model.service.as_ref().map(|service| &service.people);
        let writers = people.map_or(Vec::new(), |people| writers(commits, people));
        if writers.is_empty() { String::new() } else { format!(" by {}", writers.join(", ")) }
    };
    let (own, beside) = (count(plan.range.own_len(), "commit"), plan.range.beside_len());
    let own = if plan.live_unknown { format!("at least {own}") } else { own };
    let beside = (beside > 0).then(|| format!("; {beside} more{} outside of its paths", by(true)));
    let (by, files) = (by(false), count(plan.range.files(), "file"));
    format!("{own}{by}, {files}{}", beside.unwrap_or_default())
}

/// A commit in one line, and below it where its pull request is, what it takes back, and whether it is known to be bad.
fn of_commit(model: &Model, commit: &Commit, width: u16) -> Vec<Line<'static>> {
    let mut lines = vec![line(model, commit, width)];
    let mut note = |text: &str, role| {
        let row = Row::new(&model.options.theme, width).gap(10);
        let left = row.left();
        lines.push(row.outside(text, left, role).line());
    };
    if let Some(named) = model.quarantined(&commit.sha) {
        let warn = model.options.theme.symbols.warn;
        note(&format!("{warn} BAD by {}: {}", named.by, named.reason), Role::Danger);
    }
    if let Some(request) = &commit.pull_request {
        let link = request.link.as_ref().map_or(String::new(), |link| format!("  {link}"));
        note(&format!("pull request {}{link}", request.number), Role::Muted);
    }
    let people = model.service.as_ref().map(|service| &service.people);
    let points = people.map_or(Vec::new(), |people| beyond_ascii(commit, people));
    if !points.is_empty() {
        note(&format!("not ASCII: {}", points.join(", ")), Role::Warn);
    }
    for reverted in &commit.reverts {
        note(&format!("reverts {}", reverted.short()), Role::Muted);
    }
    lines
}

/// The code points of its writers' names that are not plain ASCII, each once.
pub fn beyond_ascii(commit: &Commit, people: &People) -> Vec<String> {
    let writers = std::iter::once(&commit.author).chain(&commit.co_authors);
    let points = writers.flat_map(|who| gate::field(people.call(who)).code_points());
    points.collect::<BTreeSet<_>>().into_iter().collect()
}

fn line(model: &Model, commit: &Commit, width: u16) -> Line<'static> {
    let people = model.service.as_ref().map(|service| &service.people);
    let call = |who| people.map_or("", |people| people.call(who));
    let authors = std::iter::once(&commit.author).chain(&commit.co_authors).map(call);
    let authors = authors.collect::<Vec<_>>().join(", ");
    let row = Row::new(&model.options.theme, width).gap(1).cell(commit.sha.short(), 8, Role::Muted);
    let subject = row.left().saturating_sub(18 + 14);
    row.outside(&commit.subject, subject, Role::Text)
        .gap(1)
        .called(&authors, 17, Role::AuthorOther)
        .right(clock(model, commit.at), 13, Role::Muted)
        .line()
}

fn touched(plan: &Plan) -> BTreeMap<&str, usize> {
    let mut files = BTreeMap::new();
    for file in plan.range.own().flat_map(|commit| &commit.files) {
        *files.entry(file.as_str()).or_default() += 1;
    }
    files
}
