//! Everything about the selected build or deployment, and who and what is to be known of the service.

use std::collections::BTreeSet;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::console::age::age;
use crate::console::model::Model;
use crate::console::model::areas::is_wide;
use crate::console::model::pane::Pane;
use crate::console::theme::Role;
use crate::console::view::panes::{build_quality, production, staging};
use crate::console::view::parts::fact::{NAME, ago, fact};
use crate::console::view::parts::lines::{draw_empty, draw_lines};
use crate::console::view::parts::row::{Row, called_width};
use crate::console::view::parts::{
    failure, findings, frame, here, incidents, measures, on_call, progress, requests, verdict,
    watch,
};
use crate::domain::deployment::{Deployment, StepState};
use crate::domain::event::StepOutcome;
use crate::domain::ids::{Environment, Sha};
use crate::domain::instant;
use crate::domain::needs::NeedState;
use crate::domain::plan::Severity;
use crate::domain::remote::Waited;
use crate::domain::schema::Outlook;
use crate::domain::snapshot::{BuildRow, DeploymentRow, RollbackPreview};
use crate::domain::time::say;
use crate::domain::words;
use crate::gate;

pub fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let title = match model.list {
        Pane::Production => model.selected_history().map(|row| row.deployment.id.to_string()),
        _ => model.selected_build().map(|row| row.build.number.to_string()),
    };
    let inner = frame::pane(model, frame, Pane::Details, area, &title.unwrap_or_default());
    match lines(model, inner.width) {
        Some(lines) => draw_lines(frame, inner, lines, model.scroll.details),
        None => draw_empty(model, frame, inner, None, "nothing is selected"),
    }
}

/// How many lines in so many columns should be on screen before there is room for something else.
#[must_use]
pub fn needed(model: &Model, width: u16) -> usize {
    let (own, parts) = (selection(model, width), parts(model, width));
    let height = |part: Vec<Line<'_>>| part.len() + usize::from(!part.is_empty());
    own.map_or(0, |lines| lines.len() + parts.into_iter().map(height).sum::<usize>())
}

/// Everything about the selection, and about the service; `None` without a service.
pub fn lines(model: &Model, width: u16) -> Option<Vec<Line<'static>>> {
    model.service.as_ref()?;
    let nothing = || {
        let row = Row::new(&model.options.theme, width).gap(1);
        vec![row.own("nothing is selected", Role::Muted).line()]
    };
    let mut lines = selection(model, width).unwrap_or_else(nothing);
    let parts = parts(model, width).into_iter().chain([measures::lines(model, width)]);
    for part in parts.filter(|part| !part.is_empty()) {
        lines.push(Line::default());
        lines.extend(part);
    }
    Some(lines)
}

/// The selected build or deployment.
fn selection(model: &Model, width: u16) -> Option<Vec<Line<'static>>> {
    match (model.list, model.selected_history(), model.selected_build()) {
        (Pane::Production, Some(row), _) => Some(deployment(model, row, width)),
        (Pane::Staging, _, Some(row)) => Some(build(model, row, width)),
        _ => None,
    }
}

/// Who is concerned with the service now.
fn parts(model: &Model, width: u16) -> Vec<Vec<Line<'static>>> {
    let incidents = incidents::lines(model, width);
    let mut parts = vec![incidents, watch::lines(model, width), on_call::lines(model, width)];
    // The activity lists them where it has its own column.
    if !is_wide(model.area()) {
        parts.extend([here::lines(model, width), requests::lines(model, width)]);
    }
    parts
}

fn build(model: &Model, row: &BuildRow, width: u16) -> Vec<Line<'static>> {
    let (glyph, word, role) = staging::state(model, row);
    let build = &row.build;
    let staging = build.staging.and_then(|id| model.deployment(id));
    let mut lines = opening(model, staging, width);
    lines.extend([fact(model, width, "build")
        .own(format!("{} ", build.number), Role::Accent)
        .own(format!("{glyph} {word}"), role)
        .line()]);
    lines.extend(subject(model, width, build.subject()));
    lines.extend([
        commit(model, width, &build.sha),
        fact(model, width, "merged")
            .own(format!("{}, by ", ago(model, build.found_at)), Role::Text)
            .name(&model.writers(row).join(", "), Role::AuthorOther)
            .line(),
    ]);
    if let Some(note) = &row.staging_note {
        lines.push(fact(model, width, "staging").own(note.clone(), Role::Warn).line());
    }
    if build.off_trunk {
        let text = "no longer on the trunk: it was rewritten";
        lines.push(fact(model, width, "trunk").own(text, Role::Warn).line());
    }
    lines.extend(incidents::of_build(model, build.number, width));
    lines.extend(build_quality::bad(model, build.number, width));
    lines.extend(build_quality::verifications(model, row, width));
    if let Some(staging) = staging {
        lines.push(Line::default());
        lines.extend(steps(model, staging, width));
    }
    if let [_, _, ..] = build.commits.as_slice() {
        lines.push(Line::default());
        lines.extend(commits(model, row, width));
    }
    if is_wide(model.area()) {
        lines.extend(files(model, row, width));
    }
    lines
}

