//! The guards on a promote. Only order and in-flight can refuse; a typed reason overrides everything else.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Finding, Guard, PlanInput, Severity, author, finding, later, migration, read, retry, tried,
    watched,
};
use crate::calendar::{FreezeState, FreezeWindow};
use crate::domain::build::Build;
use crate::domain::deployment::Deployment;
use crate::domain::event::DeploymentKind;
use crate::domain::ids::Environment;
use crate::domain::instant;
use crate::domain::people::Actor;
use crate::domain::policy::VerifyBy;
use crate::domain::quarantine::{Contained, Quarantined};
use crate::domain::remedy::Remedy;
use crate::domain::soak::Soak;
use crate::domain::time::{between, say};

pub(super) fn findings(
    input: PlanInput<'_>,
    target: &Build,
    actor: &Actor,
    now: DateTime<Utc>,
) -> Vec<Finding> {
    let mut findings = vec![
        order(input, target),
        in_flight(input, Environment::Production, now),
        verified(input, target, now),
        soak(input, target, now),
        freeze(input, now),
        hold(input, Environment::Production, now),
        author::finding(input, target, actor),
    ];
    findings.extend(read::findings(input.state, Environment::Production, Severity::Override));
    findings.extend(migration::on_promote(input, target, now));
    findings.extend(quarantine(input, target, now));
    findings.extend(big_batch(input));
    findings.extend(skipped(input, target));
    findings.extend(off_trunk(target));
    findings.extend(rewritten(input, target));
    findings.extend(later::finding(input, target));
    findings.extend(watched::on_promote(input, now));
    findings.extend(tried::on_promote(input, target, now));
    findings
}

/// The most calendar freezes that a finding names.
const FREEZES_NAMED: usize = 3;

