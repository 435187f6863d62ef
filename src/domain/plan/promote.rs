//! The guards on a promote. Only order and in-flight can refuse; everything else yields to a typed reason.

use chrono::{DateTime, Utc};

use super::{Finding, Guard, PlanInput, Severity, finding, migration};
use crate::calendar::{FreezeState, FreezeWindow};
use crate::domain::build::Build;
use crate::domain::deployment::Deployment;
use crate::domain::ids::Environment;
use crate::domain::people::{Actor, Identity};
use crate::domain::policy::VerifyBy;
use crate::domain::quarantine::{Contained, Quarantined};
use crate::domain::time::{between, say};

pub(super) fn findings(
    input: PlanInput<'_>,
    target: &Build,
    actor: &Actor,
    now: DateTime<Utc>,
) -> Vec<Finding> {
    let mut findings = vec![
        order(input, target),
        in_flight(input, now),
        verified(input, target, now),
        soak(input, target, now),
        freeze(input, now),
        hold(input, now),
        author(input, actor),
    ];
    findings.extend(migration::on_promote(input, target, now));
    findings.extend(quarantine(input, target, now));
    findings.extend(big_batch(input));
    findings.extend(skipped(input, target));
    findings.extend(rewritten(input, target));
    findings
}

fn author(input: PlanInput<'_>, actor: &Actor) -> Finding {
    if input.range.is_empty() {
        return finding(Guard::Author, Severity::Info, "no new commits, so nobody's own work");
    }
    if !input.people.knows(actor) {
        return finding(
            Guard::Author,
            Severity::Override,
            format!(
                "nobody can tell whether you wrote these commits: add the addresses of {actor} to [people] in trunkline.toml"
            ),
        );
    }
    let is_me = |who: &Identity| *actor == Actor::Person(input.people.call(who).to_owned());
    let mine: Vec<_> = input
        .range
        .commits
        .iter()
        .filter(|commit| {
            let mut writers = commit.writers(input.people);
            writers.any(|who| input.people.owner_of(who).is_some() && is_me(who))
        })
        .map(|commit| commit.sha.short())
        .collect();
    let unseen = input.range.more;
    match (mine.is_empty(), unseen) {
        (true, 0) => finding(Guard::Author, Severity::Info, written_by_others(input)),
        (true, _) => finding(
            Guard::Author,
            Severity::Override,
            format!(
                "the range has {unseen} more commits than were looked at; you may have written some"
            ),
        ),
        (false, _) => {
            finding(Guard::Author, Severity::Override, written_by_you(input, actor, &mine))
        }
    }
}

fn written_by_others(input: PlanInput<'_>) -> String {
    let writers = input.range.writers(input.people);
    if writers.is_empty() {
        "you wrote none of it: only bots did".into()
    } else {
        format!("you wrote none of it: {} did", listed(&writers))
    }
}

fn written_by_you(input: PlanInput<'_>, actor: &Actor, mine: &[&str]) -> String {
    let writers = input.range.writers(input.people);
    let Actor::Person(me) = actor else {
        return format!("trunkline itself wrote {}", listed(mine));
    };
    let could: Vec<_> = input
        .people
        .people
        .keys()
        .map(String::as_str)
        .filter(|name| *name != me && !writers.contains(name))
        .collect();
    let others = match could.as_slice() {
        [] => "nobody else in [people] could".to_owned(),
        others => format!("{} could", listed(others)),
    };
    format!("you wrote {}; somebody else should press: {others}", listed(mine))
}

/// `a`, `a and b`, `a, b and c`; beyond five `a, b, c, d, e and 3 more`.
fn listed(names: &[&str]) -> String {
    const MOST: usize = 5;
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [head @ .., last] if names.len() <= MOST => format!("{} and {last}", head.join(", ")),
        _ => format!("{} and {} more", names[..MOST].join(", "), names.len() - MOST),
    }
}

/// The most freezes by calendar that a finding tells one by one.
const FREEZES_TOLD: usize = 3;

fn freeze(input: PlanInput<'_>, now: DateTime<Utc>) -> Finding {
    let by_hand = input.state.freezes_at(now).map(|freeze| {
        let end = freeze.until.map_or("until lifted".to_owned(), until);
        format!("frozen {end} by {}: {}", freeze.by, freeze.reason)
    });
    let mut sentences: Vec<_> = by_hand.collect();
    let worst = if sentences.is_empty() { input.calendar.state } else { FreezeState::Frozen };
    let severity = match worst.under(input.policy.freeze) {
        FreezeState::Open => Severity::Info,
        FreezeState::Warn => Severity::Warn,
        FreezeState::Frozen => Severity::Override,
    };
    sentences.extend(by_calendar(input));
    if sentences.is_empty() {
        return finding(Guard::Freeze, Severity::Info, "no freeze");
    }
    finding(Guard::Freeze, severity, sentences.join("; "))
}

