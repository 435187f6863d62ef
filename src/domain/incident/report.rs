//! An incident as a document: what is recorded of it and what is not known, as data.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::range::{TakenBackRange, ranges};
use super::timeline::{IncidentInput, IncidentLine, timeline};
use super::times::{IncidentTimes, TimeBound, times};
use super::{IncidentStanding, UsersAffected};
use crate::domain::event::{Event, Fact, NoteKind, StepOutcome};
use crate::domain::ids::{DeploymentId, Environment, Seq, ServiceName};
use crate::domain::people::Actor;

/// The most failed steps whose logs are a part of a report.
const MOST_FAILED: usize = 5;

/// Everything that is recorded of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentReport {
    pub service: ServiceName,
    /// When the report was made.
    pub at: DateTime<Utc>,
    pub incident: IncidentStanding,
    /// What its severity means, as the service says it now.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub severity_about: String,
    pub times: IncidentTimes,
    /// Oldest first.
    pub timeline: Vec<IncidentLine>,
    /// Whether the timeline lacks its first lines, because there are too many.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// What the rollbacks took back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken_back: Vec<TakenBackRange>,
    /// The guards that people overrode to deploy to production, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<IncidentOverride>,
    /// The flags that were noted as changed, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<IncidentLine>,
    /// The steps that failed in production, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedStep>,
    /// What the record does not tell.
    pub not_known: Vec<String>,
}

/// A guard that somebody overrode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentOverride {
    pub deployment: DeploymentId,
    pub by: Actor,
    /// `overrode freeze (frozen until …): it cannot wait`.
    pub sentence: String,
    /// The event that has it.
    pub seq: Seq,
}

/// A step of production that failed, with the end of its log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedStep {
    pub deployment: DeploymentId,
    /// Counted from 0.
    pub step: usize,
    pub name: String,
    pub outcome: String,
    /// The event that has its end.
    pub seq: Seq,
    /// The last lines of its log, with its secrets masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<String>,
    /// Why there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_tail: Option<String>,
}

impl IncidentReport {
    /// `cut` says that there were more events than were read.
    #[must_use]
    pub fn of(input: IncidentInput<'_>, now: DateTime<Utc>, cut: bool) -> Self {
        let incident = input.incident;
        let (lines, times) = (timeline(input), times(input));
        let about = input.policy.severity(&incident.severity).map(|level| level.about.clone());
        let flags = flags(input, &lines);
        let taken_back = ranges(input);
        let mut report = Self {
            service: input.service.clone(),
            at: now,
            incident: incident.standing(input.policy, input.state),
            severity_about: about.unwrap_or_default(),
            overrides: overrides(input),
            failed: failed(input),
            not_known: Vec::new(),
            times,
            timeline: lines,
            cut,
            taken_back,
            flags,
        };
        report.not_known = report.unknown();
        report
    }

    fn unknown(&self) -> Vec<String> {
        let times = &self.times;
        let asked = [
            (self.incident.incident.users_affected == UsersAffected::NotKnown)
                .then_some("whether users were affected: nobody said"),
            (times.began.bound != TimeBound::Then)
                .then_some("when users began to be affected: nobody said"),
            (times.detected.bound != TimeBound::Then)
                .then_some("when it was noticed first: nobody said, and no watch saw it"),
            self.is_end_unsaid().then_some("when users were well again: nobody said"),
            self.flags.is_empty().then_some("whether a flag was changed: nobody noted one"),
            self.taken_back.is_empty().then_some("which deployment it was: no rollback is linked"),
            self.cut.then_some("the first part of the timeline: there are too many events"),
        ];
        let ranges = self.taken_back.iter().flat_map(TakenBackRange::unknown);
        asked.into_iter().flatten().map(str::to_owned).chain(ranges).collect()
    }

    fn is_end_unsaid(&self) -> bool {
        let said = &self.incident.incident;
        let by_mark = said.updates.iter().any(|of| of.mark == Some(super::IncidentMark::Restored));
        !by_mark && said.resolved.as_ref().is_none_or(|end| end.at.is_none())
    }
}

/// Those of the service's own events that are in the timeline.
fn in_window(input: IncidentInput<'_>) -> impl Iterator<Item = &Event> {
    let window = input.incident.window(input.state);
    let own = input.events.iter().filter(move |event| event.service == *input.service);
    own.filter(move |event| window.has(event.at))
}

fn flags(input: IncidentInput<'_>, lines: &[IncidentLine]) -> Vec<IncidentLine> {
    let is_flag = |fact: &Fact| matches!(fact, Fact::Noted(note) if note.kind == NoteKind::Flag);
    let of_flags = input.events.iter().filter(|event| is_flag(&event.fact));
    let of_flags: Vec<_> = of_flags.map(|event| event.seq).collect();
    lines.iter().filter(|line| of_flags.contains(&line.seq)).cloned().collect()
}

fn overrides(input: IncidentInput<'_>) -> Vec<IncidentOverride> {
    let mut all = Vec::new();
    for event in in_window(input) {
        let Fact::DeploymentRequested(request) = &event.fact else { continue };
        if request.environment != Environment::Production {
            continue;
        }
        all.extend(request.override_sentences().map(|sentence| IncidentOverride {
            deployment: DeploymentId::from(event.seq),
            by: event.actor.clone(),
            sentence,
            seq: event.seq,
        }));
    }
    all
}

fn failed(input: IncidentInput<'_>) -> Vec<FailedStep> {
    let mut all = Vec::new();
    for event in in_window(input) {
        let Fact::StepEnded { deployment, step, outcome, .. } = &event.fact else { continue };
        if matches!(outcome, StepOutcome::Succeeded | StepOutcome::Cancelled) {
            continue;
        }
        let made = input.state.deployments.get(deployment);
        let made = made.filter(|made| made.request.environment == Environment::Production);
        let Some(made) = made else { continue };
        let spec = made.request.steps.get(*step);
        all.push(FailedStep {
            deployment: *deployment,
            step: *step,
            name: spec.map_or_else(|| (step + 1).to_string(), |spec| spec.name.clone()),
            outcome: outcome.to_string(),
            seq: event.seq,
            tail: Vec::new(),
            no_tail: None,
        });
    }
    // The first ones tell what went wrong first.
    all.truncate(MOST_FAILED);
    all
}