fn freeze(input: PlanInput<'_>, now: DateTime<Utc>) -> Finding {
    let by_hand = input.state.freezes_at(now).map(|freeze| {
        let end = freeze.until.map_or("until lifted".to_owned(), until);
        format!("Frozen {end} by {}: {}", freeze.by, freeze.reason)
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
        return finding(Guard::Freeze, Severity::Info, "No freeze");
    }
    let remedy = wait_for_freezes(input, now).filter(|_| severity == Severity::Override);
    finding(Guard::Freeze, severity, sentences.join("; ")).with(remedy)
}

/// Waits until all freezes are over; none if one of them has no end.
fn wait_for_freezes(input: PlanInput<'_>, now: DateTime<Utc>) -> Option<Remedy> {
    let by_hand = input.state.freezes_at(now).map(|freeze| freeze.until);
    let is_frozen = input.calendar.state == FreezeState::Frozen;
    let by_calendar = is_frozen.then_some(input.calendar.lasts_until);
    let ends: Option<Vec<_>> = by_hand.chain(by_calendar).collect();
    Some(Remedy::Wait { until: ends?.into_iter().max()? })
}

/// `Frozen until Fri 2026-11-27 05:00 UTC by the calendar: launch: Product launch`.
fn by_calendar(input: PlanInput<'_>) -> Option<String> {
    let calendar = input.calendar;
    let how = match calendar.state {
        FreezeState::Open => return None,
        FreezeState::Warn => "Take care",
        FreezeState::Frozen => "Frozen",
    };
    let end = calendar.lasts_until.map_or("with no known end".to_owned(), until);
    let mut named: Vec<_> =
        calendar.matches.iter().take(FREEZES_NAMED).map(|found| found.why.as_str()).collect();
    let more = calendar.matches.len().saturating_sub(FREEZES_NAMED);
    let more = if more > 0 { format!("{more} more") } else { String::new() };
    named.extend(Some(more.as_str()).filter(|more| !more.is_empty()));
    let why = named.join(" + ");
    // A configured window already has its reason in `why`; a holiday has its name there.
    let reasons = calendar.matches.iter().filter(|found| !found.why.contains(&found.reason));
    let reason = reasons.map(|found: &FreezeWindow| &found.reason).next();
    let reason = reason.map_or(String::new(), |reason| format!(" ({reason})"));
    Some(format!("{how} {end} by the calendar: {why}{reason}"))
}

fn until(end: DateTime<Utc>) -> String {
    format!("until {}", instant::in_utc(end))
}

fn verified(input: PlanInput<'_>, target: &Build, now: DateTime<Utc>) -> Finding {
    let finding = |severity, sentence: String| finding(Guard::Verified, severity, sentence);
    let last = target.staging.and_then(|id| input.state.deployments.get(&id));
    let failed = input.state.failed_in_staging(target);
    if target.in_staging_since.is_none() || failed.is_some() {
        let open = last.filter(|deployment| deployment.is_open());
        let failure = |failed: &Deployment| {
            format!("failed in staging: {}", failed.trouble().unwrap_or("cancelled"))
        };
        let overtaken = input.state.overtaken_by(target);
        let why = match (failed, open, last) {
            (Some(_), None, _) if let Some(newer) = overtaken => {
                format!("did not come to staging: a newer run took its place ({newer})")
            }
            (Some(failed), Some(again), _) => {
                format!("{}; {} deploys it there again now", failure(failed), again.id)
            }
            (None, Some(_), _) => "is still deploying to staging".to_owned(),
            (Some(failed), None, _) => failure(failed),
            (None, None, Some(last)) => failure(last),
            (None, None, None) => match input.state.undeployed.get(&target.number) {
                Some(undeployed) => format!("never reached staging: {}", undeployed.sentence()),
                None => "never reached staging".to_owned(),
            },
        };
        let remedy = match open {
            Some(running) => Some(Remedy::Watch { deployment: running.id }),
            None => retry::retry_in_staging(input.state, target, input.policy),
        };
        return finding(Severity::Override, format!("{} {why}", target.number)).with(remedy);
    }
    let missing: Vec<_> = input
        .policy
        .verify
        .iter()
        .filter(|kind| target.verification(kind).is_none())
        .map(|kind| match kind {
            VerifyBy::Step(step) => format!("staging step {step:?} did not pass"),
            VerifyBy::Person => "no person verified it".to_owned(),
            VerifyBy::Staging => "its deployment to staging did not succeed".to_owned(),
            VerifyBy::Watch => "its watch in staging did not end good".to_owned(),
        })
        .collect();
    if !missing.is_empty() {
        let sentence = format!("{} is not verified: {}", target.number, missing.join("; "));
        let by_person = input.policy.verify.contains(&VerifyBy::Person)
            && target.verification(&VerifyBy::Person).is_none();
        let remedy = by_person.then_some(Remedy::Verify { build: target.number });
        return finding(Severity::Override, sentence).with(remedy);
    }
    let verified = verifications(input, target, now);
    if let Some(again) = last.filter(|deployment| deployment.is_open()) {
        let sentence = format!("{verified}; {} deploys it to staging again now", again.id);
        return finding(Severity::Warn, sentence)
            .with(Some(Remedy::Watch { deployment: again.id }));
    }
    if let Some(tried) = input.state.unsettled(Environment::Staging) {
        let why = if tried.succeeded() {
            "its targets differ".to_owned()
        } else {
            format!("{} did not succeed there", tried.request.build)
        };
        let sentence = format!("{verified}; what staging runs now is not known, since {why}");
        return finding(Severity::Warn, sentence);
    }
    if input.state.is_unknown_since_restore(Environment::Staging) {
        let why = "the record was restored from a copy";
        let sentence = format!("{verified}; what staging runs now is not known, since {why}");
        return finding(Severity::Warn, sentence);
    }
    match input.state.live(Environment::Staging) {
        Some(live) if live.build != target.number => {
            finding(Severity::Warn, format!("{verified}; staging now runs {}", live.build))
        }
        _ => finding(Severity::Info, verified),
    }
}

/// `smoke passed 10m ago and sam verified it 12m ago: looks good`, for every kind that the policy requires.
fn verifications(input: PlanInput<'_>, target: &Build, now: DateTime<Utc>) -> String {
    let sentences: Vec<_> = input
        .policy
        .verify
        .iter()
        .filter_map(|kind| target.verification(kind))
        .map(|seen| {
            let by = match &seen.kind {
                VerifyBy::Step(step) => format!("{step} passed"),
                VerifyBy::Person => format!("{} verified it", seen.by),
                VerifyBy::Staging => "its deployment to staging succeeded".to_owned(),
                VerifyBy::Watch => "its watch in staging ended good".to_owned(),
            };
            let note = match seen.note.as_str() {
                note if note.is_empty() || !seen.kind.is_person() => String::new(),
                note => format!(": {note}"),
            };
            format!("{by} {} ago{note}", say(between(seen.at, now)))
        })
        .collect();
    sentences.join(" and ")
}

fn soak(input: PlanInput<'_>, target: &Build, now: DateTime<Utc>) -> Finding {
    let needs = input.policy.soak;
    match input.state.soak(target.number, now) {
        Some(Soak { total, .. }) if total >= needs => finding(
            Guard::Soak,
            Severity::Info,
            format!("{} in staging, needs {}", say(total), say(needs)),
        ),
        Some(Soak { total, replaced_by: Some(by) }) => finding(
            Guard::Soak,
            Severity::Override,
            format!("Only {} in staging before {by} replaced it, needs {}", say(total), say(needs)),
        ),
        Some(Soak { total, replaced_by: None }) => finding(
            Guard::Soak,
            Severity::Override,
            format!("Only {} in staging, needs {}", say(total), say(needs)),
        )
        .with(TimeDelta::from_std(needs.saturating_sub(total)).ok().and_then(|rest| {
            let until = now.checked_add_signed(rest)?;
            Some(Remedy::Wait { until })
        })),
        None if needs.is_zero() => {
            finding(Guard::Soak, Severity::Info, "No time in staging needed")
        }
        None => finding(
            Guard::Soak,
            Severity::Override,
            format!("Never succeeded in staging, needs {} there", say(needs)),
        ),
    }
}

pub(super) fn hold(input: PlanInput<'_>, environment: Environment, now: DateTime<Utc>) -> Finding {
    let name = capital(environment);
    match input.state.holds.get(&environment) {
        Some(hold) => finding(
            Guard::Hold,
            Severity::Override,
            format!(
                "{name} is on hold for {} ({}): {}",
                say(between(hold.at, now)),
                hold.by,
                hold.reason
            ),
        )
        .with(Some(Remedy::ReleaseHold { environment, name_bad: hold.rollback.is_some() })),
        None => finding(Guard::Hold, Severity::Info, format!("{name} is not on hold")),
    }
}

/// An environment at the beginning of a sentence.
fn capital(environment: Environment) -> &'static str {
    match environment {
        Environment::Staging => "Staging",
        Environment::Production => "Production",
    }
}

