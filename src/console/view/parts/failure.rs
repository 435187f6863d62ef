//! What is said of something that failed before all else: what went wrong, the error in its log, and what can be done.

use ratatui::text::Line;

use crate::console::actions::action::KeyAction;
use crate::console::actions::{available, entry};
use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::parts::row::Row;
use crate::domain::deployment::StepState;
use crate::domain::event::StepOutcome;
use crate::domain::snapshot::DeploymentRow;
use crate::domain::time::say;
use crate::gate;

/// The most lines of an error in a log.
const MOST_LINES: usize = 3;

/// What helps with a failure, in the order of how often it does.
const HELPS: [KeyAction; 5] = [
    KeyAction::Retry,
    KeyAction::Open,
    KeyAction::ShowLink,
    KeyAction::CopyCommit,
    KeyAction::Changes,
];

/// Everything about a failure; nothing for what did not fail.
pub fn lines(model: &Model, row: &DeploymentRow, width: u16) -> Vec<Line<'static>> {
    let theme = &model.options.theme;
    let room = usize::from(width).saturating_sub(2);
    let Some(text) = model.aftermath(row) else { return Vec::new() };
    let mut lines: Vec<_> = gate::sentence(&text)
        .wrap(room)
        .iter()
        .filter(|line| !line.as_str().is_empty())
        .map(|line| Row::new(theme, width).gap(1).safe(line, Role::Danger).line())
        .collect();
    let outcome = outcome(row).map_or_else(Vec::new, |text| gate::sentence(&text).wrap(room));
    let outcome = outcome.iter().take(MOST_LINES);
    lines.extend(outcome.map(|line| Row::new(theme, width).gap(1).safe(line, Role::Text).line()));
    if let Some(error) = error(model, row) {
        let error = gate::field(&error).wrap(room.saturating_sub(2));
        lines.extend(error.iter().take(MOST_LINES).map(|line| {
            let row = Row::new(theme, width).gap(1).own(theme.symbols.stderr, Role::Danger);
            row.gap(1).safe(line, Role::LogError).line()
        }));
    }
    lines.extend(helps(model, width));
    lines
}

/// `release: exited with 1 after 10s`.
fn outcome(row: &DeploymentRow) -> Option<String> {
    let steps = row.deployment.request.steps.iter().zip(&row.deployment.steps);
    let mut failed = steps.filter_map(|(spec, state)| match state {
        StepState::Ended { outcome, took, .. } if *outcome != StepOutcome::Succeeded => {
            Some(format!("{}: {outcome} after {}", spec.name, say(*took)))
        }
        _ => None,
    });
    failed.next()
}

/// The last error of the log on screen, if that is the log of the step that failed.
fn error(model: &Model, row: &DeploymentRow) -> Option<String> {
    let source = model.log.source.as_ref()?;
    let failed = row.deployment.steps.iter().position(|step| {
        matches!(step, StepState::Ended { outcome, .. } if *outcome != StepOutcome::Succeeded)
    });
    let is_its = source.deployment == row.deployment.id && Some(source.step) == failed;
    if is_its { model.log.pane.last_error() } else { None }
}

/// `T retry  Enter log  o link  y copy`: those that work now, as many as have room.
fn helps(model: &Model, width: u16) -> Option<Line<'static>> {
    let works = |action: &&KeyAction| available::check(model, action).is_ok();
    let mut row = Row::new(&model.options.theme, width).gap(1);
    for action in HELPS.iter().filter(works) {
        let (key, word) = (model.key(action), word(action));
        if row.left() > key.len() + 1 + word.len() {
            row = row.own(key, Role::Key).own(format!(" {word}"), Role::Muted).gap(2);
        }
    }
    (row.taken() > 1).then(|| row.line())
}

fn word(action: &KeyAction) -> &'static str {
    match action {
        KeyAction::Open => "log",
        KeyAction::ShowLink => "link",
        KeyAction::CopyCommit => "copy",
        action => entry(action).hint,
    }
}
