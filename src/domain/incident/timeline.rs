//! The timeline of an incident: what the record has of it, and what people added, in the order of time.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::overrides::overrides_in_words;
use super::watch_lines::{WatchLine, watch_lines};
use super::{Incident, IncidentPolicy, LinkedRollback, TakenBack};
use crate::domain::deployment::Deployment;
use crate::domain::event::{ChangeNote, DeploymentKind, Event, Fact, Outcome, StepOutcome};
use crate::domain::ids::{DeploymentId, Environment, IncidentId, Seq, ServiceName};
use crate::domain::people::{Actor, People};
use crate::domain::plan::{Guard, Severity};
use crate::domain::service::ServiceState;
use crate::domain::time::{between, say};
use crate::domain::timeline::TimelineEntry;

/// The names of the facts that a timeline may have a line of.
pub const INCIDENT_FACTS: [&str; 39] = [
    "build_verified",
    "deployment_requested",
    "deployment_started",
    "step_ended",
    "cancel_requested",
    "deployment_ended",
    "deployment_observed",
    "unknown_observed",
    "observed_ended",
    "live_said",
    "targets_said",
    "hold_placed",
    "hold_released",
    "commits_quarantined",
    "commit_cleared",
    "promoter_requested",
    "request_withdrawn",
    "freeze_placed",
    "freeze_lifted",
    "production_adopted",
    "record_restored",
    "watch_began",
    "watch_sampled",
    "watch_turned",
    "watch_ended",
    "auto_rollback",
    "noted",
    "leftovers_listed",
    "leftover_ticked",
    "leftover_unticked",
    "wave_waits",
    "wave_continued",
    "incident_opened",
    "incident_updated",
    "incident_resolved",
    "incident_reopened",
    "postmortem_written",
    "postmortem_dismissed",
    "users_not_affected",
];

/// One line of the timeline. Its source is always an event of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentLine {
    /// When it happened.
    pub at: DateTime<Utc>,
    pub what: String,
    /// The event that it is from.
    pub seq: Seq,
    /// The later events that it is from too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<Seq>,
    /// The service, if it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_service: Option<ServiceName>,
    /// Who wrote it down, where the time or the text is by a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_by: Option<Actor>,
    /// When it was recorded, if that was later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_at: Option<DateTime<Utc>>,
    /// Where more about it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Whether `link` is the page of a run at an engine of the operator's; otherwise a person wrote it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub link_of_run: bool,
}

/// What the document of an incident is made from.
#[derive(Debug, Clone, Copy)]
pub struct IncidentInput<'a> {
    pub service: &'a ServiceName,
    pub state: &'a ServiceState,
    pub people: &'a People,
    pub policy: &'a IncidentPolicy,
    pub incident: &'a Incident,
    /// Those of [`INCIDENT_FACTS`] in [`Incident::window`], oldest first, of all services that the reader may know.
    pub events: &'a [Event],
}

impl<'a> IncidentInput<'a> {
    /// Those of the service's own events that are in the timeline.
    pub(super) fn in_window(self) -> impl Iterator<Item = &'a Event> {
        let window = self.incident.window(self.state);
        let own = self.events.iter().filter(move |event| event.service == *self.service);
        own.filter(move |event| window.has(event.at))
    }
}

/// How long before the first that is known of an incident its timeline begins.
const LEAD: TimeDelta = TimeDelta::hours(1);
/// How long before it was known what other services did is a part of it.
const OTHERS: TimeDelta = TimeDelta::hours(24);

/// The period of an incident's timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncidentWindow {
    pub from: DateTime<Utc>,
    /// Since when other services are a part of it.
    pub others_from: DateTime<Utc>,
    /// Absent while the incident is open.
    pub until: Option<DateTime<Utc>>,
}

impl IncidentLine {
    /// `event 2`, `events 2, 3`, `4 events from 19 to 24`.
    #[must_use]
    pub fn events_in_words(&self) -> String {
        const NAMED: usize = 3;
        let first = self.seq;
        let Some(last) = self.more.last() else { return format!("event {first}") };
        let count = self.more.len() + 1;
        if last.0 - first.0 + 1 == count as u64 && count >= NAMED {
            return format!("events {first} to {last}");
        }
        if count > NAMED {
            return format!("{count} events from {first} to {last}");
        }
        let all = std::iter::once(&first).chain(&self.more).map(Seq::to_string);
        format!("events {}", all.collect::<Vec<_>>().join(", "))
    }
}