/// The most bad commits that a sentence names.
const BAD_NAMED: usize = 5;

pub(super) fn quarantine(
    input: PlanInput<'_>,
    target: &Build,
    now: DateTime<Utc>,
) -> Option<Finding> {
    if input.state.quarantine.is_empty() {
        return None;
    }
    let bad = input.state.bad_in(target.number);
    if bad.is_empty() {
        let sentence = "Contains no known bad commit";
        return Some(finding(Guard::Quarantine, Severity::Info, sentence));
    }
    let mut sentences: Vec<_> = bad.iter().take(BAD_NAMED).map(|bad| contained(bad, now)).collect();
    sentences
        .extend((bad.len() > BAD_NAMED).then(|| format!("and {} more", bad.len() - BAD_NAMED)));
    let safe: Option<Vec<_>> = bad.iter().map(|bad| bad.first_safe).collect();
    let remedy = safe.and_then(|safe| safe.into_iter().max());
    let remedy = remedy.map(|build| Remedy::Promote { build });
    Some(finding(Guard::Quarantine, Severity::Override, sentences.join("; ")).with(remedy))
}

fn contained(bad: &Contained<'_>, now: DateTime<Utc>) -> String {
    let Quarantined { commit, by, at, reason, .. } = bad.quarantined;
    let age = say(between(*at, now));
    let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let (contains, doubt) = match bad.doubt {
        Some(doubt) => ("May contain", format!(" ({doubt})")),
        None => ("Contains", String::new()),
    };
    let safe = match bad.first_safe {
        Some(build) => format!("{build} is the first build without it"),
        None if bad.doubt.is_some() => "No newer build is known to be without it".to_owned(),
        None => "No known revert".to_owned(),
    };
    let (sha, subject) = (commit.sha.short(), &commit.subject);
    format!("{contains} bad commit {sha} {subject:?} ({by} {age} ago{reason}){doubt}. {safe}")
}

fn order(input: PlanInput<'_>, target: &Build) -> Finding {
    if input.state.is_unknown_since_restore(Environment::Production) {
        return order_after_restore(input, target);
    }
    if let Some(found) = order_after_unknown(input) {
        return found;
    }
    match input.state.live(Environment::Production).map(|live| live.build) {
        Some(live) if target.number < live => finding(
            Guard::Order,
            Severity::Refuse,
            format!("{} is older than {live}, which is live", target.number),
        )
        .with(
            input.state.was_live(target.number).then_some(Remedy::RollBack { to: target.number }),
        ),
        Some(live) if target.number == live => finding(
            Guard::Order,
            Severity::Warn,
            format!("{live} is already live. This runs its steps again"),
        ),
        Some(live) => {
            finding(Guard::Order, Severity::Info, format!("{} is newer than {live}", target.number))
        }
        None if input.state.is_live_unknown() => finding(
            Guard::Order,
            Severity::Warn,
            "What is live is not known: trunkline has deployed nothing to production, and the service is older",
        )
        .with(Some(Remedy::Adopt { commit: None })),
        None => finding(Guard::Order, Severity::Info, "First build to go live"),
    }
}

