//! How the last deployments went: a bar for how long each took, and how many failed.

use std::time::Duration;

use ratatui::text::Line;

use crate::console::model::Model;
use crate::console::theme::Role;
use crate::console::view::parts::row::Row;
use crate::domain::deployment::DeploymentState;
use crate::domain::ids::Environment;
use crate::domain::snapshot::DeploymentRow;
use crate::domain::time::say;

/// The most deployments that are looked at.
const LAST: usize = 20;
/// How wide the names on the left are.
const NAME: usize = 11;

/// Two lines for each environment, and what they are about above them; nothing where nothing ended.
pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let of = |environment| of_environment(model, environment, width);
    let lines: Vec<_> =
        [Environment::Staging, Environment::Production].into_iter().filter_map(of).collect();
    if lines.is_empty() {
        return Vec::new();
    }
    let title = "deploy times and failures, newest right";
    let title = Row::new(&model.options.theme, width).gap(1).own(title, Role::Muted).line();
    std::iter::once(title).chain(lines.into_iter().flatten()).collect()
}

/// `staging    2 of 20 failed, median 40s`, and a bar for each of them below it.
fn of_environment(
    model: &Model,
    environment: Environment,
    width: u16,
) -> Option<[Line<'static>; 2]> {
    let symbols = &model.options.theme.symbols;
    let rows = model.service.iter().flat_map(|service| &service.deployments);
    let rows = rows.filter(|row| row.deployment.request.environment == environment);
    let rows: Vec<_> = rows.filter(|row| took(row).is_some()).take(LAST).collect();
    let good: Vec<_> = rows.iter().filter(|row| !is_failed(row)).copied().collect();
    let failed = rows.len() - good.len();
    if rows.is_empty() {
        return None;
    }
    let mut times: Vec<_> = good.iter().filter_map(|row| took(row)).collect();
    times.sort_unstable();
    let median = times.get(times.len() / 2);
    let median = median.map_or_else(String::new, |time| format!(", median {}", say(*time)));
    let row =
        |name: &str| Row::new(&model.options.theme, width).gap(1).cell(name, NAME, Role::Muted);
    let role = if failed == 0 { Role::Muted } else { Role::Danger };
    let words = row(environment.as_str())
        .own(format!("{failed} of {} failed", rows.len()), role)
        .own(median, Role::Muted);
    let most = times.last().copied().unwrap_or_default().as_millis().max(1);
    let bars = rows.iter().rev().fold(row(""), |row, of| {
        if is_failed(of) {
            return row.own(symbols.failed, Role::Danger);
        }
        let time = took(of).unwrap_or_default().as_millis();
        let step = usize::try_from(time * (symbols.bars.len() as u128 - 1) / most).unwrap_or(0);
        let bar = symbols.bars[step.min(symbols.bars.len() - 1)];
        row.own(bar.to_string(), Role::Accent)
    });
    Some([words.line(), bars.line()])
}

/// How long it took, if it says how a deployment of ours goes: one that was cancelled or only stated does not.
fn took(row: &DeploymentRow) -> Option<Duration> {
    let counts = row.state == DeploymentState::Succeeded || is_failed(row);
    row.deployment.took().filter(|_| counts && !row.deployment.is_said())
}

fn is_failed(row: &DeploymentRow) -> bool {
    matches!(row.state, DeploymentState::Failed | DeploymentState::Interrupted)
}