impl IncidentWindow {
    /// Whether something that happened then is a part of it.
    pub(super) fn has(&self, at: DateTime<Utc>) -> bool {
        at >= self.from && self.until.is_none_or(|until| at <= until)
    }
}

impl Incident {
    /// From an hour before the first that is known of it to its end.
    #[must_use]
    pub fn window(&self, state: &ServiceState) -> IncidentWindow {
        let requested = |id: DeploymentId| Some(state.deployments.get(&id)?.requested_at);
        let rolled_back = self.rollbacks.iter().filter_map(|linked| requested(linked.rollback));
        let said = self.updates.iter().filter_map(|update| update.at);
        let known = rolled_back.chain(said).chain([self.opened_at]).min();
        let known = known.unwrap_or(self.opened_at);
        let taken = self.taken_back().filter_map(|taken| requested(taken.deployment));
        let from = taken.chain([known]).min().unwrap_or(known) - LEAD;
        let until = self.resolved.as_ref().map(|end| end.written_at);
        IncidentWindow { from, others_from: from.max(known - OTHERS), until }
    }

    /// What its rollbacks took back, each once.
    pub(super) fn taken_back(&self) -> impl Iterator<Item = TakenBack> {
        let all: BTreeSet<_> = self.rollbacks.iter().flat_map(LinkedRollback::taken).collect();
        all.into_iter()
    }
}

/// What one line needs of other events.
struct LineContext<'a> {
    watches: BTreeMap<Seq, WatchLine>,
    /// The starts of deployments with steps.
    starts: BTreeMap<DeploymentId, &'a Event>,
    /// The holds that rollbacks placed.
    holds: BTreeMap<DeploymentId, Seq>,
}

impl<'a> LineContext<'a> {
    fn of(input: IncidentInput<'a>, window: IncidentWindow) -> Self {
        let watches = watch_lines(input, window);
        let (mut starts, mut holds) = (BTreeMap::new(), BTreeMap::new());
        for event in input.events.iter().filter(|event| event.service == *input.service) {
            match &event.fact {
                Fact::DeploymentStarted { deployment, .. } => {
                    starts.insert(*deployment, event);
                }
                Fact::HoldPlaced { rollback: Some(rollback), .. } => {
                    holds.insert(*rollback, event.seq);
                }
                _ => {}
            }
        }
        starts.retain(|id, _| {
            let made = input.state.deployments.get(id);
            made.is_some_and(|made| !made.request.steps.is_empty())
        });
        Self { watches, starts, holds }
    }

    /// The start of a deployment that was requested in the same second.
    fn start_with(&self, request: &Event) -> Option<&Event> {
        let start = self.starts.get(&DeploymentId::from(request.seq))?;
        (start.at.timestamp() == request.at.timestamp()).then_some(start)
    }
}

/// The lines, oldest first.
#[must_use]
pub fn timeline(input: IncidentInput<'_>) -> Vec<IncidentLine> {
    let window = input.incident.window(input.state);
    let reading = LineContext::of(input, window);
    let told = input.events.iter().filter(|event| INCIDENT_FACTS.contains(&event.fact.kind()));
    let all = told.filter(|event| {
        is_said_of(event, input.incident.id) && event.service == *input.service
            || window.has(event.at)
    });
    let mut lines: Vec<_> = all.filter_map(|event| line(input, window, event, &reading)).collect();
    lines.sort_by_key(|line| (line.at, line.seq));
    lines
}

/// Whether it is a line of this incident, which also counts after its end.
fn is_said_of(event: &Event, id: IncidentId) -> bool {
    match &event.fact {
        Fact::IncidentOpened(_) => IncidentId::from(event.seq) == id,
        Fact::IncidentUpdated(fact) => fact.incident == id,
        Fact::IncidentResolved(fact) => fact.incident == id,
        Fact::IncidentReopened(fact) => fact.incident == id,
        Fact::PostmortemWritten(fact) => fact.incident == id,
        Fact::PostmortemDismissed(fact) => fact.incident == id,
        _ => false,
    }
}