/// `frozen until Fri 27 Nov 05:00 UTC by the calendar: launch: Product launch`.
fn by_calendar(input: PlanInput<'_>) -> Option<String> {
    let calendar = input.calendar;
    let how = match calendar.state {
        FreezeState::Open => return None,
        FreezeState::Warn => "to be done with care",
        FreezeState::Frozen => "frozen",
    };
    let end = calendar.lasts_until.map_or("with no known end".to_owned(), until);
    let mut told: Vec<_> =
        calendar.matches.iter().take(FREEZES_TOLD).map(|found| found.why.as_str()).collect();
    let more = calendar.matches.len().saturating_sub(FREEZES_TOLD);
    let more = if more > 0 { format!("{more} more") } else { String::new() };
    told.extend(Some(more.as_str()).filter(|more| !more.is_empty()));
    let why = told.join(" + ");
    // A window of its own says its reason as its why; a holiday says which one it is.
    let reasons = calendar.matches.iter().filter(|found| !found.why.contains(&found.reason));
    let reason = reasons.map(|found: &FreezeWindow| &found.reason).next();
    let reason = reason.map_or(String::new(), |reason| format!(" ({reason})"));
    Some(format!("{how} {end} by the calendar: {why}{reason}"))
}

fn until(end: DateTime<Utc>) -> String {
    format!("until {} UTC", end.format("%a %d %b %H:%M"))
}

fn verified(input: PlanInput<'_>, target: &Build, now: DateTime<Utc>) -> Finding {
    let finding = |severity, sentence: String| finding(Guard::Verified, severity, sentence);
    if target.in_staging_since.is_none() {
        let why = match target.staging.and_then(|id| input.state.deployments.get(&id)) {
            Some(deployment) if deployment.is_open() => "is still on its way to staging".to_owned(),
            Some(deployment) => {
                format!("failed in staging: {}", deployment.trouble().unwrap_or("cancelled"))
            }
            None => "never reached staging".to_owned(),
        };
        return finding(Severity::Override, format!("{} {why}", target.number));
    }
    let missing: Vec<_> = input
        .policy
        .verify
        .iter()
        .filter(|kind| target.verification(kind).is_none())
        .map(|kind| match kind {
            VerifyBy::Step(step) => format!("its staging step {step:?} did not verify it"),
            VerifyBy::Person => "nobody verified it; V does".to_owned(),
        })
        .collect();
    if !missing.is_empty() {
        let sentence = format!("{} is not verified: {}", target.number, missing.join("; "));
        return finding(Severity::Override, sentence);
    }
    let verified = say_verified(input, target, now);
    match input.state.live(Environment::Staging) {
        Some(live) if live.build != target.number => finding(
            Severity::Warn,
            format!("{verified}; stale: staging has moved on to {} since", live.build),
        ),
        _ => finding(Severity::Info, verified),
    }
}

/// `verified by sam 12m ago: "looks good"`, for every kind that is asked for.
fn say_verified(input: PlanInput<'_>, target: &Build, now: DateTime<Utc>) -> String {
    let said: Vec<_> = input
        .policy
        .verify
        .iter()
        .filter_map(|kind| target.verification(kind))
        .map(|seen| {
            let by = match &seen.kind {
                VerifyBy::Step(step) => format!("step {step}"),
                VerifyBy::Person => seen.by.to_string(),
            };
            let note = match seen.note.as_str() {
                note if note.is_empty() || !seen.kind.is_person() => String::new(),
                note => format!(": {note}"),
            };
            format!("{by} {} ago{note}", say(between(seen.at, now)))
        })
        .collect();
    format!("verified by {}", said.join(" and "))
}

fn soak(input: PlanInput<'_>, target: &Build, now: DateTime<Utc>) -> Finding {
    let needs = input.policy.soak;
    match target.in_staging_since.map(|since| between(since, now)) {
        Some(age) if age >= needs => finding(
            Guard::Soak,
            Severity::Info,
            format!("{} in staging, needs {}", say(age), say(needs)),
        ),
        Some(age) => finding(
            Guard::Soak,
            Severity::Override,
            format!("only {} in staging, needs {}", say(age), say(needs)),
        ),
        None if needs.is_zero() => {
            finding(Guard::Soak, Severity::Info, "no time in staging needed")
        }
        None => finding(
            Guard::Soak,
            Severity::Override,
            format!("never in staging, needs {} there", say(needs)),
        ),
    }
}

