//! An incident as a document: what is recorded of it and what is not known, as data.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deployments::{IncidentDeployment, deployments, stops_now};
use super::gaps::{KnownOfIncident, gaps};
use super::overrides::{IncidentOverride, overrides};
use super::range::{TakenBackRange, ranges};
use super::standing::IncidentStanding;
use super::timeline::{IncidentInput, IncidentLine, timeline};
use super::times::{IncidentTimes, times};
use crate::domain::event::{Fact, NoteKind, StepOutcome};
use crate::domain::ids::{DeploymentId, Environment, Seq, ServiceName};

/// The most failed steps whose logs are a part of a report.
const MOST_FAILED: usize = 5;

/// Of which there were more events than were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IncidentCut {
    /// Of the service itself.
    pub own: bool,
    pub others: bool,
}

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
    /// What stops promotes to production as the report is made: the hold, and the freezes that people placed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub production: Vec<String>,
    /// What was taken back and the rollbacks, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployments: Vec<IncidentDeployment>,
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
    #[must_use]
    pub fn of(input: IncidentInput<'_>, now: DateTime<Utc>, cut: IncidentCut) -> Self {
        let incident = input.incident;
        let (lines, times) = (timeline(input), times(input, cut));
        let about = input.policy.severity(&incident.severity).map(|level| level.about.clone());
        let flags = flags(input, &lines);
        let taken_back = ranges(input);
        let failed = failed(input);
        let has_flags = !flags.is_empty();
        let known = KnownOfIncident {
            times: &times,
            taken_back: &taken_back,
            failed: &failed,
            has_flags,
            cut,
        };
        let not_known = gaps(input, known);
        Self {
            service: input.service.clone(),
            at: now,
            incident: incident.standing(input.policy, input.state),
            severity_about: about.unwrap_or_default(),
            production: stops_now(input, now),
            deployments: deployments(input),
            overrides: overrides(input),
            failed,
            not_known,
            times,
            timeline: lines,
            cut: cut.own || cut.others,
            taken_back,
            flags,
        }
    }
}

fn flags(input: IncidentInput<'_>, lines: &[IncidentLine]) -> Vec<IncidentLine> {
    let is_flag = |fact: &Fact| matches!(fact, Fact::Noted(note) if note.kind == NoteKind::Flag);
    let of_flags = input.events.iter().filter(|event| is_flag(&event.fact));
    let of_flags: Vec<_> = of_flags.map(|event| event.seq).collect();
    lines.iter().filter(|line| of_flags.contains(&line.seq)).cloned().collect()
}

fn failed(input: IncidentInput<'_>) -> Vec<FailedStep> {
    let mut all = Vec::new();
    for event in input.in_window() {
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
