//! `trunkline status`: shows what is live, what is running and what blocks a promote.

use chrono::{DateTime, Utc};
use clap::Args;

use super::context::Context;
use super::error::CliError;
use super::wording::{ago, from_now, how_it_goes, instant, sentence};
use super::{Reading, output, remedy};
use crate::calendar::FreezeState;
use crate::domain::ids::Environment;
use crate::domain::remedy::Remedy;
use crate::domain::snapshot::alarm::Alarm;
use crate::domain::snapshot::{FleetRow, FleetSnapshot, Problem, ServiceSnapshot};
use crate::domain::stops::Freeze;
use crate::domain::stops::evaluate_freezes;
use crate::domain::time::{between, say};
use crate::domain::way_back::named;

#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    reading: Reading,
}

/// Prints one service with `--service`, else the fleet.
pub async fn run(context: &Context, arguments: StatusArgs) -> Result<(), CliError> {
    if let Some(service) = context.named() {
        let snapshot = context.snapshot(service).await?;
        return if arguments.reading.json {
            output::json(&snapshot)
        } else {
            context.out.lines(service_lines(&snapshot))
        };
    }
    let fleet = context.fleet().await?;
    if arguments.reading.json {
        return output::json(&fleet);
    }
    context.out.lines(problem_lines(&fleet.problems))?;
    if let [only] = fleet.services.as_slice() {
        let snapshot = context.snapshot(&only.service).await?;
        return context.out.lines(service_lines(&snapshot));
    }
    let rows: Vec<_> = fleet.services.iter().map(|row| fleet_row(row, &fleet)).collect();
    context.out.table(&rows)
}

fn fleet_row(row: &FleetRow, fleet: &FleetSnapshot) -> Vec<String> {
    let now = fleet.at;
    let none = if row.live_unknown { "live not known" } else { "nothing live" };
    let live = row.live.as_ref().map_or(none.to_owned(), |live| {
        format!("{} live since {}", live.build, say(between(live.since, now)))
    });
    let mut notes: Vec<_> = row.alarms.iter().map(Alarm::sentence).collect();
    if let Some(running) = &row.running {
        let since = say(between(running.since, now));
        notes.push(format!(
            "{} of {} to {}, {since}",
            running.kind, running.build, running.environment
        ));
    }
    notes.extend(row.freeze.as_ref().map(|freeze| freeze_line(freeze, now)));
    notes.extend(row.calendar.as_ref().map(|window| {
        let until = window.until.map_or(String::new(), |at| format!(" until {}", instant(at)));
        format!("frozen{until} by {}", window.why)
    }));
    notes.extend(row.hold.as_ref().map(|hold| format!("on hold by {}: {}", hold.by, hold.reason)));
    match row.problems {
        0 => {}
        1 => notes.push("1 problem".to_owned()),
        more => notes.push(format!("{more} problems")),
    }
    let ahead = if row.live_unknown { "?".to_owned() } else { row.ahead.to_string() };
    vec![row.service.to_string(), live, format!("{ahead} ahead"), notes.join("; ")]
}

fn service_lines(snapshot: &ServiceSnapshot) -> Vec<String> {
    let mut lines = vec![format!(
        "{} ({} of {})",
        snapshot.service,
        snapshot.trunk_in_words(),
        snapshot.repository
    )];
    for environment in [Environment::Production, Environment::Staging] {
        lines.push(format!("  {environment:<12}{}", live(snapshot, environment)));
    }
    lines.extend(
        snapshot.alarms.iter().map(|alarm| format!("  {:<12}{}", "attention", alarm.sentence())),
    );
    lines.push(format!("  {:<12}{}", "rollback", rollback(snapshot)));
    for row in snapshot.deployments.iter().filter(|row| row.deployment.is_open()) {
        let (deployment, request) = (&row.deployment, &row.deployment.request);
        lines.push(format!(
            "  {:<12}{} of {} to {} by {} ({}): {}",
            "running",
            request.kind,
            request.build,
            request.environment,
            deployment.by,
            deployment.id,
            how_it_goes(deployment, snapshot.at)
        ));
    }
    for (environment, hold) in &snapshot.holds {
        let since = ago(hold.at, snapshot.at);
        lines.push(format!(
            "  {:<12}{environment} by {} {since}: {}",
            "on hold", hold.by, hold.reason
        ));
    }
    for request in snapshot.requests.iter().filter(|request| request.is_open(snapshot.at)) {
        let since = ago(request.at, snapshot.at);
        lines.push(format!(
            "  {:<12}promoter for {} by {} {since}: {}",
            "request", request.build, request.by, request.note
        ));
    }
    for freeze in &snapshot.freezes {
        lines.push(format!("  {:<12}{}", "freeze", freeze_line(freeze, snapshot.at)));
    }
    lines.extend(by_calendar(snapshot));
    lines.extend(problem_lines(&snapshot.problems));
    lines
}

