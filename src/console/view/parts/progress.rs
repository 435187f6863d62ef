//! How far something that runs is: elapsed, expected, and whether it is late.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::console::model::Model;
use crate::console::theme::{Role, Theme};
use crate::domain::deployment::DeploymentState;
use crate::domain::remote::Waited;
use crate::domain::snapshot::DeploymentRow;
use crate::domain::time::{is_late, say};

/// `2m10s/~7m` of something that began then, in the role of something that runs or is late. What waits for people or a timer
/// is not late, and what did counts from the end of that wait.
#[must_use]
pub fn elapsed(
    model: &Model,
    since: DateTime<Utc>,
    waited: Option<Waited>,
    expected: Option<Duration>,
) -> (String, Role) {
    let elapsed = say(model.since(since));
    let counts = model.since(waited.map_or(since, |waited| waited.at.max(since)));
    match expected {
        _ if waited.is_some_and(|waited| !waited.is_over) => {
            (format!("waits {}", say(counts)), Role::Warn)
        }
        Some(expected) if is_late(counts, expected) => {
            (format!("{elapsed}/~{} late", say(expected)), Role::Warn)
        }
        Some(expected) => (format!("{elapsed}/~{}", say(expected)), Role::Running),
        None => (elapsed, Role::Running),
    }
}

/// The same for a deployment, or that it waits.
#[must_use]
pub fn of(model: &Model, row: &DeploymentRow) -> (String, Role) {
    let deployment = &row.deployment;
    let started = deployment.started_at.filter(|_| row.state != DeploymentState::Queued);
    let Some(started) = started else { return ("waiting".into(), Role::Muted) };
    if let Some(wait) = deployment.waiting_wave() {
        return (format!("wave {}/{}", wait.number, wait.of), Role::Running);
    }
    elapsed(model, started, deployment.waited_now(), row.expected)
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