/// Somebody deployed what is no build, or what nobody knows.
fn order_after_unknown(input: PlanInput<'_>) -> Option<Finding> {
    let made = input.state.unsettled(Environment::Production)?;
    let why = made.unknown_in_words()?;
    let last = input.state.live(Environment::Production);
    let last = last.map_or(String::new(), |last| format!("; {} is the last that is", last.build));
    let sentence = format!("What production runs is not known: {why}{last}");
    let adopt = Remedy::Adopt { commit: None };
    Some(finding(Guard::Order, Severity::Override, sentence).with(Some(adopt)))
}

/// The record was restored from a copy, and nothing was deployed since.
fn order_after_restore(input: PlanInput<'_>, target: &Build) -> Finding {
    let last = input.state.live(Environment::Production).map(|live| live.build);
    let last = match last {
        Some(last) if target.number < last => {
            let sentence = format!(
                "{} is older than {last}, the last in production by the restored record",
                target.number
            );
            let remedy = input.state.was_live(target.number);
            let remedy = remedy.then_some(Remedy::RollBack { to: target.number });
            return finding(Guard::Order, Severity::Refuse, sentence).with(remedy);
        }
        Some(last) => format!("; {last} is the last that it knows"),
        None => " in which nothing was live".to_owned(),
    };
    let sentence = format!("What is live is not known: the record was restored from a copy{last}");
    finding(Guard::Order, Severity::Warn, sentence).with(Some(Remedy::Adopt { commit: None }))
}

pub(super) fn in_flight(
    input: PlanInput<'_>,
    environment: Environment,
    now: DateTime<Utc>,
) -> Finding {
    match input.state.in_flight(environment) {
        Some(running) => finding(
            Guard::InFlight,
            Severity::Refuse,
            if running.is_late() {
                let running = running_now(running, now);
                format!("{running}. It turned up late and is being cancelled. Wait for its end")
            } else if running.request.kind == DeploymentKind::External {
                format!("{}, outside of trunkline. Wait for it", running_now(running, now))
            } else {
                format!("{}. Wait for it or cancel it", running_now(running, now))
            },
        )
        .with(Some(Remedy::Watch { deployment: running.id })),
        None => finding(Guard::InFlight, Severity::Info, "Nothing else is deploying"),
    }
}

/// `promote of #12 by sam (d57) is running, started 2m ago`.
pub(super) fn running_now(running: &Deployment, now: DateTime<Utc>) -> String {
    let wave =
        running.waiting_wave().map(|wait| format!("waiting after {}, started", wait.named()));
    let (state, since) = match running.started_at {
        Some(started) => (wave.as_deref().unwrap_or("running, started"), started),
        None => ("queued, requested", running.requested_at),
    };
    format!("{} ({}) is {state} {} ago", running.in_words(), running.id, say(between(since, now)))
}

fn big_batch(input: PlanInput<'_>) -> Option<Finding> {
    let (commits, limit) = (input.range.own_len(), input.policy.big_batch as usize);
    (commits > limit).then(|| {
        finding(
            Guard::BigBatch,
            Severity::Warn,
            format!(
                "{commits} commits at once, more than {limit}. If it breaks, the cause is hard to find"
            ),
        )
    })
}

pub(super) fn skipped(input: PlanInput<'_>, target: &Build) -> Option<Finding> {
    let newer = input.state.builds.range(target.number..).skip(1).count();
    (newer > 0).then(|| {
        let builds =
            if newer == 1 { "1 newer build".into() } else { format!("{newer} newer builds") };
        finding(Guard::Order, Severity::Info, format!("Not included: {builds}"))
    })
}

/// A build whose commit a force-push took off the trunk was taken away on purpose, perhaps since it holds a secret.
fn off_trunk(target: &Build) -> Option<Finding> {
    target.left_trunk().map(|left| finding(Guard::Order, Severity::Override, left))
}

/// A target that brings new commits and lacks live ones: the trunk was rewritten, or a merge put the live commits beside its
/// first parents.
fn rewritten(input: PlanInput<'_>, target: &Build) -> Option<Finding> {
    let range = input.range;
    if range.lost.is_empty() || range.is_empty() {
        return None;
    }
    let lost = match range.lost.len() {
        1 => "1 commit that is live".to_owned(),
        more => format!("{more} commits that are live"),
    };
    let live = input.state.live_build(Environment::Production);
    let is_rewritten = target.off_trunk || live.is_some_and(|live| live.off_trunk);
    let why = if is_rewritten { "The trunk was rewritten: " } else { "" };
    let sentence = format!("{why}{} does not contain {lost}", target.number);
    Some(finding(Guard::Order, Severity::Warn, sentence))
}