fn hold(input: PlanInput<'_>, now: DateTime<Utc>) -> Finding {
    match input.state.holds.get(&Environment::Production) {
        Some(hold) => finding(
            Guard::Hold,
            Severity::Override,
            format!(
                "production is on hold since {} by {}: {}; H releases it",
                say(between(hold.at, now)),
                hold.by,
                hold.reason
            ),
        ),
        None => finding(Guard::Hold, Severity::Info, "production is not on hold"),
    }
}

/// The most bad commits that a sentence names.
const BAD_NAMED: usize = 5;

fn quarantine(input: PlanInput<'_>, target: &Build, now: DateTime<Utc>) -> Option<Finding> {
    if input.state.quarantine.is_empty() {
        return None;
    }
    let bad = input.state.bad_in(target.number);
    if bad.is_empty() {
        let sentence = "has no commit that is known to be bad";
        return Some(finding(Guard::Quarantine, Severity::Info, sentence));
    }
    let mut said: Vec<_> = bad.iter().take(BAD_NAMED).map(|bad| contained(bad, now)).collect();
    said.extend((bad.len() > BAD_NAMED).then(|| format!("and {} more", bad.len() - BAD_NAMED)));
    Some(finding(Guard::Quarantine, Severity::Override, said.join("; ")))
}

fn contained(bad: &Contained<'_>, now: DateTime<Utc>) -> String {
    let Quarantined { commit, by, at, reason, .. } = bad.quarantined;
    let age = say(between(*at, now));
    let reason = if reason.is_empty() { String::new() } else { format!(", {reason}") };
    let (has, doubt) = match bad.doubt {
        Some(doubt) => ("may have", format!("; {doubt}")),
        None => ("has", String::new()),
    };
    let safe = match bad.first_safe {
        Some(build) => format!("{build} is the first build without it"),
        None if bad.doubt.is_some() => "no newer build is known to be without it".to_owned(),
        None => "no newer build has its revert".to_owned(),
    };
    let (sha, subject) = (commit.sha.short(), &commit.subject);
    format!("{has} {sha} {subject:?}, named bad by {by} {age} ago{reason}{doubt}; {safe}")
}

fn order(input: PlanInput<'_>, target: &Build) -> Finding {
    match input.state.live(Environment::Production).map(|live| live.build) {
        Some(live) if target.number < live => finding(
            Guard::Order,
            Severity::Refuse,
            format!("{} is older than {live}, which is live; R rolls back to it", target.number),
        ),
        Some(live) if target.number == live => finding(
            Guard::Order,
            Severity::Warn,
            format!("{live} is live already; this runs its steps once more"),
        ),
        Some(live) => {
            finding(Guard::Order, Severity::Info, format!("{} is newer than {live}", target.number))
        }
        None => finding(Guard::Order, Severity::Info, "the first build to go live"),
    }
}

fn in_flight(input: PlanInput<'_>, now: DateTime<Utc>) -> Finding {
    match input.state.in_flight(Environment::Production) {
        Some(running) => finding(
            Guard::InFlight,
            Severity::Refuse,
            format!("{}; watch it, or cancel it first", running_now(running, now)),
        ),
        None => finding(Guard::InFlight, Severity::Info, "nothing else is deploying"),
    }
}

/// `promote of #12 by sam (d57) is running since 2m`.
pub(super) fn running_now(running: &Deployment, now: DateTime<Utc>) -> String {
    format!(
        "{} of {} by {} ({}) is {} since {}",
        running.request.kind,
        running.request.build,
        running.by,
        running.id,
        running.state().as_str(),
        say(between(running.started_at.unwrap_or(running.requested_at), now))
    )
}

fn big_batch(input: PlanInput<'_>) -> Option<Finding> {
    let (commits, limit) = (input.range.len(), input.policy.big_batch as usize);
    (commits > limit).then(|| {
        finding(
            Guard::BigBatch,
            Severity::Warn,
            format!(
                "{commits} commits at once, more than {limit}: hard to tell which one broke it"
            ),
        )
    })
}

fn skipped(input: PlanInput<'_>, target: &Build) -> Option<Finding> {
    let newer = input.state.builds.range(target.number..).skip(1).count();
    (newer > 0).then(|| {
        let builds = if newer == 1 {
            "1 newer build is".into()
        } else {
            format!("{newer} newer builds are")
        };
        finding(Guard::Order, Severity::Info, format!("{builds} not in this"))
    })
}

/// A candidate that lacks live commits without being merely older than they are stands on another trunk than they did.
fn rewritten(input: PlanInput<'_>, target: &Build) -> Option<Finding> {
    let range = input.range;
    if range.lost.is_empty() || range.is_empty() {
        return None;
    }
    let lost = match range.lost.len() {
        1 => "1 commit that is live".to_owned(),
        more => format!("{more} commits that are live"),
    };
    let sentence = format!("the trunk was rewritten: {} does not have {lost}", target.number);
    Some(finding(Guard::Order, Severity::Warn, sentence))
}