/// The most files that are listed.
const FILES: usize = 12;

/// The files that a build changes, where there is room for them.
fn files(model: &Model, row: &BuildRow, width: u16) -> Vec<Line<'static>> {
    let own = row.build.commits.iter().filter(|commit| !commit.beside);
    let files: BTreeSet<_> = own.flat_map(|commit| &commit.files).collect();
    if files.is_empty() {
        return Vec::new();
    }
    let line = || Row::new(&model.options.theme, width).gap(1);
    let listed = if row.build.more > 0 { ", of the listed commits" } else { "" };
    let title = format!("{}{listed}", words::counted(files.len(), "file"));
    let mut lines = vec![Line::default(), line().own(title, Role::Muted).line()];
    lines.extend(files.iter().take(FILES).map(|file| line().gap(2).name(file, Role::Text).line()));
    let more = files.len().saturating_sub(FILES);
    let more = (more > 0).then(|| format!("and {more} more"));
    lines.extend(more.map(|more| line().gap(2).own(more, Role::Muted).line()));
    lines
}

/// What stands above commits that ship with a build and change nothing of the service's own.
const BESIDE: &str = "outside of the service's paths:";

fn commits(model: &Model, row: &BuildRow, width: u16) -> Vec<Line<'static>> {
    let theme = &model.options.theme;
    let count = row.build.commits.len() + row.build.more as usize;
    let title = words::counted(count, "commit");
    let mut lines = vec![Row::new(theme, width).gap(1).own(title, Role::Muted).line()];
    let (beside, own): (Vec<_>, Vec<_>) = row.build.commits.iter().partition(|c| c.beside);
    let first_beside = beside.first().map(|commit| &commit.sha);
    for commit in own.into_iter().chain(beside.iter().copied()) {
        if Some(&commit.sha) == first_beside {
            let row = Row::new(theme, width).gap(1).own(BESIDE, Role::Muted);
            lines.push(row.line());
        }
        let people = model.service.as_ref().map(|service| &service.people);
        let author = people.map_or(commit.author.name.as_str(), |p| p.call(&commit.author));
        let row = Row::new(theme, width).gap(1).cell(commit.sha.short(), 8, Role::Muted);
        let wide = called_width(author).min(10);
        let room = row.left().saturating_sub(wide + 2);
        lines.push(
            row.outside(&commit.subject, room, Role::Text)
                .gap(1)
                .called(author, wide, Role::AuthorOther)
                .line(),
        );
    }
    lines
}

fn deployment(model: &Model, row: &DeploymentRow, width: u16) -> Vec<Line<'static>> {
    let (glyph, word, role) = production::state(model, row);
    let deployment = &row.deployment;
    let request = &deployment.request;
    let kind = deployment.kind();
    let what = if deployment.is_of_restore() {
        format!("{kind} ")
    } else {
        format!("{kind} of {} ", deployment.deployed())
    };
    let mut lines = opening(model, Some(row), width);
    lines.push(
        fact(model, width, "what")
            .own(what, Role::Accent)
            .own(format!("{glyph} {word}"), role)
            .line(),
    );
    lines.extend(
        request.retries.map(|retried| {
            fact(model, width, "retry of").own(retried.to_string(), Role::Text).line()
        }),
    );
    lines.extend(incidents::of_deployment(model, deployment.id, width));
    lines.extend(way_back(model, row, width));
    lines.extend(subject(model, width, &row.subject));
    let is_known = deployment.unknown_commit().is_none();
    lines.extend(is_known.then(|| commit(model, width, &row.sha)));
    lines.extend([fact(model, width, "asked")
        .name(&deployment.by.to_string(), Role::Text)
        .own(format!(" {}", ago(model, deployment.requested_at)), Role::Text)
        .line()]);
    lines.extend(seen_elsewhere(model, deployment, width));
    if is_known {
        lines.extend(build_quality::bad(model, request.build, width));
    }
    lines.extend(course(model, row, width));
    lines.push(Line::default());
    lines.extend(steps(model, row, width));
    let worth = request.findings.iter().filter(|f| f.severity > Severity::Info);
    for finding in worth {
        lines.extend(findings::lines(model, finding, width));
    }
    lines
}

