//! How far something that runs is: elapsed, expected, and whether it is late.

use std::time::Duration;

use crate::console::model::Model;
use crate::console::theme::{Role, Theme};
use crate::domain::deployment::DeploymentState;
use crate::domain::snapshot::DeploymentRow;
use crate::domain::time::{is_late, say};

/// `2m10s/~7m`, in the role of something that runs or is late.
#[must_use]
pub fn elapsed(elapsed: Duration, expected: Option<Duration>) -> (String, Role) {
    match expected {
        Some(expected) if is_late(elapsed, expected) => {
            (format!("{}/~{} late", say(elapsed), say(expected)), Role::Warn)
        }
        Some(expected) => (format!("{}/~{}", say(elapsed), say(expected)), Role::Running),
        None => (say(elapsed), Role::Running),
    }
}

/// The same for a deployment, or that it waits.
#[must_use]
pub fn of(model: &Model, row: &DeploymentRow) -> (String, Role) {
    match (row.state, row.deployment.started_at) {
        (DeploymentState::Queued, _) | (_, None) => ("waiting".into(), Role::Muted),
        (_, Some(started)) => elapsed(model.since(started), row.expected),
    }
}

/// As much of it as so many columns have room for: without how long it was to take, but never without that it is late.
#[must_use]
pub fn within(text: String, columns: usize) -> String {
    let late = if text.ends_with(" late") { " late" } else { "" };
    match text.split_once("/~") {
        Some((elapsed, _)) if text.len() > columns => format!("{elapsed}{late}"),
        _ => text,
    }
}

/// A bar of this many columns, filled up to `part` of `whole`.
#[must_use]
pub fn bar(theme: &Theme, part: Duration, whole: Duration, columns: usize) -> String {
    let steps = theme.symbols.progress;
    let (Some(empty), Some(full)) = (steps.first(), steps.last()) else { return String::new() };
    let whole = whole.as_millis().max(1);
    let filled = part.as_millis().min(whole) * columns as u128 / whole;
    let filled = usize::try_from(filled).unwrap_or(columns).min(columns);
    full.repeat(filled) + &empty.repeat(columns - filled)
}
