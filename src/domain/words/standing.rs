//! How a service stands: what is live, what a rollback would do, what runs and what blocks a promote.

use chrono::{DateTime, Utc};

use super::{about, ago, asked_for, from_now, how_it_goes, on_call, watch};
use crate::calendar::{FreezeState, Tz};
use crate::domain::deployment::DeploymentState;
use crate::domain::ids::{BuildNumber, Environment};
use crate::domain::instant::{local, localized};
use crate::domain::leftovers::{Leftovers, STAYS_BEHIND};
use crate::domain::snapshot::alarm::Alarm;
use crate::domain::snapshot::{FleetRow, FleetSnapshot, Problem, ServiceSnapshot};
use crate::domain::stops::{Freeze, evaluate_freezes};
use crate::domain::target::{differ, in_words};
use crate::domain::time::{between, say};
use crate::domain::watch::evidence;
use crate::domain::way_back::named;

/// What is said of an environment of which nobody knows what it runs.
pub const LIVE_UNKNOWN: &str = "not known";

/// What the line of a deployment between two waves is about.
pub const WAVE: &str = "wave";

/// What the line of an incident is about.
pub const INCIDENT: &str = "incident";

/// A line of [`lines`]: what it is about, and the sentence.
pub type StandingLine = (&'static str, String);

/// Where a build is live: `production`, or `production at eu us` where targets differ.
#[must_use]
pub fn places(snapshot: &ServiceSnapshot, build: BuildNumber) -> Vec<String> {
    let place = |environment: Environment| {
        if let Some(targets) = snapshot.apart(environment) {
            let has = targets.iter().filter(|to| to.doubt.is_none() && to.build == Some(build));
            let names: Vec<_> = has.map(|target| target.target.as_str()).collect();
            return (!names.is_empty()).then(|| format!("{environment} at {}", names.join(" ")));
        }
        let live = snapshot.live.get(&environment).filter(|live| live.build == build);
        live.map(|_| environment.to_string())
    };
    [Environment::Staging, Environment::Production].into_iter().filter_map(place).collect()
}

/// The lines of a service, the most important ones first.
#[must_use]
pub fn lines(snapshot: &ServiceSnapshot, zone: Tz) -> Vec<StandingLine> {
    let now = snapshot.at;
    let mut lines: Vec<_> = [Environment::Production, Environment::Staging]
        .map(|environment| (environment.as_str(), live(snapshot, environment)))
        .into();
    lines.extend(snapshot.alarms.iter().map(|alarm| ("attention", alarm.sentence())));
    lines.extend(snapshot.users_question.as_ref().map(|asked| ("asked", asked.sentence())));
    let unfinished = snapshot.incidents.iter().filter(|incident| incident.is_unfinished());
    lines.extend(unfinished.map(|incident| (INCIDENT, incident.sentence(now))));
    lines.extend(snapshot.wave.as_ref().map(|wave| (WAVE, wave.in_words(now))));
    lines.extend(watch::lines(snapshot));
    lines.push(("rollback", rollback(snapshot)));
    for row in snapshot.deployments.iter().filter(|row| row.deployment.is_open()) {
        let deployment = &row.deployment;
        let text = format!(
            "{} by {} ({}): {}",
            about(deployment),
            deployment.by,
            deployment.id,
            how_it_goes(deployment, now)
        );
        lines.push(("running", text));
    }
    for (environment, hold) in &snapshot.holds {
        let since = ago(hold.at, now);
        let about = hold.rollback.and_then(|rollback| {
            snapshot.incidents.iter().find(|of| of.incident.is_about(rollback))
        });
        let about = about.map(|of| format!("; incident {}", of.incident.id)).unwrap_or_default();
        let (by, reason) = (&hold.by, &hold.reason);
        lines.push(("on hold", format!("{environment} by {by} {since}: {reason}{about}")));
        lines.extend(hold.left.as_deref().and_then(to_tick).map(|text| ("to tick", text)));
    }
    for request in snapshot.requests.iter().filter(|request| request.is_open(now)) {
        let since = ago(request.at, now);
        let text =
            format!("promoter for {} by {} {since}: {}", request.build, request.by, request.note);
        lines.push(("request", text));
    }
    let present = &snapshot.present;
    let on_call = on_call::sentence(snapshot, present, now, zone, |at| local(at, zone));
    lines.extend(on_call.map(|text| (on_call::ON_CALL, text)));
    let others = snapshot.present.iter().filter(|person| person.actor != snapshot.me.actor);
    lines.extend(others.map(|person| {
        let since = say(between(person.since, now));
        let only = if person.may_act { "" } else { ", only reads" };
        ("here now", format!("{} for {since}{only}", person.actor))
    }));
    lines.extend(snapshot.freezes.iter().map(|of| ("freeze", freeze(of, now, zone))));
    lines.extend(calendar(snapshot, zone).map(|text| ("calendar", text)));
    lines.extend(snapshot.problems.iter().map(|of| ("problem", problem(of, zone))));
    lines
}

/// What a rollback left behind and nobody has ticked.
fn to_tick(left: &Leftovers) -> Option<String> {
    let count = left.count()?;
    match left.open_in_words() {
        open if open.is_empty() => Some(format!("{STAYS_BEHIND}: {count}")),
        open => Some(format!("{STAYS_BEHIND}: {count}: {open}")),
    }
}

fn live(snapshot: &ServiceSnapshot, environment: Environment) -> String {
    let apart = snapshot.apart(environment).map(in_words);
    let Some(live) = snapshot.live.get(&environment) else {
        if let Some(targets) = apart {
            return targets;
        }
        let is_unknown = match environment {
            Environment::Production => snapshot.live_unknown,
            Environment::Staging => snapshot.staging_unknown,
        };
        return if is_unknown { LIVE_UNKNOWN } else { "nothing yet" }.to_owned();
    };
    if environment == Environment::Staging && snapshot.staging_unknown {
        let why = "the record was restored from a copy";
        return format!("not known: {why} in which {} was there", live.build);
    }
    let build = snapshot.builds.iter().find(|row| row.build.number == live.build);
    let subject = build.map_or("", |row| row.build.subject());
    let broken = snapshot.alarms.iter().find_map(|alarm| match alarm {
        Alarm::InDoubt { environment: at, unknown: Some(_), .. } if *at == environment => {
            Some(" (the last that is known; see below)".to_owned())
        }
        Alarm::Drift { environment: at, record, by, .. } if *at == environment => {
            Some(format!(" ({by} says so; trunkline's record says {record})"))
        }
        Alarm::InDoubt { environment: at, deployment, state, .. } if *at == environment => {
            Some(match state {
                DeploymentState::Succeeded => format!(" (unsettled since {deployment})"),
                _ => format!(" (unsettled: {deployment} did not succeed)"),
            })
        }
        _ => None,
    });
    let broken = broken.unwrap_or_default();
    if let Some(targets) = apart {
        return format!("{targets}{broken}");
    }
    let seen = match snapshot.heard.get(&environment) {
        Some(all) if broken.is_empty() => format!(" ({all} of {all} say so)"),
        None if environment == Environment::Production && broken.is_empty() => {
            let unheard = snapshot.unheard;
            unheard
                .map_or_else(String::new, |id| format!(" (its targets were not heard since {id})"))
        }
        _ => String::new(),
    };
    let evidence = match environment {
        Environment::Staging if !snapshot.watches.contains_key(&environment) => String::new(),
        _ => format!(", {}", snapshot.evidence_in_words(environment, snapshot.at)),
    };
    let since = ago(live.since, snapshot.at);
    format!("{} {since}{evidence} {subject}{broken}{seen}", live.build)
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
    let how = rollback.outlook_in_words(snapshot.at);
    let skips = match named(&snapshot.skipped) {
        skipped if skipped.is_empty() => skipped,
        skipped => format!("; skips {skipped}"),
    };
    let left = rollback.left.as_ref().map_or(String::new(), |left| format!("; {left}"));
    format!("{}{was_live}{takes}, {how}{left}{skips}", rollback.to)
}

fn freeze(freeze: &Freeze, now: DateTime<Utc>, zone: Tz) -> String {
    let begins = if freeze.covers(now) {
        "now".to_owned()
    } else {
        format!("{} ({})", local(freeze.from, zone), from_now(freeze.from, now))
    };
    let ends = freeze.until.map_or("lifted".to_owned(), |at| local(at, zone));
    format!("{} {begins} until {ends} by {}: {}", freeze.id, freeze.by, freeze.reason)
}

/// The calendar freeze in force now, if any.
fn calendar(snapshot: &ServiceSnapshot, zone: Tz) -> Option<String> {
    let standing = evaluate_freezes(&snapshot.calendar, &[], snapshot.at);
    let until = standing.lasts_until.map_or("with no known end".to_owned(), |at| {
        format!("until {} ({})", local(at, zone), from_now(at, snapshot.at))
    });
    let state = match standing.state {
        FreezeState::Open => return None,
        state => state.as_str(),
    };
    Some(format!("{state} {until}: {}", standing.why()))
}

/// What is wrong, and what to do about it.
#[must_use]
pub fn problem(problem: &Problem, zone: Tz) -> String {
    format!("{}; {}", localized(&problem.what, zone), problem.remedy)
}

/// A service of the fleet: what is live, how many builds are ahead, and what else is to be known.
#[must_use]
pub fn in_fleet(row: &FleetRow, fleet: &FleetSnapshot, zone: Tz) -> [String; 3] {
    let now = fleet.at;
    let none = if row.live_unknown { "live not known" } else { "nothing live" };
    let live = row.live.as_ref().map_or(none.to_owned(), |live| {
        let evidence = evidence(Some(live), row.watch.as_deref(), now);
        format!("{} live since {}, {evidence}", live.build, say(between(live.since, now)))
    });
    let live = if differ(&row.targets) { in_words(&row.targets) } else { live };
    let mut notes: Vec<_> = row.alarms.iter().map(Alarm::sentence).collect();
    notes.extend(row.incidents.iter().map(|incident| incident.sentence(now)));
    notes.extend(row.users_question.as_ref().map(|asked| asked.sentence()));
    if let Some(running) = &row.running {
        let since = say(between(running.since, now));
        let what = asked_for(running.kind, running.build, running.environment);
        notes.push(match &row.wave {
            Some(wave) if wave.deployment == running.deployment => wave.in_words(now),
            _ => format!("{what}, {since}"),
        });
    }
    notes.extend(row.freeze.as_ref().map(|of| freeze(of, now, zone)));
    notes.extend(row.calendar.as_ref().map(|window| {
        let until = window.until.map_or(String::new(), |at| format!(" until {}", local(at, zone)));
        format!("frozen{until} by {}", window.why)
    }));
    notes.extend(row.hold.as_ref().map(|hold| {
        let left = hold.left.as_deref().and_then(Leftovers::count);
        let left = left.map_or_else(String::new, |count| format!(" ({STAYS_BEHIND}: {count})"));
        format!("on hold by {}: {}{left}", hold.by, hold.reason)
    }));
    match row.problems {
        0 => {}
        1 => notes.push("1 problem".to_owned()),
        more => notes.push(format!("{more} problems")),
    }
    let ahead = if row.live_unknown { "?".to_owned() } else { row.ahead.to_string() };
    [live, format!("{ahead} ahead"), notes.join("; ")]
}
