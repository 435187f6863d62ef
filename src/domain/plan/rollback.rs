//! The guards on a rollback. They refuse only an impossible target or a repeat of the running rollback, and ask for a
//! reason only where a bad target is chosen on purpose.

use chrono::{DateTime, Utc};

use super::promote::{quarantine, running_now};
use super::{Finding, Guard, PlanInput, Severity, finding, migration, read, tried, watched};
use crate::calendar::FreezeState;
use crate::domain::build::Build;
use crate::domain::command::Action;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::Environment;
use crate::domain::remedy::Remedy;
use crate::domain::schema::Verdict;
use crate::domain::time::{between, say};
use crate::domain::way_back;

pub(super) fn findings(
    input: PlanInput<'_>,
    target: &Build,
    action: Action,
    verdict: Option<&Verdict>,
    now: DateTime<Utc>,
) -> Vec<Finding> {
    let mut findings = vec![order(input, target), in_flight(input, target, now)];
    findings.extend(read::findings(input.state, Environment::Production, Severity::Warn));
    let migrations = verdict.map(|verdict| migration::on_rollback(input, target.number, verdict));
    findings.extend(migrations.into_iter().flatten());
    findings.extend(bad_commits(input, target, now));
    findings.extend(skips(input, action));
    findings.extend(tried::by_trunk(action, target.number));
    findings.extend(tried::after_failure(input, target.number, now));
    findings.extend(freeze(input, now));
    findings.extend(hold(input));
    findings.extend(watched::live(input, now));
    findings
}

/// The bad commits of the target. The default target has none.
fn bad_commits(input: PlanInput<'_>, target: &Build, now: DateTime<Utc>) -> Option<Finding> {
    let found = quarantine(input, target, now)?;
    let good = input.state.rollback_target().filter(|to| *to != target.number);
    let is_bad = found.severity > Severity::Info;
    match good.filter(|_| is_bad) {
        Some(to) => Some(found.with(Some(Remedy::RollBack { to }))),
        None => Some(found),
    }
}

/// The builds that a rollback without a target passes over.
fn skips(input: PlanInput<'_>, action: Action) -> Option<Finding> {
    let skipped = match action {
        Action::Rollback { to: None } | Action::RollbackByTrunk { to: None } => {
            input.state.way_back().skipped
        }
        _ => Vec::new(),
    };
    let sentence = format!("Skips {}", way_back::named(&skipped));
    (!skipped.is_empty()).then(|| finding(Guard::Quarantine, Severity::Warn, sentence))
}

fn order(input: PlanInput<'_>, target: &Build) -> Finding {
    let refuse = |sentence: String| finding(Guard::Order, Severity::Refuse, sentence);
    let Some(live) = input.state.live(Environment::Production) else {
        if input.state.is_live_unknown() {
            return refuse("What production runs is not known".into())
                .with(Some(Remedy::Adopt { commit: None }));
        }
        return refuse("Production has no live build yet".into());
    };
    let number = target.number;
    if !input.state.was_live(number) {
        let remedy = (number > live.build).then_some(Remedy::Promote { build: number });
        return refuse(format!("{number} was never live in production")).with(remedy);
    }
    if number > live.build {
        return refuse(format!("{number} is newer than {}, which is live", live.build))
            .with(Some(Remedy::Promote { build: number }));
    }
    if number < live.build {
        let lasted = live_duration(input, target);
        return match input.state.left_by_rollback(number) {
            Some(left) => finding(Guard::Order, Severity::Warn, format!("{lasted}; {left}")),
            None => finding(Guard::Order, Severity::Info, lasted),
        };
    }
    let running = input.state.in_flight(Environment::Production);
    let last = running.or(input.state.unsettled(Environment::Production));
    // What brought another build tells more than a rollback to this one that failed.
    let other = input.state.attempts().rfind(|attempt| attempt.request.build != number);
    match last.map(|last| other.filter(|_| last.request.build == number).unwrap_or(last)) {
        Some(doubt) if input.state.restores.contains(&doubt.id) => finding(
            Guard::Order,
            Severity::Warn,
            format!(
                "Deploys {number} again, the last build in production that the restored record knows; what runs there now is \
                 not known"
            ),
        )
        .with(Some(Remedy::Adopt { commit: None })),
        Some(partly) if partly.succeeded() && partly.request.build == number => finding(
            Guard::Order,
            Severity::Info,
            format!("Deploys {number} to all targets again, after {}", partly.id),
        ),
        Some(attempt)
            if attempt.request.build == number
                && attempt.request.kind == DeploymentKind::Rollback =>
        {
            let sentence = format!("Deploys {number} again: {} did not succeed", attempt.id);
            finding(Guard::Order, Severity::Info, sentence)
        }
        Some(attempt) => finding(
            Guard::Order,
            Severity::Info,
            format!(
                "Restores {number}, which was live before {} of {}",
                attempt.id, attempt.request.build
            ),
        ),
        None => refuse(format!("{number} is already live. Nothing to roll back")),
    }
}

/// That the target was live before, and how long it was the last time.
fn live_duration(input: PlanInput<'_>, target: &Build) -> String {
    let history = input.state.live.get(&Environment::Production).map_or(&[][..], Vec::as_slice);
    let last = history.windows(2).rev().find(|pair| pair[0].build == target.number);
    match last {
        Some([was, next]) => {
            format!(
                "{} was live before, for {}",
                target.number,
                say(between(was.since, next.since))
            )
        }
        _ => format!("{} was live before", target.number),
    }
}

fn in_flight(input: PlanInput<'_>, target: &Build, now: DateTime<Utc>) -> Finding {
    match input.state.in_flight(Environment::Production) {
        None => finding(Guard::InFlight, Severity::Info, "Nothing else is deploying"),
        Some(running)
            if running.request.kind == DeploymentKind::Rollback
                && running.request.build == target.number
                && running.cancel.is_none() =>
        {
            finding(Guard::InFlight, Severity::Refuse, running_now(running, now))
                .with(Some(Remedy::Watch { deployment: running.id }))
        }
        Some(running) if running.is_late() => finding(
            Guard::InFlight,
            Severity::Warn,
            format!("{}. It turned up late and is being cancelled", running_now(running, now)),
        ),
        Some(running) if running.request.kind == DeploymentKind::External => finding(
            Guard::InFlight,
            Severity::Warn,
            format!("{}, outside of trunkline. Cancel it there", running_now(running, now)),
        ),
        Some(running) => finding(
            Guard::InFlight,
            Severity::Warn,
            format!("{}. It is cancelled first", running_now(running, now)),
        ),
    }
}

fn freeze(input: PlanInput<'_>, now: DateTime<Utc>) -> Option<Finding> {
    let by_hand = input.state.freezes_at(now).next().is_some();
    let by_calendar = input.calendar.state == FreezeState::Frozen;
    (by_hand || by_calendar)
        .then(|| finding(Guard::Freeze, Severity::Info, "Frozen, but rollbacks stay allowed"))
}

fn hold(input: PlanInput<'_>) -> Option<Finding> {
    input
        .state
        .holds
        .get(&Environment::Production)
        .map(|_| finding(Guard::Hold, Severity::Info, "On hold, but rollbacks stay allowed"))
}