/// The run of another engine that it is, and its page.
fn seen_elsewhere(model: &Model, deployment: &Deployment, width: u16) -> Vec<Line<'static>> {
    let page = deployment.seen.as_ref().and_then(|seen| seen.page.clone());
    let lines = words::seen_elsewhere(deployment).into_iter().chain(page).enumerate();
    let title = |at| if at == 0 { "made" } else { "" };
    lines.map(|(at, text)| fact(model, width, title(at)).name(&text, Role::Text).line()).collect()
}

/// How a rollback to it would go, as far as that is known without asking for its plan.
fn way_back(model: &Model, row: &DeploymentRow, width: u16) -> Vec<Line<'static>> {
    let request = &row.deployment.request;
    let preview = model.service.as_ref().and_then(|service| service.rollback.as_ref());
    let production = request.environment == Environment::Production;
    let Some(preview) = preview.filter(|_| production) else { return Vec::new() };
    if preview.to == request.build {
        let mut lines = Vec::new();
        if let Some(id) = preview.under_way {
            let text = format!("under way ({id})");
            lines.push(fact(model, width, "rollback").own(text, Role::Running).line());
        } else if let Some(why) = &preview.blocked {
            let row = fact(model, width, "rollback").own("BLOCKED: ", Role::Danger);
            let room = usize::from(width).saturating_sub(NAME + 10);
            lines.push(row.outside(why, room, Role::Danger).line());
        } else if preview.unchecked {
            let text = "UNCHECKED: its trunkline.toml is not read";
            lines.push(fact(model, width, "rollback").own(text, Role::Warn).line());
        }
        // What is known of the schema is said whatever else there is to say.
        if lines.is_empty() || preview.verdict.outlook > Outlook::Safe {
            let place = verdict::VerdictPlace { width, left: 1, name: NAME, most: usize::MAX };
            lines.extend(verdict::lines(model, &preview.verdict, place));
        }
        lines.extend(tried(model, preview, width));
        return lines;
    }
    match preview.verdict.floor {
        Some(floor) if request.build < floor => {
            let text = format!("older than {floor}, the rollback floor");
            vec![fact(model, width, "verdict").own(text, Role::Danger).line()]
        }
        _ => Vec::new(),
    }
}

/// Whether its steps were tried, and which build is the other way after they failed.
fn tried(model: &Model, preview: &RollbackPreview, width: u16) -> Vec<Line<'static>> {
    let Some(tried) = &preview.tried else { return Vec::new() };
    let ago = tried.last.as_ref().map_or_else(String::new, |last| age(model.since(last.at)));
    let (text, role) = (tried.in_words(&ago), verdict::tried_role(model, tried));
    let room = usize::from(width).saturating_sub(NAME + 1);
    let lines = gate::sentence(&text).wrap(room);
    let named = std::iter::once("tried").chain(std::iter::repeat(""));
    let mut lines: Vec<_> = lines
        .iter()
        .zip(named)
        .map(|(line, name)| fact(model, width, name).safe(line, role).line())
        .collect();
    for need in &preview.needs {
        let Some(text) = need.sentence() else { continue };
        let text = instant::localized(&text, model.zone());
        let role = if need.state == NeedState::Missing { Role::Danger } else { Role::Warn };
        let text = gate::sentence(&text).wrap(room);
        lines.extend(text.iter().map(|line| fact(model, width, "").safe(line, role).line()));
    }
    let instead = preview.instead.map(|build| format!("{build}, the good build before"));
    lines.extend(instead.map(|text| fact(model, width, "or").own(text, Role::Text).line()));
    lines
}

/// How long it took, what went wrong, and what was overridden for it.
fn course(model: &Model, row: &DeploymentRow, width: u16) -> Vec<Line<'static>> {
    let deployment = &row.deployment;
    let mut lines = Vec::new();
    if let Some(took) = deployment.took() {
        let usual = row.expected.map_or_else(String::new, |e| format!(", usually {}", say(e)));
        let text = format!("{}{usual}", say(took));
        lines.push(fact(model, width, "took").own(text, Role::Text).line());
    }
    let room = usize::from(width).saturating_sub(NAME + 1);
    for text in deployment.trouble().map(|why| gate::sentence(why).wrap(room)).iter().flatten() {
        lines.push(fact(model, width, "trouble").safe(text, Role::Danger).line());
    }
    if let Some(cancel) = &deployment.cancel {
        let text = format!("{}: {}", cancel.by, cancel.reason);
        lines.push(fact(model, width, "cancelled").name(&text, Role::Warn).line());
    }
    for what in &deployment.left_open {
        lines.push(fact(model, width, "left open").name(what, Role::Warn).line());
    }
    for (guard, reason) in &deployment.request.overrides {
        let text = format!("{guard}: {reason}");
        lines.push(fact(model, width, "override").name(&text, Role::Warn).line());
    }
    lines
}

