//! What the record does not tell of an incident, one row for each thing.

use super::report::{FailedStep, IncidentCut};
use super::timeline::IncidentInput;
use super::times::{IncidentTimes, TimeBound, last_marked, last_success};
use super::{IncidentMark, TakenBackRange, UsersAffected};
use crate::domain::deployment::Deployment;
use crate::domain::event::Fact;
use crate::domain::ids::DeploymentId;
use crate::domain::watch::SampleVerdict;

/// What is known of it elsewhere in the report.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownOfIncident<'a> {
    pub times: &'a IncidentTimes,
    pub taken_back: &'a [TakenBackRange],
    pub failed: &'a [FailedStep],
    pub has_flags: bool,
    pub cut: IncidentCut,
}

pub(super) fn gaps(input: IncidentInput<'_>, known: KnownOfIncident<'_>) -> Vec<String> {
    let times = known.times;
    let unanswered = format!("nobody answered this in {}", input.incident.id);
    let asked = [
        (input.incident.users_affected == UsersAffected::NotKnown)
            .then(|| format!("whether users were affected: {unanswered}")),
        (times.began.bound != TimeBound::Then)
            .then(|| format!("when users began to be affected: {unanswered}")),
        (times.detected.bound != TimeBound::Then)
            .then(|| format!("when it was noticed first: {unanswered}{}", watches(input, known))),
        is_end_unsaid(input).then(|| format!("when users were well again: {unanswered}")),
        (!known.has_flags).then(|| "whether a flag was changed: nobody noted one".to_owned()),
        known
            .taken_back
            .is_empty()
            .then(|| "which deployment it was: no rollback is linked".to_owned()),
        known
            .cut
            .own
            .then(|| "the first part of the timeline: there are too many events".to_owned()),
        known.cut.others.then(|| "what other services did first: there are too many events".into()),
        target(input),
    ];
    let causes = known.taken_back.iter().map(|range| {
        let deployed = input.state.deployments.get(&range.deployment);
        let deployed = deployed.map_or_else(|| range.build.to_string(), Deployment::deployed);
        format!("whether {deployed} is the cause")
    });
    let unsure = known.taken_back.iter().flat_map(|range| unsure(input, range));
    let flags = known.has_flags.then(|| {
        "whether a change of a flag that is noted below is the cause, and whether it was put back"
            .to_owned()
    });
    let ends = known.taken_back.iter().filter_map(|range| watch_end(input, range.deployment));
    let ranges = known.taken_back.iter().flat_map(TakenBackRange::unknown);
    let migrations = known.taken_back.iter().filter_map(|range| migrations(range, known.failed));
    let asked = asked.into_iter().flatten();
    causes
        .chain(unsure)
        .chain(flags)
        .chain(asked)
        .chain(ends)
        .chain(ranges)
        .chain(migrations)
        .collect()
}

/// Whether what was taken back ran at all, and whether it was to help against this very trouble.
fn unsure(input: IncidentInput<'_>, range: &TakenBackRange) -> Vec<String> {
    let Some(deployment) = input.state.deployments.get(&range.deployment) else {
        return Vec::new();
    };
    let (id, by) = (deployment.id, &deployment.by);
    let mut all = Vec::new();
    if let (false, Some(step)) = (deployment.succeeded(), deployment.failed_step()) {
        let deployed = deployment.deployed();
        all.push(format!(
            "whether {deployed} ran in production at all: {id} failed at step {step}"
        ));
    }
    let mut reasons: Vec<_> = deployment.request.overrides.values().collect();
    reasons.dedup();
    all.extend(reasons.into_iter().map(|reason| {
        format!(
            "whether \"{reason}\", for which {by} overrode a guard of {id}, is the same trouble"
        )
    }));
    all
}

fn is_end_unsaid(input: IncidentInput<'_>) -> bool {
    let said = input.incident;
    let by_mark = last_marked(said, IncidentMark::Restored).is_some();
    !by_mark && said.resolved.as_ref().is_none_or(|end| end.at.is_none())
}

/// `; no watch of d11 is recorded`, for each that was taken back.
fn watches(input: IncidentInput<'_>, known: KnownOfIncident<'_>) -> String {
    let each = known.taken_back.iter().map(|range| {
        let id = range.deployment;
        match WatchRecord::of(input, id) {
            WatchRecord { bad: WatchedBad::Judged, .. } => {
                format!("; the watch of {id} gives only the latest that it can have been")
            }
            WatchRecord { bad: WatchedBad::Sampled, .. } => {
                format!("; the watch of {id} has bad samples, and judged nothing bad")
            }
            WatchRecord { was_blind: true, .. } => {
                format!("; the watch of {id} recorded nothing bad, but not every sample was known")
            }
            WatchRecord { began: true, .. } => format!("; the watch of {id} recorded nothing bad"),
            _ if known.cut.own => format!("; the events that were read have no watch of {id}"),
            _ => format!("; no watch of {id} is recorded"),
        }
    });
    each.collect()
}

/// The worst that a watch had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum WatchedBad {
    #[default]
    Nothing,
    /// A sample that turned no check.
    Sampled,
    Judged,
}

/// What the record has of the watch of a deployment.
#[derive(Debug, Default)]
struct WatchRecord {
    began: bool,
    ended: bool,
    bad: WatchedBad,
    /// Whether a sample could not be taken or read.
    was_blind: bool,
}

impl WatchRecord {
    fn of(input: IncidentInput<'_>, id: DeploymentId) -> Self {
        let mut watched = Self::default();
        for event in input.events.iter().filter(|event| event.service == *input.service) {
            match &event.fact {
                Fact::WatchBegan(began) if began.deployment == id => {
                    (watched.began, watched.ended) = (true, false);
                }
                Fact::WatchEnded(ended) if ended.deployment == id => watched.ended = true,
                Fact::WatchSampled(sampled) if sampled.deployment == id => {
                    watched.began = true;
                    if sampled.checks.iter().any(|check| check.bad > 0) {
                        watched.bad = watched.bad.max(WatchedBad::Sampled);
                    }
                    watched.was_blind |= sampled.checks.iter().any(|check| check.unknown > 0);
                }
                Fact::WatchTurned(turned) if turned.deployment == id => {
                    watched.began = true;
                    if turned.to == SampleVerdict::Bad {
                        watched.bad = WatchedBad::Judged;
                    }
                    watched.was_blind |= turned.to == SampleVerdict::Unknown;
                }
                _ => {}
            }
        }
        watched
    }
}

fn watch_end(input: IncidentInput<'_>, id: DeploymentId) -> Option<String> {
    let watched = WatchRecord::of(input, id);
    (watched.began && !watched.ended)
        .then(|| format!("how the watch of {id} ended: no end is recorded"))
}

/// Whether the last rollback that succeeded is there, if no target said so.
fn target(input: IncidentInput<'_>) -> Option<String> {
    let made = last_success(input).filter(|made| made.effect.is_none())?;
    let (deployed, id) = (made.deployed(), made.id);
    Some(format!(
        "whether production really ran {deployed} after {id}: no target's answer is recorded"
    ))
}

/// The record has no end of a migration, only of a step.
fn migrations(range: &TakenBackRange, failed: &[FailedStep]) -> Option<String> {
    range.migrations.as_ref().filter(|all| !all.is_empty())?;
    let step = failed.iter().find(|step| step.deployment == range.deployment)?;
    let (id, name) = (range.deployment, &step.name);
    Some(format!("which migrations of {id} took effect: step {name} failed"))
}