fn line(
    input: IncidentInput<'_>,
    window: IncidentWindow,
    event: &Event,
    reading: &LineContext<'_>,
) -> Option<IncidentLine> {
    let plain = IncidentLine {
        at: event.at,
        what: String::new(),
        seq: event.seq,
        more: Vec::new(),
        other_service: None,
        said_by: None,
        written_at: None,
        link: None,
        link_of_run: false,
    };
    if event.service != *input.service {
        let entry = TimelineEntry::of(event, None, event.at)?;
        let elsewhere = entry.environment.is_some_and(|at| at != Environment::Production);
        let other_service = Some(event.service.clone());
        let line = IncidentLine { what: event.sentence(), other_service, ..plain };
        let is_part = !elsewhere && event.at >= window.others_from;
        return is_part.then(|| dated(line, event));
    }
    let what = own(input, event, reading)?;
    let more = match &event.fact {
        Fact::DeploymentRequested(_) => {
            reading.start_with(event).map(|start| start.seq).into_iter().collect()
        }
        Fact::WatchSampled(_) => {
            reading.watches.get(&event.seq).map(|line| line.more.clone()).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    Some(dated(IncidentLine { what, more, ..plain }, event))
}

/// Sets when it happened, who says so and when, where that is not when it was recorded.
fn dated(line: IncidentLine, event: &Event) -> IncidentLine {
    let by = |at: Option<DateTime<Utc>>, line: IncidentLine| IncidentLine {
        at: at.unwrap_or(event.at),
        said_by: Some(event.actor.clone()),
        written_at: at.map(|_| event.at),
        ..line
    };
    match &event.fact {
        Fact::Noted(note) => {
            let line = IncidentLine { link: note.link.clone(), ..line };
            if note.observed.is_some() { line } else { by(note.changed_at, line) }
        }
        Fact::IncidentUpdated(updated) => by(updated.at, line),
        Fact::IncidentResolved(resolved) => by(resolved.at, line),
        // When it was, by the clock of the other engine.
        Fact::ObservedEnded { at, .. } => {
            IncidentLine { at: *at, written_at: Some(event.at), ..line }
        }
        Fact::DeploymentObserved(seen) => {
            let (written_at, page) = (Some(event.at), seen.page.clone());
            IncidentLine { at: seen.at, written_at, link: page, link_of_run: true, ..line }
        }
        Fact::UnknownObserved(seen) => {
            let (written_at, page) = (Some(event.at), seen.page.clone());
            IncidentLine { at: seen.at, written_at, link: page, link_of_run: true, ..line }
        }
        Fact::IncidentOpened(_)
        | Fact::IncidentReopened(_)
        | Fact::UsersNotAffected(_)
        | Fact::PostmortemWritten(_)
        | Fact::PostmortemDismissed(_) => by(None, line),
        _ => line,
    }
}

/// What a line says of an event of the service itself; `None` if it has none.
fn own(input: IncidentInput<'_>, event: &Event, reading: &LineContext<'_>) -> Option<String> {
    let of = |id: DeploymentId| of_production(input.state, id);
    match &event.fact {
        Fact::DeploymentRequested(_) => {
            of(DeploymentId::from(event.seq))?;
            Some(requested(event, reading.start_with(event).is_some()))
        }
        Fact::DeploymentStarted { deployment, .. } => {
            let made = of(*deployment).filter(|_| reading.starts.contains_key(deployment))?;
            let is_said = made.requested_at.timestamp() == event.at.timestamp()
                && made.request.kind != DeploymentKind::External;
            (!is_said).then(|| format!("{} started ({deployment})", about(made)))
        }
        Fact::StepEnded { deployment, step, outcome, .. } => {
            let made = of(*deployment).filter(|_| *outcome != StepOutcome::Succeeded)?;
            let spec = made.request.steps.get(*step);
            let name = spec.map_or_else(|| format!("{}", step + 1), |spec| spec.name.clone());
            Some(format!("step {name} of {} ({deployment}): {outcome}", about(made)))
        }
        Fact::DeploymentEnded { deployment, outcome }
        | Fact::ObservedEnded { deployment, outcome, .. } => {
            of(*deployment).map(|made| ended(made, outcome))
        }
        Fact::CancelRequested { deployment, .. } => of(*deployment).map(|_| event.sentence()),
        Fact::WatchSampled(_) => reading.watches.get(&event.seq).map(|line| line.what.clone()),
        Fact::WatchTurned(turned) => of(turned.deployment).map(|_| event.sentence()),
        Fact::DeploymentObserved(_) => {
            let id = DeploymentId::from(event.seq);
            of(id).map(|_| format!("{}{}", event.sentence(), as_rollback(input, id, reading)))
        }
        Fact::IncidentUpdated(updated) => of_incident(input, updated.incident, event),
        Fact::PostmortemWritten(written) => of_incident(input, written.incident, event),
        Fact::PostmortemDismissed(dismissed) => of_incident(input, dismissed.incident, event),
        Fact::BuildVerified { build, .. } => {
            let mut taken = input.incident.taken_back();
            taken.any(|taken| taken.build == *build).then(|| event.sentence())
        }
        // Who changed it comes first, and not who wrote it down.
        Fact::Noted(note @ ChangeNote { who: Some(who), observed: None, .. }) => {
            // Of one that is dated back the line says anyway who wrote it.
            let noted = note.changed_at.is_none().then(|| format!(", as {} noted", event.actor));
            Some(format!("{who} changed {}{}", note.label(), noted.unwrap_or_default()))
        }
        _ => {
            let subject = event.subject();
            let elsewhere = subject.environment.is_some_and(|at| at != Environment::Production)
                || subject.deployment.is_some_and(|id| {
                    let made = input.state.deployments.get(&id);
                    made.is_some_and(|made| made.request.environment != Environment::Production)
                });
            (!elsewhere).then(|| event.sentence())
        }
    }
}

/// `; this is the rollback d12 of #3 (event 14)`, for a deployment at another engine that is one of the incident's rollbacks.
fn as_rollback(input: IncidentInput<'_>, id: DeploymentId, reading: &LineContext<'_>) -> String {
    let linked = input.incident.rollbacks.iter().find(|linked| linked.rollback == id);
    let Some(linked) = linked else { return String::new() };
    let of = linked.took_back.map_or_else(String::new, |taken| format!(" of {}", taken.build));
    let hold = reading.holds.get(&id).map(|seq| format!(" (event {seq})")).unwrap_or_default();
    format!("; this is the rollback {id}{of}{hold}")
}

pub(super) fn of_production(state: &ServiceState, id: DeploymentId) -> Option<&Deployment> {
    let made = state.deployments.get(&id);
    made.filter(|made| made.request.environment == Environment::Production)
}

/// What people say of this incident; of another one only its beginning and its end are lines.
fn of_incident(input: IncidentInput<'_>, id: IncidentId, event: &Event) -> Option<String> {
    (id == input.incident.id).then(|| event.sentence())
}

/// `promote of #12`, `rollback to #11`.
fn about(made: &Deployment) -> String {
    let kind = made.request.kind;
    let of = if kind == DeploymentKind::Rollback { "to" } else { "of" };
    format!("{} {of} {}", kind.noun(), made.deployed())
}

/// Who asked for it and what they overrode, and who else wrote it: the second pair of eyes.
fn requested(event: &Event, is_started: bool) -> String {
    let Fact::DeploymentRequested(request) = &event.fact else { return event.sentence() };
    let is_said = |finding: &&crate::domain::plan::Finding| {
        finding.guard == Guard::Author && finding.severity == Severity::Info
    };
    let eyes = request.findings.iter().find(is_said);
    let eyes = eyes.map(|finding| finding.sentence.clone());
    let started = if is_started { ", started at once" } else { "" };
    let (by, id) = (&event.actor, DeploymentId::from(event.seq));
    let asked = format!("{by} {} ({id}){started}", request.action());
    let retry = request.retries.map(|retried| format!("retry of {retried}"));
    let parts = std::iter::once(asked).chain(retry).chain(overrides_in_words(request)).chain(eyes);
    parts.collect::<Vec<_>>().join("; ")
}

/// `rollback to #11 (d57) succeeded, 1m30s after its request`.
fn ended(made: &Deployment, outcome: &Outcome) -> String {
    let Some(end) = &made.ended else { return format!("{} ({}) {outcome}", about(made), made.id) };
    // One that trunkline only saw has no request here.
    let took = match made.started_at.filter(|_| made.request.kind == DeploymentKind::External) {
        Some(started) => format!(", {} after its start", say(between(started, end.at))),
        None => format!(", {} after its request", say(between(made.requested_at, end.at))),
    };
    format!("{} ({}) {outcome}{took}", about(made), made.id)
}