/// The steps of a deployment with how each went.
pub fn steps(model: &Model, row: &DeploymentRow, width: u16) -> Vec<Line<'static>> {
    let theme = &model.options.theme;
    let title = format!("{} {}", row.deployment.request.environment, row.deployment.id);
    let (time, role) = match row.deployment.took() {
        Some(took) => (say(took), Role::Muted),
        None if row.deployment.is_open() => progress::of(model, row),
        None => (String::new(), Role::Muted),
    };
    let head = Row::new(theme, width).gap(1).own(title, Role::Muted).gap(2).own(time, role);
    let mut lines = vec![head.line()];
    let specs = row.deployment.request.steps.iter().zip(&row.deployment.steps);
    for (at, (spec, state)) in specs.enumerate() {
        let expected = row.steps_expected.get(at).copied().flatten();
        let expected = expected.map(std::time::Duration::from_millis).or(spec.expected);
        let (glyph, text, role) = step(model, state, row.deployment.waited(at), expected);
        lines.push(
            Row::new(theme, width)
                .gap(1)
                .own(format!("{glyph} "), role)
                .called(&spec.name, 14, Role::Text)
                .gap(1)
                .own(text, role)
                .line(),
        );
        // Where several targets stand one below the other, only what goes on or went wrong needs more than its line.
        let is_quiet = spec.target.is_some() && is_quiet(state);
        let page = words::page_elsewhere(&row.deployment, at).map(str::to_owned);
        let elsewhere = words::elsewhere(&row.deployment, at).into_iter().chain(page);
        let elsewhere = elsewhere.filter(|_| !is_quiet);
        lines.extend(
            elsewhere.map(|text| Row::new(theme, width).gap(3).name(&text, Role::Muted).line()),
        );
    }
    lines
}

fn is_quiet(state: &StepState) -> bool {
    matches!(
        state,
        StepState::Waiting
            | StepState::Skipped
            | StepState::Ended { outcome: StepOutcome::Succeeded, .. }
    )
}

fn step(
    model: &Model,
    state: &StepState,
    waited: Option<Waited>,
    expected: Option<std::time::Duration>,
) -> (&'static str, String, Role) {
    let symbols = &model.options.theme.symbols;
    match state {
        StepState::Waiting => (symbols.queued, "waiting".into(), Role::Muted),
        StepState::Skipped => (symbols.superseded, "not run".into(), Role::Inactive),
        StepState::Running { since } => {
            let (text, role) = progress::elapsed(model, *since, waited, expected);
            (symbols.running, text, role)
        }
        StepState::Ended { took, outcome: StepOutcome::Succeeded, .. } => {
            (symbols.ok, say(*took), Role::Ok)
        }
        StepState::Ended { took, outcome, .. } => {
            (symbols.failed, format!("{} after {}", outcome, say(*took)), Role::Danger)
        }
    }
}

/// What went wrong and what can be done, above all else, with an empty line below it.
fn opening(model: &Model, row: Option<&DeploymentRow>, width: u16) -> Vec<Line<'static>> {
    let mut lines = row.map_or_else(Vec::new, |row| failure::lines(model, row, width));
    if !lines.is_empty() {
        lines.push(Line::default());
    }
    lines
}

/// The subject of a commit, whole: it is what people know a build by.
fn subject(model: &Model, width: u16, text: &str) -> Vec<Line<'static>> {
    let lines = gate::field(text).wrap(usize::from(width).saturating_sub(NAME + 2));
    let named = ["subject"].into_iter().chain(std::iter::repeat(""));
    lines
        .iter()
        .zip(named)
        .take(3)
        .map(|(line, name)| fact(model, width, name).safe(line, Role::Text).line())
        .collect()
}

/// The commit's id: all of it, or as much as anyone types.
fn commit(model: &Model, width: u16, sha: &Sha) -> Line<'static> {
    let row = fact(model, width, "commit");
    let text = if row.left() > sha.as_str().len() { sha.as_str() } else { sha.short() };
    row.own(text, Role::Muted).line()
}
