//! The guards on a rollback. Nothing of ours blocks one: only a target that makes no sense is refused.

use chrono::{DateTime, Utc};

use super::promote::running_now;
use super::{Facts, Finding, Guard, Severity, finding, migration};
use crate::calendar::FreezeState;
use crate::domain::build::Build;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::Environment;
use crate::domain::schema::Verdict;
use crate::domain::time::{between, say};

pub(super) fn findings(
    facts: Facts<'_>,
    target: &Build,
    verdict: Option<&Verdict>,
    now: DateTime<Utc>,
) -> Vec<Finding> {
    let mut findings = vec![order(facts, target), in_flight(facts, target, now)];
    let said = verdict.map(|verdict| migration::on_rollback(facts, target.number, verdict));
    findings.extend(said.into_iter().flatten());
    findings.extend(freeze(facts, now));
    findings.extend(hold(facts));
    findings
}

fn order(facts: Facts<'_>, target: &Build) -> Finding {
    let refuse = |sentence: String| finding(Guard::Order, Severity::Refuse, sentence);
    let Some(live) = facts.state.live(Environment::Production) else {
        return refuse("production has no live build yet".into());
    };
    let number = target.number;
    if !facts.state.was_live(number) {
        return refuse(format!("{number} was never live in production; P promotes it"));
    }
    if number > live.build {
        return refuse(format!(
            "{number} is newer than {}, which is live; P promotes it",
            live.build
        ));
    }
    if number < live.build {
        return finding(Guard::Order, Severity::Info, trouble_free(facts, target));
    }
    let running = facts.state.in_flight(Environment::Production);
    match running.or(facts.state.unsettled(Environment::Production)) {
        Some(attempt) => finding(
            Guard::Order,
            Severity::Info,
            format!(
                "puts {number} back, which was live before {} of {}",
                attempt.id, attempt.request.build
            ),
        ),
        None => refuse(format!("{number} is live already; nothing to roll back")),
    }
}

/// How long the target was live, the last time it was.
fn trouble_free(facts: Facts<'_>, target: &Build) -> String {
    let history = facts.state.live.get(&Environment::Production).map_or(&[][..], Vec::as_slice);
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

fn in_flight(facts: Facts<'_>, target: &Build, now: DateTime<Utc>) -> Finding {
    match facts.state.in_flight(Environment::Production) {
        None => finding(Guard::InFlight, Severity::Info, "nothing else is deploying"),
        Some(running)
            if running.request.kind == DeploymentKind::Rollback
                && running.request.build == target.number
                && running.cancel.is_none() =>
        {
            finding(
                Guard::InFlight,
                Severity::Refuse,
                format!("{}; watch it", running_now(running, now)),
            )
        }
        Some(running) => finding(
            Guard::InFlight,
            Severity::Warn,
            format!("{}; it is cancelled first", running_now(running, now)),
        ),
    }
}

fn freeze(facts: Facts<'_>, now: DateTime<Utc>) -> Option<Finding> {
    let by_hand = facts.state.freezes_at(now).next().is_some();
    let by_calendar = facts.calendar.state == FreezeState::Frozen;
    (by_hand || by_calendar)
        .then(|| finding(Guard::Freeze, Severity::Info, "frozen, which never stops a rollback"))
}

fn hold(facts: Facts<'_>) -> Option<Finding> {
    facts
        .state
        .holds
        .get(&Environment::Production)
        .map(|_| finding(Guard::Hold, Severity::Info, "on hold, which never stops a rollback"))
}
