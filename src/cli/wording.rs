//! Times, authors and outcomes as several commands print them.

use chrono::{DateTime, Utc};

use super::zone;
use crate::domain::build::Build;
use crate::domain::deployment::{Deployment, DeploymentState, StepState};
use crate::domain::instant;
use crate::domain::people::People;
use crate::domain::time::{between, say};

/// `2m10s ago`.
pub fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    format!("{} ago", say(between(at, now)))
}

/// `in 3h` or `2m ago`.
pub fn from_now(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    if at > now { format!("in {}", say(between(now, at))) } else { ago(at, now) }
}

/// `Fri 2026-11-27 06:00 CET`.
pub fn instant(at: DateTime<Utc>) -> String {
    instant::local(at, zone::local())
}

/// `2026-11-27 06:00:09 CET`.
pub fn to_the_second(at: DateTime<Utc>) -> String {
    instant::to_the_second(at, zone::local())
}

/// A sentence of the engine, with its times in the user's zone.
pub fn sentence(text: &str) -> String {
    instant::localized(text, zone::local())
}

/// Who wrote a build: one name, or `sam +2`.
pub fn writers(build: &Build, people: &People) -> String {
    match build.writers(people).as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first, rest @ ..] => format!("{first} +{}", rest.len()),
    }
}

/// `succeeded in 12s`, `failed: release: exit 1`, `running release, 4s`.
pub fn how_it_goes(deployment: &Deployment, now: DateTime<Utc>) -> String {
    let state = deployment.state();
    match (state, deployment.took()) {
        (DeploymentState::Succeeded, Some(took)) => format!("succeeded in {}", say(took)),
        (DeploymentState::Running, _) if deployment.cancel.is_some() => {
            format!("being cancelled, {}", running(deployment, now))
        }
        (DeploymentState::Running, _) => running(deployment, now),
        (DeploymentState::Failed | DeploymentState::Interrupted, _) => {
            format!(
                "{}: {}",
                state.as_str(),
                deployment.trouble().unwrap_or("the reason is unknown")
            )
        }
        _ => state.as_str().to_owned(),
    }
}

fn running(deployment: &Deployment, now: DateTime<Utc>) -> String {
    let since = deployment.started_at.unwrap_or(deployment.requested_at);
    let step = deployment
        .steps
        .iter()
        .zip(&deployment.request.steps)
        .find(|(state, _)| matches!(state, StepState::Running { .. }));
    let what = step.map_or("running".to_owned(), |(_, spec)| format!("running {}", spec.name));
    format!("{what}, {}", say(between(since, now)))
}