fn live(snapshot: &ServiceSnapshot, environment: Environment) -> String {
    let Some(live) = snapshot.live.get(&environment) else {
        let is_unknown = environment == Environment::Production && snapshot.live_unknown;
        return if is_unknown { live_unknown() } else { "nothing yet".to_owned() };
    };
    let build = snapshot.builds.iter().find(|row| row.build.number == live.build);
    let subject = build.map_or("", |row| row.build.subject());
    let broken = snapshot.alarms.iter().find_map(|alarm| match alarm {
        Alarm::InDoubt { environment: at, deployment, .. } if *at == environment => {
            Some(format!(" (unsettled: {deployment} did not succeed)"))
        }
        _ => None,
    });
    let broken = broken.unwrap_or_default();
    format!("{} {} {subject}{broken}", live.build, ago(live.since, snapshot.at))
}

/// What is said of production where it ran before trunkline.
fn live_unknown() -> String {
    format!("not known{}", remedy::after(Some(&Remedy::Adopt { commit: None })))
}

fn rollback(snapshot: &ServiceSnapshot) -> String {
    let Some(rollback) = &snapshot.rollback else {
        return match named(&snapshot.skipped) {
            _ if snapshot.live_unknown => "none: what is live is not known".to_owned(),
            skipped if skipped.is_empty() => "no earlier build".to_owned(),
            skipped => format!("no earlier build is good: {skipped}"),
        };
    };
    let was_live = rollback.was_live.map(|at| format!(", live {}", ago(at, snapshot.at)));
    let takes = rollback.expected.map(|takes| format!(", about {}", say(takes)));
    let (was_live, takes) = (was_live.unwrap_or_default(), takes.unwrap_or_default());
    let how = match (rollback.under_way, &rollback.blocked) {
        (Some(id), _) => format!("under way ({id})"),
        (None, Some(why)) => format!("BLOCKED: {why}"),
        (None, None) if rollback.unchecked => "its trunkline.toml is not read".to_owned(),
        (None, None) => rollback.verdict.headline(),
    };
    let skips = match named(&snapshot.skipped) {
        skipped if skipped.is_empty() => skipped,
        skipped => format!("; skips {skipped}"),
    };
    let left = rollback.left.as_ref().map_or(String::new(), |left| format!("; {left}"));
    format!("{}{was_live}{takes}, {how}{left}{skips}", rollback.to)
}

fn freeze_line(freeze: &Freeze, now: DateTime<Utc>) -> String {
    let begins = if freeze.covers(now) {
        "now".to_owned()
    } else {
        format!("{} ({})", instant(freeze.from), from_now(freeze.from, now))
    };
    let ends = freeze.until.map_or("lifted".to_owned(), instant);
    format!("{} {begins} until {ends} by {}: {}", freeze.id, freeze.by, freeze.reason)
}

/// The calendar freeze in force now, if any.
fn by_calendar(snapshot: &ServiceSnapshot) -> Option<String> {
    let standing = evaluate_freezes(&snapshot.calendar, &[], snapshot.at);
    let until = standing.lasts_until.map_or("with no known end".to_owned(), |at| {
        format!("until {} ({})", instant(at), from_now(at, snapshot.at))
    });
    let state = match standing.state {
        FreezeState::Open => return None,
        state => state.as_str(),
    };
    Some(format!("  {:<12}{state} {until}: {}", "calendar", standing.why()))
}

fn problem_lines(problems: &[Problem]) -> Vec<String> {
    problems
        .iter()
        .map(|problem| format!("  problem     {}; {}", sentence(&problem.what), problem.remedy))
        .collect()
}
